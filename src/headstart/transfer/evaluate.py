"""Judge a saved model on labelled data that it did not see."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import audit, union_groups
from headstart.data.auditing.text_findings import check_texts
from headstart.engine.options import Engine
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import ModelFolderError
from headstart.evaluate.evaluation import Evaluation, evaluate_predictions
from headstart.evaluate.formatting import figure
from headstart.evaluate.shift import LossShift, loss_shift
from headstart.model import Prediction, TransferModel
from headstart.model.as_fitted import check_any_left, part_of, read_for
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import task_methods
from headstart.transfer.fit import Run
from headstart.transfer.stages.evaluation_folder import check_evaluation_folder, write_evaluation
from headstart.transfer.stages.record import environment
from headstart.transfer.stages.text_audit import texts_read_by
from headstart.types import Dataset, Modality, TaskKind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelEvaluation", "evaluate"]


@dataclass(frozen=True)
class ModelEvaluation:
    """How a model does on labelled data.

    Attributes:
        evaluation: metrics with intervals, of each class too, and the confusions.
        ids: names of the n judged items.
        truth: their labels or values.
        predicted: what the model says.
        outputs: (n, k) probabilities or values, a column for each label or target.
        labels: names of the columns.
        failures: reasons by name, for items that could not be read.
        fitted_on: how many of the items the model was fitted on; its numbers are too good where there are any.
        shift: whether the items belong to those of the fit, by their losses; None where that cannot be told.
        record: everything above but the items, as plain JSON values; what ``metrics.json`` and the report hold.

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

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Name to metric, with its interval; the main one first."""
        return self.evaluation.metrics

    @property
    def predictions(self) -> pd.DataFrame:
        """A row for each judged item: id, label, predicted, and ``output.LABEL`` for each label."""
        import pandas as pd

        outputs = {f"output.{label}": column for label, column in zip(self.labels, self.outputs.T, strict=True)}
        return pd.DataFrame({"id": list(self.ids), "label": self.truth, "predicted": self.predicted, **outputs})

    def save(self, folder: str | Path, *, overwrite: bool = True) -> Path:
        """Write ``metrics.json``, ``confusion.csv``, ``predictions.csv``, ``predictions.parquet`` and ``report.html``.

        Args:
            folder: a new or empty folder, or one that an evaluation wrote.
            overwrite: whether an evaluation that is there is replaced.

        Raises:
            UsageError: if something else stands there, or an evaluation that is to be kept.
            SaveError: if it cannot be written.
        """
        check_evaluation_folder(Path(folder), overwrite=overwrite)
        write_evaluation(Path(folder), self.record, self.predictions)
        return Path(folder)

    def __repr__(self) -> str:
        """The metrics, a line each."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        found = self.evaluation
        facts = [(name.replace("_", " "), str(one)) for name, one in found.metrics.items() if name != found.main]
        facts += [("warning", text) for text in _warnings(self.fitted_on, found.n, self.shift)]
        main = found.main.replace("_", " ")
        return f"ModelEvaluation: {main} {found.metrics[found.main]} on {found.n:,} items", facts


def evaluate(
    model: TransferModel | Run | str | Path,
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
    out: str | Path | None = None,
    overwrite: bool = True,
    seed: int = 0,
    engine: Engine | None = None,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
) -> ModelEvaluation:
    """Judge a model on labelled data: the metrics of a fit, with intervals, for other items.

    Args:
        model: a model, what a fit gave, or the folder of one.
        data: labelled data, as `fit` takes them.
        split: which part of data that come with a split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``; default:
            test, else val, else train.
        label: as in `fit`; default: the columns that the model was fitted on.
        item: as in `fit`; default: the column that the model was fitted on.
        task: as in `fit`; default: that of the model.
        modality: as in `fit`.
        group_col: column of what is resampled together.
        group_pattern: as in `fit`.
        time_col: column of times.
        out: folder for metrics, confusions, predictions and the report; none is written where not given.
        overwrite: whether an evaluation that is there is replaced.
        seed: of the resamples, 0.
        engine: how items are encoded; default: that of the model.
        verbose: as in `fit`.
        reporter: as in `fit`.
        command: the command line, for the record.

    Returns:
        Metrics, predictions and what they rest on.

    Raises:
        DataError: if the data cannot be used, or do not fit the model.
        ItemError: if no item can be read.
        UsageError: if ``out`` holds something else than an evaluation.

    Examples:
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> from headstart.transfer import fit
        >>> run = fit((rows, ["left"] * 10 + ["right"] * 10), baselines="none", verbose=False)
        >>> evaluate(run, (rows[:4] + 0.001, ["left"] * 4), verbose=False).metrics["accuracy"].value
        1.0
    """
    reporter = chosen_reporter(reporter, verbose=verbose)
    started = time.perf_counter()
    if out is not None:
        check_evaluation_folder(Path(out), overwrite=overwrite, reporter=reporter)
    opened, folder = _opened(model, engine)
    named = {"label": label, "item": item, "task": task, "modality": modality}
    groups_by = {"group_col": group_col, "group_pattern": group_pattern, "time_col": time_col}
    dataset = read_for(opened, data, **named, **groups_by)
    dataset, part = part_of(dataset, split)
    for note in dataset.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        predicted = opened.predict_readable(dataset.items, progress=step)
    check_any_left(len(predicted.index), dataset.ids, predicted.failures)
    for position, reason in predicted.failures.items():
        reporter.warning(f"Set aside {dataset.ids[position]}: {reason}")
    used = dataset.take(predicted.index)
    _warn_of_texts(opened, used, reporter)
    fitted_on = 0 if folder is None else _count_fitted(folder, used, reporter, opened.engine)
    groups = None if used.groups is None else union_groups(used.groups, np.arange(len(used)))
    truth = used.labelled()[1]
    found = evaluate_predictions(opened.task, truth, predicted.outputs, groups=groups, seed=seed)
    shift = None  # items that were fitted on cost less than new ones
    if not fitted_on:
        shift = loss_shift(opened.head.left_out, opened.task, predicted.outputs, truth, groups)
    reporter.line("data", f"{found.n} {used.modality} items ({part})")
    for name, metric in found.metrics.items():
        say = reporter.result if name == found.main else reporter.line
        say(name.replace("_", " "), figure(metric.value, metric.low, metric.high))
    for text in _warnings(fitted_on, found.n, shift):
        reporter.warning(text)
    record = _record(opened, used, predicted, found) | {
        "model": str(folder) if folder is not None else "",
        "part": part,
        "fitted_on": fitted_on,
        "shift": None if shift is None else shift.to_dict(),
        "warnings": _warnings(fitted_on, found.n, shift),
        "seed": seed,
        "command": command,
        "seconds": {"fit": time.perf_counter() - started, "encoding": _encoding_seconds(predicted)},
    }
    methods = task_methods(opened.task)
    labels = methods.decode(methods.targets(truth, opened.task.num_outputs), opened.task)
    judged = ModelEvaluation(
        found, tuple(used.ids), labels, methods.decode(predicted.outputs, opened.task), predicted.outputs,
        opened.task.labels, {dataset.ids[i]: why for i, why in predicted.failures.items()}, fitted_on, shift, record,
    )  # fmt: skip
    if out is not None:
        judged.save(out)
        reporter.line("saved", f"{out}; read {Path(out) / 'report.html'}")
    return judged


def _opened(model: TransferModel | Run | str | Path, engine: Engine | None) -> tuple[TransferModel, Path | None]:
    """The model, and the run folder that tells what it was fitted on."""
    folder = model.path if isinstance(model, Run) else None
    if isinstance(model, str | Path):
        folder = Path(model)
        return TransferModel.load(folder, engine=engine or Engine()), folder
    opened = model.model if isinstance(model, Run) else model
    folder = folder or opened.folder
    return (opened if engine is None else replace(opened, engine=engine)), folder


def _warnings(fitted_on: int, count: int, shift: LossShift | None) -> list[str]:
    found = []
    if fitted_on:
        found.append(
            f"{fitted_on} of {count} items are ones that this model was fitted on, so these numbers are too good."
        )
    if shift is not None and shift.differs:
        found.append(shift.sentence)
    return found


def _record(model: TransferModel, used: Dataset, predicted: Prediction, found: Evaluation) -> dict[str, Any]:
    encoding = predicted.encoding
    how = {name: getattr(encoding, name) for name in ("backend", "precision", "encoded")} if encoding else {}
    return {
        "task": asdict(model.task),
        "source": asdict(model.source.info),
        "evaluation": {"how": "labelled data that the model is given", **found.to_dict()},
        "data": {
            "origin": used.origin,
            "modality": used.modality,
            "items": len(used) + len(predicted.failures),
            "used": len(used),
            "sha256": None,
            "notes": list(used.notes),
            "audit": [],
            "set_aside": list(predicted.failures.values()),
        },
        "encoding": how | ({"from_store": encoding.hits} if encoding else {}),
        "environment": environment(),
    }


def _encoding_seconds(predicted: Prediction) -> float:
    return 0.0 if predicted.encoding is None else predicted.encoding.seconds


def _warn_of_texts(model: TransferModel, dataset: Dataset, reporter: Reporter) -> None:
    """Say where the new texts are ones that the model's source hardly knows, whatever it was fitted on."""
    for facts in texts_read_by(model.source, dataset):
        for finding in check_texts(facts):
            if finding.severity == "warning":
                reporter.warning(finding.message)


def _count_fitted(run: Path, dataset: Dataset, reporter: Reporter, engine: Engine) -> int:
    """How many of the items have the content of one that the model was fitted on, as its run folder tells."""
    import pandas as pd

    path = run / "splits.parquet"
    if not path.is_file():  # a model that was saved by itself
        return 0
    try:
        splits = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"'{path}' is damaged ({error}); copy the run or fit it again.") from error
    if "content" not in splits.columns:  # a run of an earlier version
        return 0
    part = splits["part"].astype(str)
    fitted = set(splits["content"][(part == "train") | part.str.startswith("fold ")])
    with reporter.progress("comparing") as step:
        read_all = kept_sketches(dataset.modality, engine)
        contents = audit(dataset, near=False, progress=step, sketch_all=read_all).content
        return sum(content in fitted for content in contents)
