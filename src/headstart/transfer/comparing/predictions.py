"""Predictions of several models for the same labelled items: of new data, encoded once for models that share a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, union_groups
from headstart.engine.extract import extract
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.model.as_fitted import check_any_left, part_of, read_for
from headstart.reporting import Reporter
from headstart.tasks import is_classification
from headstart.transfer.stages.unread_blocks import with_shared_blocks
from headstart.types import Dataset, Task

__all__ = ["PredictedByAll", "check_same_labels", "in_order_of", "predicted_by_all"]

SHOWN = 3  # labels or items that a message names


@dataclass(frozen=True, eq=False)
class PredictedByAll:
    """Outputs of m models for the n items that all of them could read.

    Attributes:
        task: the label schema, that of the first model.
        ids: n names of items.
        y: truth as in `Dataset`.
        outputs: for each model (n, k), in the order of the labels of the task.
        groups: (n,) codes of items that belong together; None where all are independent.
        fitted_on: for each model the number of these items that it was fitted on.
        how: where the items are from, in a clause.
        failures: reasons by name, for items that a model could not read.
        datasets: the items; None where only kept predictions are compared.
        notes: what was inferred while reading.

    Examples:
        >>> PredictedByAll(Task("regression", ("y",)), ("0",), np.zeros((1, 1)), [np.zeros((1, 1))], None, (0,), "").n
        1
    """

    task: Task
    ids: tuple[str, ...]
    y: NDArray[Any]
    outputs: Sequence[NDArray[np.float64]]
    groups: NDArray[np.int64] | None
    fitted_on: tuple[int, ...]
    how: str
    failures: Mapping[str, str] | None = None
    dataset: Dataset | None = None
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.ids)


def check_same_labels(tasks: Sequence[Task], names: Sequence[str]) -> None:
    """Raise unless all models have the same kind of task and the same labels, in any order.

    Args:
        tasks: the label schema of each model.
        names: the name of each model.

    Raises:
        DataError: naming the first two models that differ, and in what.

    Examples:
        >>> tasks = Task("classification", ("ant", "bee")), Task("classification", ("bee", "wasp"))
        >>> check_same_labels(tasks, ["a", "b"])
        Traceback (most recent call last):
        headstart.errors.DataError: Models of different labels cannot be compared: only 'a' has 'ant', and only \
'b' has 'wasp'; fit both on data with the same labels.
    """
    first = tasks[0]
    for task, name in zip(tasks[1:], names[1:], strict=True):
        if task.kind != first.kind:
            raise DataError(
                f"Models of different tasks cannot be compared: '{names[0]}' is a {first.kind}, '{name}' a {task.kind}."
            )
        sides = [(names[0], set(first.labels) - set(task.labels)), (name, set(task.labels) - set(first.labels))]
        missing = [f"only '{who}' has {_listed(sorted(labels))}" for who, labels in sides if labels]
        if missing:
            raise DataError(
                f"Models of different labels cannot be compared: {', and '.join(missing)}; fit both on data with the "
                "same labels."
            )


def _listed(labels: Sequence[str]) -> str:
    shown = ", ".join(f"'{label}'" for label in labels[:SHOWN])
    return shown if len(labels) <= SHOWN else f"{shown} and {len(labels) - SHOWN} more"


def in_order_of(task: Task, own: Task, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outputs with the columns in the order of another task's labels.

    Args:
        task: whose order is wanted.
        own: whose order the outputs have; with the same labels.
        outputs: (n, k).

    Examples:
        >>> in_order_of(Task("multilabel", ("a", "b")), Task("multilabel", ("b", "a")), np.array([[0.1, 0.9]]))
        array([[0.9, 0.1]])
    """
    return outputs[:, [own.labels.index(label) for label in task.labels]]


def predicted_by_all(
    models: Mapping[str, TransferModel], data: Any, options: ReadOptions, split: str | None, reporter: Reporter
) -> PredictedByAll:
    """Predict the same labelled items by all models; an item that one of them cannot read is left out for all.

    Args:
        models: by name, with the same labels.
        data: labelled data; each model reads the columns that it was fitted on.
        options: how to read them.
        split: which part, as in `headstart.model.as_fitted.part_of`.
        reporter: receives progress and warnings.

    Raises:
        DataError: if the data cannot be used, or the models read different labels in them.
        ItemError: if no item can be read by all models.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> data = ["parcel", "", "refund"], ["parcel", "refund", "refund"]
        >>> found = predicted_by_all({"a": model, "b": model}, data, ReadOptions(), None, SilentReporter())
        >>> found.n, found.failures
        (2, {'1': 'The text is empty.'})
    """
    first = next(iter(models.values()))
    datasets = _read(models, data, options)
    parts = {name: part_of(dataset, split) for name, dataset in datasets.items()}
    base, part = next(iter(parts.values()))
    for note in base.notes:
        reporter.line("read", note)
    for name, (dataset, _) in parts.items():
        _check_same_items(base, dataset, first.task, models[name].task, name)
    outputs, failures = _outputs(models, {name: dataset for name, (dataset, _) in parts.items()}, reporter)
    kept = np.setdiff1d(np.arange(len(base)), list(failures))
    check_any_left(len(kept), base.ids, failures)
    reasons = {base.ids[row]: failures[row] for row in sorted(failures)}
    for item, reason in reasons.items():
        reporter.warning(f"Left out for all models: {item}: {reason}")
    used = base.take(kept)
    return PredictedByAll(
        first.task, used.ids, used.labelled()[1],
        [in_order_of(first.task, model.task, outputs[name][kept]) for name, model in models.items()],
        None if used.groups is None else union_groups(used.groups, np.arange(len(used))),
        (0,) * len(models), f"{used.origin or 'the data given'} ({part})", reasons, used, tuple(base.notes),
    )  # fmt: skip


def _read(models: Mapping[str, TransferModel], data: Any, options: ReadOptions) -> dict[str, Dataset]:
    """The data as each model reads them; models that read the same columns share a dataset."""
    known: dict[Any, Dataset] = {}
    found = {}
    for name, model in models.items():
        key = (
            model.source.info.modality, model.item_column, model.columns, tuple(model.label_columns), model.task.labels,
            model.task.column,
        )  # fmt: skip
        if key not in known:
            known[key] = read_for(model, data, options)
        found[name] = known[key]
    return found


def _check_same_items(base: Dataset, other: Dataset, task: Task, own: Task, name: str) -> None:
    if base is other:
        return
    if base.ids != other.ids:
        raise DataError(f"'{name}' reads other items of {base.origin or 'the data'} than the first model; name --item.")
    truth, theirs = base.labelled()[1], other.labelled()[1]
    place = np.array([own.labels.index(label) for label in task.labels])
    same = np.array_equal(place[truth], theirs) if is_classification(task) else np.array_equal(truth, theirs[:, place])
    if not same:
        raise DataError(
            f"'{name}' reads other labels of {base.origin or 'the data'} than the first model; name --label."
        )


def _outputs(
    models: Mapping[str, TransferModel], datasets: Mapping[str, Dataset], reporter: Reporter
) -> tuple[dict[str, NDArray[np.float64]], dict[int, str]]:
    """The outputs of each model for all items (rows of unreadable ones are zero), and the reasons of these."""
    shared = with_shared_blocks(models)
    encoded: dict[tuple[int, int], Any] = {}
    outputs: dict[str, NDArray[np.float64]] = {}
    failures: dict[int, str] = {}
    for name, model in shared.items():
        items = datasets[name].items
        key = id(model.source), id(items)
        if key not in encoded:
            with reporter.progress("encoding" if len(encoded) == 0 else f"encoding for {name}") as step:
                encoded[key] = extract(model.source, items, engine=model.engine, progress=step)
        found = encoded[key]
        outputs[name] = np.zeros((len(items), model.task.num_outputs))
        outputs[name][found.index] = model.outputs(found.rows)
        failures |= dict(found.failures)
    return outputs, failures
