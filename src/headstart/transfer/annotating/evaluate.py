"""Evaluation of a fitted model on annotated data."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations import Boxes, MaskArray, Sentence, plain_annotation
from headstart.annotations.units import ITEM_OF
from headstart.data import ReadOptions
from headstart.errors import DataError
from headstart.evaluate.evaluation import Evaluation
from headstart.evaluate.formatting import figure
from headstart.heads.boxes.detections import limit_note
from headstart.io import atomic_folder, write_json
from headstart.model.annotator import AnnotationModel
from headstart.model.as_fitted import check_any_left, part_of
from headstart.report import evaluation_report
from headstart.reporting import Reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import read_labelled
from headstart.transfer.annotating.contract import ANNOTATING
from headstart.transfer.annotating.judge import describe_data
from headstart.transfer.stages.context import Clock
from headstart.transfer.stages.record import environment
from headstart.transfer.stages.result_folder import ResultFolder
from headstart.transfer.stages.training_items import are_among, training_contents
from headstart.types import Dataset

__all__ = ["ANNOTATION_EVALUATION", "AnnotationEvaluation", "as_fitted", "coded", "evaluate_annotations", "fitted_on"]

FILES = {"metrics.json", "predictions.jsonl", "report.html"}
ANNOTATION_EVALUATION = ResultFolder("an evaluation", "evaluation of headstart", "metrics.json", FILES)
"""The folder that an evaluation of annotations writes."""
MOST_EXAMPLES = 24


@dataclass(frozen=True)
class AnnotationEvaluation:
    """The evaluation of a model on annotated data.

    Attributes:
        evaluation: metrics with intervals, and metrics per type.
        data: the n evaluated items with their labels.
        found: the annotations of the model.
        failures: reasons by name, for items that could not be read.
        fitted_on: number of items that the model was fitted on; if there are any, the metrics are too good.
        record: everything above except the items, as plain JSON values, as in ``metrics.json`` and the report.

    Examples:
        >>> from headstart import evaluate, fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> found = evaluate(run, made_sentences(6, seed=1), verbose=False)
        >>> list(found.metrics)[0], len(found.found)
        ('span_f1', 6)
    """

    evaluation: Evaluation
    data: Dataset = field(compare=False, repr=False)
    found: list[Any] = field(compare=False, repr=False)
    failures: Mapping[str, str]
    fitted_on: int
    record: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Metrics with their intervals by name; the main one first."""
        return self.evaluation.metrics

    def __repr__(self) -> str:
        """The metrics, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        found = self.evaluation
        facts = [(name.replace("_", " "), str(one)) for name, one in found.metrics.items() if name != found.main]
        facts += [("warning", text) for text in self.record["warnings"]]
        main, noun = found.main.replace("_", " "), ITEM_OF[self.record["task"]["kind"]]
        return f"Evaluation: {main} {found.metrics[found.main]} on {found.n:,} {noun}s", facts

    def save(self, folder: str | Path, *, overwrite: bool = True) -> Path:
        """Write ``metrics.json``, ``predictions.jsonl`` and ``report.html``.

        Args:
            folder: a new or empty folder, or one that an evaluation wrote.
            overwrite: whether an existing evaluation is replaced.

        Returns:
            The folder.

        Raises:
            UsageError: if the folder holds anything else, or an evaluation that must be kept.
            SaveError: if it cannot be written.
        """
        target = Path(folder)
        ANNOTATION_EVALUATION.check(target, overwrite=overwrite)
        with atomic_folder(target) as scratch:
            write_json(scratch / "metrics.json", {"kind": ANNOTATION_EVALUATION.kind, **self.record})
            (scratch / "predictions.jsonl").write_text("".join(self._lines()), encoding="utf-8")
            (scratch / "report.html").write_text(evaluation_report(self.record, target.name), encoding="utf-8")
        return target

    def _lines(self) -> Sequence[str]:
        task, y = self.data.labelled()
        rows = zip(self.data.ids, self.data.items, y, self.found, strict=True)
        return [
            json.dumps(
                {
                    "id": name,
                    "label": plain_annotation(item, truth, task.labels),
                    "predicted": plain_annotation(item, found, task.labels),
                },
                ensure_ascii=False,
            )
            + "\n"
            for name, item, truth, found in rows
        ]


def evaluate_annotations(
    model: AnnotationModel,
    data: Any,
    reading: ReadOptions,
    reporter: Reporter,
    *,
    split: str | None = None,
    seed: int = 0,
    command: str | None = None,
    report_items: int = MOST_EXAMPLES,
) -> AnnotationEvaluation:
    """Evaluate a model on annotated data, with the metrics and intervals of a fit.

    Args:
        model: the model; its run folder tells which items it was fitted on.
        data: annotated data.
        reading: how to read them; ``task`` is that of the model where it is None.
        reporter: receives what is found.
        split: which part to use of data that have a split; default: test, else val, else train.
        seed: of the resamples.
        command: the command line, for the record.
        report_items: the largest number of items that the report shows.

    Raises:
        DataError: if the data cannot be used, or have types that the model does not know.
        ItemError: if no item can be read.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import drawn_cells, made_sentences
        >>> from headstart.reporting import SilentReporter
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> evaluate_annotations(run.model, drawn_cells(1), ReadOptions(), SilentReporter())
        Traceback (most recent call last):
        headstart.errors.DataError: The task of the data that the demo makes is mask, but that of the model is ...
    """
    clock = Clock.start()
    used, part = part_of(coded(read_labelled(data, as_fitted(reading, model)), model), split)
    for note in used.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        found = model.predict_readable(used.items, progress=step)
    check_any_left(len(found.index), used.ids, found.failures)
    failures = {used.ids[position]: reason for position, reason in found.failures.items()}
    for name, reason in failures.items():
        reporter.warning(f"Set aside {name}: {reason}")
    judged = used.take(found.index)
    evaluation = ANNOTATING[model.task.kind].evaluate(judged, found.found, seed=seed)
    folder = model.folder
    noun = ITEM_OF[model.task.kind]
    known = fitted_on(training_contents(folder) | model.contents, judged, reporter, model)
    warnings = []
    if known:
        warnings.append(
            f"This model was fitted on {known} of the {len(judged)} {noun}s, so these metrics are too good."
        )
    if limit := limit_note(found.found):
        warnings.append(limit)
    examples = ANNOTATING[model.task.kind].examples(judged, found.found, min(report_items, MOST_EXAMPLES))
    record = {
        "task": model.task.to_dict(),
        "source": asdict(model.source.info),
        "head": {"name": model.head.name, "left_out_metric": evaluation.main, "left_out": None, "compared": []},
        "evaluation": {"how": "labelled data given to the model", **evaluation.to_dict()},
        "annotations": {"examples": list(examples)},
        "data": {
            "origin": used.origin, "modality": used.modality, "items": len(used), "used": len(judged), "sha256": None,
            "notes": list(used.notes), "audit": [], "set_aside": list(failures.values()),
        },
        "encoding": {},
        "environment": environment(),
        "model": "" if folder is None else str(folder),
        "part": part,
        "fitted_on": known,
        "warnings": warnings,
        "shift": None,
        "drift": None,
        "seed": seed,
        "command": command,
        "seconds": {"fit": clock.elapsed},
    }  # fmt: skip
    _report(evaluation, judged, part, warnings, reporter)
    return AnnotationEvaluation(evaluation, judged, found.found, failures, known, record)


def as_fitted(reading: ReadOptions, model: AnnotationModel) -> ReadOptions:
    """The options with the task of the model where they name none.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> as_fitted(ReadOptions(), run.model).task
        'token'
    """
    return replace(reading, task=reading.task or model.task.kind)


def coded(dataset: Dataset, model: AnnotationModel, *, new_labels: bool = False) -> Dataset:
    """The data with types coded as the model's.

    Args:
        dataset: annotated data.
        model: the model.
        new_labels: whether types that the model does not have are new ones, which stand behind its own; else, and for
            masks, they are refused.

    Raises:
        DataError: if the data are of another task, or have types that are refused.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> data = made_sentences(5)
        >>> run = fit(data, source="toy", baselines="none", verbose=False)
        >>> coded(data, run.model).task == run.model.task
        True
    """
    task, y = dataset.labelled()
    if task.kind != model.task.kind:
        raise DataError(
            f"The task of {dataset.origin} is {task.kind}, but that of the model is {model.task.kind}; give data of "
            "that kind."
        )
    unknown = tuple(sorted(label for label in task.labels if label not in model.task.labels))
    if unknown and (not new_labels or task.kind == "mask"):
        known = ", ".join(model.task.labels[:10])
        raise DataError(
            f"{dataset.origin} has the type '{unknown[0]}', which the model does not know; its types are: {known}."
        )
    wanted = replace(model.task, labels=model.task.labels + unknown)
    if task.labels == wanted.labels or task.kind == "token":
        return replace(dataset, task=wanted)
    codes = np.array([wanted.labels.index(label) for label in task.labels])
    renumbered = np.empty(len(y), object)
    renumbered[:] = [_renumbered(one, codes) for one in y]
    return replace(dataset, task=wanted, y=renumbered)


def _renumbered(annotation: Any, codes: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
    if isinstance(annotation, Boxes):
        return replace(annotation, labels=codes[annotation.labels])
    classes = annotation.classes()
    return MaskArray(np.where(classes < 0, classes, codes[classes]).astype(np.int16), annotation.instances())


def fitted_on(contents: Collection[str], dataset: Dataset, reporter: Reporter, model: AnnotationModel) -> int:
    """How many items have the content of one that the model was fitted on.

    Args:
        contents: digests of the contents of the model's items; empty where they are not known.
        dataset: n items.
        reporter: receives the progress.
        model: tells whether the feature store is used.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> from headstart.reporting import SilentReporter
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> fitted_on(run.model.contents, made_sentences(5), SilentReporter(), run.model)
        5
    """
    if not contents:
        return 0
    texts = [item.text for item in dataset.items if isinstance(item, Sentence)]
    plain = replace(dataset, task=None, y=None, items=texts or dataset.items)
    return int(are_among(contents, plain, reporter, cache=model.engine.cache).sum())


def _report(evaluation: Evaluation, dataset: Dataset, part: str, warnings: Sequence[str], reporter: Reporter) -> None:
    reporter.line("data", f"{describe_data(dataset)} ({part})")
    for name, metric in evaluation.metrics.items():
        say = reporter.result if name == evaluation.main else reporter.line
        say(name.replace("_", " "), figure(metric.value, metric.low, metric.high))
    for text in warnings:
        reporter.warning(text)
