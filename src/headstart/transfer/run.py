"""The result of a fit: the model, its evaluation, the record, and the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import Audit
from headstart.engine.options import Engine
from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.learning_curve import LearningCurve
from headstart.explain import Explanation, explain
from headstart.io import check_replaceable, remove_leftovers
from headstart.model import TransferModel
from headstart.model.summary import model_facts
from headstart.report.plots import Plots
from headstart.reporting.summary import summary_html, summary_text
from headstart.transfer.stages.compare import Baseline
from headstart.transfer.stages.run_folder import RunTables, write_run

__all__ = ["Run", "open_model"]


@dataclass(frozen=True)
class Run:
    """The result of a fit.

    Attributes:
        model: the fitted model.
        evaluation: metrics on held-out items.
        baselines: the same metrics for each baseline, with the paired gain over it.
        audit: the findings in the data.
        record: everything above as plain JSON values, as in ``metrics.json`` and the report.
        path: the run folder, or None if none was written.
        tables: splits, predictions and logs, as in the run folder.

    Examples:
        >>> import headstart
        >>> run = headstart.fit(([[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, ["low"] * 3 + ["high"] * 3))
        Traceback (most recent call last):
        headstart.errors.DataError: Got 18 items, but 6 labels; give one label for each item.
    """

    model: TransferModel
    evaluation: Evaluation
    baselines: tuple[Baseline, ...]
    audit: Audit
    record: Mapping[str, Any]
    path: Path | None = None
    tables: RunTables | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """The main results, in a few lines."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        found, facts = self.evaluation, model_facts(self.model.task, self.model.head, self.model.source.info)
        facts.append(("judged by", str(self.record["evaluation"]["how"])))
        facts += [(name.replace("_", " "), str(metric)) for name, metric in found.metrics.items() if name != found.main]
        facts += [("baseline", f"{one.name}: {next(iter(one.evaluation.metrics.values()))}") for one in self.baselines]
        facts += [("more labels", self.learning_curve.sentence)] if self.learning_curve else []
        facts += [("warning", finding.message) for finding in self.audit.findings if finding.severity != "info"]
        facts += [] if self.path is None else [("saved", str(self.path))]
        main = found.main.replace("_", " ")
        return f"Run: {main} {found.metrics[found.main]} on {found.n:,} items", facts

    @property
    def learning_curve(self) -> LearningCurve | None:
        """Errors by number of labels, and what more labels would bring; None if the fit could not measure it."""
        saved = self.record.get("learning_curve")
        return None if saved is None else LearningCurve.from_dict(saved)

    @property
    def plot(self) -> Plots:
        """The diagrams of the report for a notebook, such as ``run.plot.confusion()``; they need the extra ``plot``."""
        return Plots(self.record)

    def explain(self, item: Any, **options: Any) -> Explanation:
        """Why the model answers as it does for one item, as `TransferModel.explain`."""
        return explain(self.model, item, **options)

    def predict(self, items: Sequence[Any]) -> list[Any]:
        """Labels or values of n new items."""
        return self.model.predict(items)

    def predict_proba(self, items: Sequence[Any]) -> NDArray[np.float64]:
        """Calibrated probabilities (n, labels) of n new items; for regression their values (n, targets)."""
        return self.model.predict_proba(items)

    def save(self, folder: str | Path, *, overwrite: bool = True) -> Path:
        """Write the run folder: model, metrics, splits, predictions, model card and report, as ``out`` of `fit` does.

        Args:
            folder: a new or empty folder, or one that a fit or a model wrote.
            overwrite: whether an existing run is replaced.

        Returns:
            The folder; `headstart.load` opens its model.

        Raises:
            UsageError: if the folder holds anything else, or a run that must be kept.
            SaveError: if it cannot be written.
        """
        check_replaceable(Path(folder), overwrite=overwrite)
        remove_leftovers(Path(folder))
        if self.tables is None:
            return self.model.save(folder, overwrite=overwrite)
        write_run(Path(folder), self.model, self.record, self.tables)
        return Path(folder)


def open_model(model: TransferModel | Run | str | Path, engine: Engine | None) -> tuple[TransferModel, Path | None]:
    """The model, and the run folder that records which items it was fitted on; None if it has no folder.

    Args:
        model: a model, a run, or the folder of one.
        engine: how items are encoded; None for the engine of the model.

    Raises:
        NoModelError: if the folder is not a model.
        ModelFolderError: if it is incomplete or damaged.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> open_model(model, None)[1] is None
        True
    """
    folder = model.path if isinstance(model, Run) else None
    if isinstance(model, str | Path):
        loaded = TransferModel.load(model, engine=engine or Engine())
        return loaded, loaded.folder
    opened = model.model if isinstance(model, Run) else model
    folder = folder or opened.folder
    return (opened if engine is None else replace(opened, engine=engine)), folder
