"""The result of a fit of annotated items, and its run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations import plain_annotation
from headstart.annotations.units import ITEM_OF
from headstart.engine.options import Engine
from headstart.evaluate.evaluation import Evaluation
from headstart.io import atomic_folder, check_replaceable, remove_leftovers, write_json
from headstart.model.annotator import AnnotationModel
from headstart.model.files.annotation_model import annotation_kind
from headstart.model.files.version_files import version_folder
from headstart.report import html_report, model_card
from headstart.reporting.summary import summary_html, summary_text
from headstart.transfer.annotating.fit import FittedAnnotations
from headstart.transfer.stages.compare import Baseline

__all__ = ["AnnotationRun", "annotation_tables", "open_annotator"]

MANIFEST = ("source", "encoding", "seed", "command", "when", "environment")

Table = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class AnnotationRun:
    """The result of a fit of annotated items.

    Attributes:
        model: the fitted model.
        evaluation: metrics on held-out items.
        baselines: the same metrics for each baseline, with the paired gain over it.
        record: everything above as plain JSON values, as in ``metrics.json`` and the report.
        path: the run folder, or None if none was written.
        tables: ``splits`` and ``predictions`` as columns, as in the run folder.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> len(run.predict(["Ada Rossi flew to Paris on Monday .", "It was late ."]))
        2
    """

    model: AnnotationModel
    evaluation: Evaluation
    baselines: tuple[Baseline, ...]
    record: Mapping[str, Any]
    path: Path | None = None
    tables: Mapping[str, Table] = field(default_factory=dict, compare=False, repr=False)

    def __repr__(self) -> str:
        """The main results, in a few lines."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        found = self.evaluation
        facts = [("source", self.model.source.info.name), ("judged by", str(self.record["evaluation"]["how"]))]
        facts += [(name.replace("_", " "), str(one)) for name, one in found.metrics.items() if name != found.main]
        facts += [("baseline", f"{one.name}: {one.evaluation.metrics[found.main]}") for one in self.baselines]
        facts += [] if self.path is None else [("saved", str(self.path))]
        main = found.main.replace("_", " ")
        return f"Run: {main} {found.metrics[found.main]} on {found.n:,} {ITEM_OF[self.model.task.kind]}s", facts

    def predict(self, items: Sequence[Any]) -> list[Any]:
        """Spans, boxes or a mask for each of n new items."""
        return self.model.predict(items)

    def save(self, folder: str | Path, *, overwrite: bool = True) -> Path:
        """Write the run folder: model, metrics, splits, predictions, model card and report.

        Args:
            folder: a new or empty folder, or one that a fit or a model wrote.
            overwrite: whether an existing run is replaced.

        Returns:
            The folder; `headstart.load` opens its model.

        Raises:
            UsageError: if the folder holds anything else, or a run that must be kept.
            SaveError: if it cannot be written.
        """
        target, record = Path(folder), self.record
        check_replaceable(target, overwrite=overwrite)
        remove_leftovers(target)
        with atomic_folder(target) as scratch:
            self.model.write(scratch)
            write_json(scratch / "metrics.json", {key: record[key] for key in record if key not in MANIFEST})
            data = {**record["data"], "path": _place(record["data"]["origin"])}
            write_json(scratch / "manifest.json", {"data": data, **{key: record[key] for key in MANIFEST}})
            for name, table in self.tables.items():
                _write_parquet(scratch / f"{name}.parquet", table)
            (scratch / "logs").mkdir()
            (scratch / "README.md").write_text(model_card(record, target.name), encoding="utf-8")
            (scratch / "report.html").write_text(html_report(record, target.name), encoding="utf-8")
        return target


def open_annotator(model: object, engine: Engine | None) -> AnnotationModel | None:
    """The model that annotates items, where ``model`` is one, its run or its folder; else None.

    Args:
        model: a model, a run, or the folder of one.
        engine: how items are encoded; None for the engine of the model.

    Examples:
        >>> open_annotator("nowhere", None) is None
        True
    """
    if isinstance(model, str | Path):
        if annotation_kind(version_folder(Path(model))) is None:
            return None
        return AnnotationModel.load(model, engine=engine or Engine())
    if isinstance(model, AnnotationRun):
        model = replace(model.model, folder=model.path)
    if not isinstance(model, AnnotationModel):
        return None
    return model if engine is None else replace(model, engine=engine)


def annotation_tables(fitted: FittedAnnotations) -> dict[str, Table]:
    """The part of each item, and truth and predictions of the evaluated ones as JSON.

    Args:
        fitted: the result of the fit.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> tables = fit(made_sentences(5), source="toy", baselines="none", verbose=False).tables
        >>> list(tables["splits"]), list(tables["predictions"])
        (['id', 'part', 'cluster', 'content'], ['id', 'label', 'predicted'])
    """
    used, plan, task = fitted.dataset, fitted.plan, fitted.model.task
    part = np.full(len(used), "train", dtype=object)
    for number, (_, test) in enumerate(plan.parts):
        part[test] = "test" if len(plan.parts) == 1 else f"fold {number}"
    kept = np.flatnonzero(fitted.audit.keep)
    splits = {
        "id": list(used.ids), "part": part.tolist(), "cluster": fitted.clusters.tolist(),
        "content": [fitted.audit.content[row] for row in kept],
    }  # fmt: skip
    truth = used.take(plan.evaluated)
    rows = zip(truth.items, truth.labelled()[1], fitted.judged.found, strict=True)
    pairs = [(_json(item, right, task.labels), _json(item, found, task.labels)) for item, right, found in rows]
    predictions = {"id": list(truth.ids), "label": [one for one, _ in pairs], "predicted": [one for _, one in pairs]}
    return {"splits": splits, "predictions": predictions}


def _json(item: Any, annotation: Any, labels: Sequence[str]) -> str:
    return json.dumps(plain_annotation(item, annotation, labels), ensure_ascii=False)


def _place(origin: str) -> str | None:
    return os.path.realpath(Path(origin[1:-1]).expanduser()) if origin.startswith("'") else None


def _write_parquet(path: Path, columns: Table) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({name: list(column) for name, column in columns.items()}), path)
