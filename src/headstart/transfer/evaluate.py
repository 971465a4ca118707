"""Evaluation of a fitted model on labelled data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, union_groups
from headstart.engine.options import Engine
from headstart.evaluate.certainty.blocks import certainty_blocks
from headstart.evaluate.coverage import CoveragePart, realised_coverage
from headstart.evaluate.diagrams import diagrams, subgroups
from headstart.evaluate.evaluation import Evaluation, evaluate_predictions
from headstart.evaluate.formatting import figure
from headstart.evaluate.shift.losses import LossShift, loss_shift
from headstart.linear.mean_drift import MeanDrift
from headstart.model import AnnotationModel, Prediction, TransferModel
from headstart.model.as_fitted import check_any_left, part_of, read_for
from headstart.params import check_number
from headstart.report import EMPTY
from headstart.report.plots import Plots
from headstart.report.size import report_words
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.reporting.wording import plural
from headstart.tasks import task_methods
from headstart.transfer.annotating.evaluate import AnnotationEvaluation, evaluate_annotations
from headstart.transfer.annotating.run import AnnotationRun, open_annotator
from headstart.transfer.drifting.batch import BatchShift, batch_shift
from headstart.transfer.run import Run, open_model
from headstart.transfer.stages.absent_classes import absent_classes
from headstart.transfer.stages.context import Clock
from headstart.transfer.stages.coverage import coverage_record
from headstart.transfer.stages.evaluation_folder import EVALUATION, write_evaluation
from headstart.transfer.stages.gallery import REPORT_ITEMS, GalleryPlan, plan_evaluation_gallery
from headstart.transfer.stages.record import environment
from headstart.transfer.stages.text_audit import text_findings, texts_read_by
from headstart.transfer.stages.training_items import are_among, training_contents
from headstart.transfer.teaching.drift import drift_of
from headstart.types import Dataset, Modality, TaskKind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelEvaluation", "evaluate"]

Judgement = TypeVar("Judgement", "ModelEvaluation", AnnotationEvaluation)


@dataclass(frozen=True)
class ModelEvaluation:
    """The evaluation of a model on labelled data.

    Attributes:
        evaluation: metrics with intervals, metrics per class, and the confusion matrix.
        ids: names of the n evaluated items.
        truth: their labels or values.
        predicted: the predicted ones.
        outputs: (n, k) probabilities or values, one column per label or target.
        labels: names of the columns.
        failures: reasons by name, for items that could not be read.
        fitted_on: number of items that the model was fitted on; if there are any, the metrics are too good.
        shift: whether the losses differ from the leave-one-out losses of the fit; None if that is unknown.
        record: everything above except the items, as plain JSON values, as in ``metrics.json`` and the report.
        gallery: the items that the report shows; None for none.
        drift: how far the items lie from those of the fit, given their classes; None where that is unknown, and for
            items of the fit.
        batch_shift: whether the items differ from those of the fit, whatever their classes; None for fewer than 50.

    Examples:
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> from headstart.transfer import fit
        >>> run = fit((rows, ["left"] * 10 + ["right"] * 10), baselines="none", verbose=False)
        >>> found = evaluate(run, (rows[5:15] + 0.001, ["left"] * 5 + ["right"] * 5), verbose=False)
        >>> found.evaluation.n, found.predictions["predicted"].value_counts().to_dict()
        (10, {'left': 5, 'right': 5})
    """

    evaluation: Evaluation
    ids: tuple[str, ...]
    truth: list[Any] = field(compare=False)
    predicted: list[Any] = field(compare=False)
    outputs: NDArray[np.float64] = field(compare=False)
    labels: tuple[str, ...]
    failures: Mapping[str, str]
    fitted_on: int
    shift: LossShift | None
    record: Mapping[str, Any] = field(compare=False)
    gallery: GalleryPlan | None = field(default=None, compare=False, repr=False)
    drift: MeanDrift | None = None
    batch_shift: BatchShift | None = None

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Metrics with their intervals by name; the main one first."""
        return self.evaluation.metrics

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per evaluated item: id, label, predicted, and ``output.LABEL`` for each label."""
        import pandas as pd

        outputs = {f"output.{label}": column for label, column in zip(self.labels, self.outputs.T, strict=True)}
        return pd.DataFrame({"id": list(self.ids), "label": self.truth, "predicted": self.predicted, **outputs})

    @property
    def plot(self) -> Plots:
        """The diagrams of the report for a notebook, ``found.plot.confusion()``; they need the extra ``plot``."""
        return Plots(self.record)

    def save(self, folder: str | Path, *, overwrite: bool = True) -> Path:
        """Write ``metrics.json``, ``confusion.csv``, ``predictions.csv``, ``predictions.parquet`` and ``report.html``.

        Args:
            folder: a new or empty folder, or one that an evaluation wrote.
            overwrite: whether an existing evaluation is replaced.

        Returns:
            The folder.

        Raises:
            UsageError: if the folder holds anything else, or an evaluation that must be kept.
            SaveError: if it cannot be written.
        """
        EVALUATION.check(Path(folder), overwrite=overwrite)
        shown = EMPTY if self.gallery is None else self.gallery.build()
        write_evaluation(Path(folder), self.record, self.predictions, shown)
        return Path(folder)

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
        main = found.main.replace("_", " ")
        return f"ModelEvaluation: {main} {found.metrics[found.main]} on {found.n:,} items", facts


def evaluate(
    model: TransferModel | AnnotationModel | Run | AnnotationRun | str | Path,
    data: Any,
    *,
    split: str | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    annotations: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = True,
    seed: int = 0,
    engine: Engine | None = None,
    report_items: int = REPORT_ITEMS,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
) -> ModelEvaluation | AnnotationEvaluation:
    """Evaluate a model on labelled data, with the metrics and intervals of a fit.

    Args:
        model: a model, a run, or the folder of one.
        data: labelled data, as in `fit`.
        split: which part to use of data that have a split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``; default:
            test, else val, else train.
        label: as in `fit`; default: the columns that the model was fitted on.
        item: as in `fit`; default: the columns that the model was fitted on.
        task: as in `fit`; default: that of the model.
        modality: as in `fit`.
        group_col: column of groups, which are resampled together.
        group_pattern: as in `fit`.
        time_col: column of times.
        annotations: format of annotations and its settings where they cannot be told from the files, such as
            ``"conll,scheme=BILOU"``; see `headstart.data.read`.
        out: folder for metrics, confusion matrix, predictions and the report; default: none.
        overwrite: whether an existing evaluation is replaced.
        seed: of the resamples; default 0.
        engine: how items are encoded; default: that of the model.
        report_items: as in `fit`.
        verbose: as in `fit`.
        reporter: as in `fit`.
        command: the command line, for the record.

    Returns:
        Metrics, predictions, and the warnings that apply to them; an `AnnotationEvaluation` for annotated items.

    Raises:
        DataError: if the data cannot be used, or do not fit the model.
        ItemError: if no item can be read.
        UsageError: if ``out`` holds something other than an evaluation, or one that must be kept.
        SaveError: if ``out`` cannot be written.

    Examples:
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> from headstart.transfer import fit
        >>> run = fit((rows, ["left"] * 10 + ["right"] * 10), baselines="none", verbose=False)
        >>> evaluate(run, (rows[:4] + 0.001, ["left"] * 4), verbose=False).metrics["accuracy"].value
        1.0
    """
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=annotations,
    )  # fmt: skip
    reporter, clock = chosen_reporter(reporter, verbose=verbose), Clock.start()
    if out is not None:
        EVALUATION.check(Path(out), overwrite=overwrite, reporter=reporter)
    check_number(report_items, "report_items", "evaluate", low=0, integer=True)
    if (annotating := open_annotator(model, engine)) is not None:
        judged_annotations = evaluate_annotations(
            annotating, data, reading, reporter, split=split, seed=seed, command=command, report_items=report_items
        )
        return _saved(judged_annotations, out, reporter)
    opened, folder = open_model(cast("TransferModel | Run | str | Path", model), engine)
    given = _predicted(opened, *part_of(read_for(opened, data, reading), split), reporter)
    judged = _judged(opened, given, folder, seed, reporter)
    _report(judged, given, reporter)
    record = {
        **judged.record,
        "seed": seed,
        "command": command,
        "seconds": {"fit": clock.elapsed, "encoding": _encoding_seconds(given.prediction)},
    }
    gallery = plan_evaluation_gallery(given.used, opened.task, given.prediction.outputs, report_items)
    return _saved(replace(judged, record=record, gallery=gallery), out, reporter)


def _saved(judged: Judgement, out: str | Path | None, reporter: Reporter) -> Judgement:
    if out is not None:
        judged.save(out)
        reporter.line("saved", f"{out}; read {report_words(Path(out))}")
    return judged


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Predictions for the labelled items that could be read, the reasons for the others, and the part they are from."""

    used: Dataset
    part: str
    prediction: Prediction
    failures: Mapping[str, str]


def _predicted(model: TransferModel, dataset: Dataset, part: str, reporter: Reporter) -> _Predicted:
    for note in dataset.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        found = model.predict_readable(dataset.items, progress=step)
    check_any_left(len(found.index), dataset.ids, found.failures)
    failures = {dataset.ids[position]: reason for position, reason in found.failures.items()}
    for name, reason in failures.items():
        reporter.warning(f"Set aside {name}: {reason}")
    return _Predicted(dataset.take(found.index), part, found, failures)


def _judged(
    model: TransferModel, given: _Predicted, folder: Path | None, seed: int, reporter: Reporter
) -> ModelEvaluation:
    used, outputs, task = given.used, given.prediction.outputs, model.task
    _warn_of_texts(model, used, reporter)
    fitted = training_contents(folder)
    fitted_on = int(are_among(fitted, used, reporter, cache=model.engine.cache).sum()) if fitted else 0
    groups = None if used.groups is None else union_groups(used.groups, np.arange(len(used)))
    truth = used.labelled()[1]
    found = evaluate_predictions(task, truth, outputs, groups=groups, seed=seed)
    shift = drift = batch = None  # items of the fit have lower losses than new ones, which would look like a shift
    if not fitted_on:
        drift, batch = _drift(model, given), _batch(model, given)
        shift = loss_shift(model.head.left_out, task, outputs, truth, groups)
    # the same keys as in the record of a fit, so that one report shows both
    shown: dict[str, Any] = {"diagrams": diagrams(task, truth, outputs)}
    if used.groups is not None and (by_group := subgroups(task, truth, outputs, used.groups)):
        shown["subgroups"] = by_group
    record = (
        _record(model, given, found)
        | shown
        | {
            "model": str(folder) if folder is not None else "",
            "part": given.part,
            "fitted_on": fitted_on,
            "shift": None if shift is None else shift.to_dict(),
            "drift": None if drift is None else {**asdict(drift), "differs": drift.differs},
            "items_shift": None if batch is None else batch.to_dict(),
            "warnings": _warnings(fitted_on, found.n, shift, drift, batch) + absent_classes(task, truth),
        }
    )
    if certain := _certain(model, given, groups, seed):
        record["certainty"] = certain
    methods = task_methods(task)
    labels = methods.decode(methods.targets(truth, task.num_outputs), task)
    return ModelEvaluation(
        found, tuple(used.ids), labels, methods.decode(outputs, task), outputs, task.labels, given.failures, fitted_on,
        shift, record, drift=drift, batch_shift=batch,
    )  # fmt: skip


def _drift(model: TransferModel, given: _Predicted) -> MeanDrift | None:
    encoding = given.prediction.encoding
    return None if encoding is None else drift_of(model, given.used, encoding.rows)


def _batch(model: TransferModel, given: _Predicted) -> BatchShift | None:
    encoding = given.prediction.encoding
    if encoding is None:
        return None
    return batch_shift(model, encoding.rows, given.prediction.outputs, given.used.group_codes)


def _certain(model: TransferModel, given: _Predicted, groups: NDArray[np.int64] | None, seed: int) -> dict[str, Any]:
    """What prediction sets or intervals promise, and what they held on these items; empty without left-out scores."""
    encoding = given.prediction.encoding
    if model.certainty is None or encoding is None:
        return {}
    part = CoveragePart(model.conformal(), given.used.labelled()[1], given.prediction.outputs, encoding.rows, groups)
    return coverage_record(model, realised_coverage([part], seed=seed)) | certainty_blocks([part])


def _report(judged: ModelEvaluation, given: _Predicted, reporter: Reporter) -> None:
    found = judged.evaluation
    reporter.line("data", f"{plural(found.n, f'{given.used.modality} item')} ({given.part})")
    for name, metric in found.metrics.items():
        say = reporter.result if name == found.main else reporter.line
        say(name.replace("_", " "), figure(metric.value, metric.low, metric.high))
    if judged.drift is not None and not judged.drift.differs:
        reporter.detail("drift", judged.drift.sentence)
    if (batch := judged.batch_shift) is not None and not batch.differs:
        reporter.line("shift", batch.sentence)
    for text in judged.record["warnings"]:
        reporter.warning(text)


def _warnings(
    fitted_on: int, count: int, shift: LossShift | None, drift: MeanDrift | None, batch: BatchShift | None
) -> list[str]:
    found = []
    if fitted_on:
        items = plural(count, "item")
        found.append(f"This model was fitted on {fitted_on} of the {items}, so these metrics are too good.")
    if shift is not None and shift.differs:
        found.append(shift.sentence)
    if drift is not None and drift.differs:
        found.append(drift.sentence)
    if batch is not None and batch.differs:
        found.append(batch.sentence)
    return found


def _record(model: TransferModel, given: _Predicted, found: Evaluation) -> dict[str, Any]:
    used, encoding = given.used, given.prediction.encoding
    how = {name: getattr(encoding, name) for name in ("backend", "precision", "encoded")} if encoding else {}
    return {
        "task": model.task.to_dict(),
        "source": asdict(model.source.info),
        "evaluation": {"how": "labelled data given to the model", **found.to_dict()},
        "data": {
            "origin": used.origin,
            "modality": used.modality,
            "items": len(used) + len(given.failures),
            "used": len(used),
            "sha256": None,
            "notes": list(used.notes),
            "audit": [],
            "set_aside": list(given.failures.values()),
        },
        "encoding": how | ({"from_store": encoding.hits} if encoding else {}),
        "environment": environment(),
    }


def _encoding_seconds(predicted: Prediction) -> float:
    return 0.0 if predicted.encoding is None else predicted.encoding.seconds


def _warn_of_texts(model: TransferModel, dataset: Dataset, reporter: Reporter) -> None:
    """Warn if the model's source can hardly read the new texts, even if it could read those of the fit."""
    for facts in texts_read_by(model.source, dataset):
        for finding in text_findings(facts):
            if finding.severity == "warning":
                reporter.warning(finding.message)
