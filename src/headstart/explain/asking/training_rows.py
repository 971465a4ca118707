"""The training items of a model as its head saw them: mapped rows, labels and weights, and the items where at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.errors import DataError
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.model.certainty import Certainty
from headstart.rows import take_rows
from headstart.tasks import is_classification, task_methods
from headstart.types import Dataset, Rows, Task

__all__ = ["TrainingRows", "encode_training", "kept_training", "label_words", "with_items"]

SAME = (
    1e-4  # relative difference of means below which rows are those of the fit: bf16 rows of another batch differ less
)


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training items of a model.

    Attributes:
        ids: n names.
        rows: (n, d) rows, mapped as the head reads them.
        y: labels as in `Dataset`.
        task: the label schema.
        weights: (n,) weights of the rows; None for ones.
        items: the n items, None for one that is not at hand; or None where only rows are known.
        encoded: whether the rows were made from these items; otherwise the items were found again by their names.
        moments: those of the fit; None where they are not known.
        kept: what the model keeps of its fit, if the rows are from there.
        groups: (n,) codes of rows that the fit left out together; None if each was left out alone.
        is_balanced: whether the fit gave each class the same weight.
        notes: what differs from the fit, a sentence each.

    Examples:
        >>> rows = TrainingRows(("a", "b"), np.eye(2), np.array([0, 1]), Task("classification", ("x", "y")))
        >>> len(rows), rows.spectrum.n, rows.label(1)
        (2, 2, 'y')
    """

    ids: tuple[str, ...]
    rows: Rows
    y: NDArray[Any]
    task: Task
    weights: NDArray[np.float64] | None = None
    items: Sequence[Any] | None = None
    encoded: bool = True
    moments: Moments | None = None
    kept: Certainty | None = None
    notes: tuple[str, ...] = ()
    groups: NDArray[np.int64] | None = None
    is_balanced: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def targets(self, part: slice) -> NDArray[np.float64]:
        """The targets (m, k) of some rows."""
        return task_methods(self.task).targets(self.y[part], self.task.num_outputs)

    @cached_property
    def spectrum(self) -> Spectrum:
        """The spectrum of the fit."""
        # the smaller side, unless the moments hold rows besides these, such as those of class names
        if self.moments is not None and (self.moments.n != len(self) or len(self) > self.moments.num_features):
            return Spectrum.from_moments(self.moments)
        return Spectrum.from_rows(np.asarray(self.rows[:]), self.targets(slice(None)), self.weights)

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """(d,) the mean row."""
        found: NDArray[np.float64] = np.asarray(self.rows[:], np.float64).mean(axis=0)
        return found

    def label(self, place: int) -> str:
        """The label of a row, in words."""
        return label_words(self.y[place], self.task)


def label_words(y: Any, task: Task) -> str:
    """One label as in the ``y`` of a `Dataset`, in words.

    Examples:
        >>> label_words(1, Task("classification", ("ant", "bee"))), label_words([1.5], Task("regression", ("price",)))
        ('bee', '1.5')
    """
    if is_classification(task):
        return task.labels[int(y)]
    decoded = task_methods(task).decode(np.asarray(y, np.float64).reshape(1, -1), task)[0]
    return ", ".join(map(str, decoded)) if isinstance(decoded, list) else str(decoded)


def kept_training(model: TransferModel) -> TrainingRows | None:
    """The training rows that a model keeps; None for a model without them.

    Args:
        model: the model.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> kept_training(model).items is None
        True
    """
    kept = model.certainty
    if kept is None or kept.rows is None:
        return None
    found = TrainingRows(
        kept.ids, kept.rows, kept.y, model.task, encoded=False, moments=model.moments, kept=kept, groups=kept.groups,
        is_balanced=_is_balanced(model),
    )  # fmt: skip
    return replace(found, weights=_weights(model, found))


def with_items(found: TrainingRows, dataset: Dataset) -> TrainingRows:
    """The rows with the items of the same names.

    Args:
        found: rows from `kept_training`.
        dataset: the data of the fit.

    Raises:
        DataError: if no item has the name of a training item.

    Examples:
        >>> kept = TrainingRows(("a", "b"), np.eye(2), np.array([0, 1]), Task("classification", ("x", "y")))
        >>> with_items(kept, Dataset(["B"], ("b",), "text")).items
        [None, 'B']
    """
    places = {name: place for place, name in enumerate(dataset.ids)}
    items = [dataset.items[places[name]] if name in places else None for name in found.ids]
    if all(item is None for item in items):
        raise DataError(
            f"None of the {len(dataset)} items of {dataset.origin or 'the data'} has the name of a training item; give "
            "the data that the model was fitted on."
        )
    return replace(found, items=items, encoded=False)


def encode_training(model: TransferModel, dataset: Dataset) -> TrainingRows:
    """Encode the training items of a model again; rows that the feature store has are reused.

    Args:
        model: the model.
        dataset: its training items, with labels coded as the model codes them (`headstart.model.as_fitted.read_for`).

    Raises:
        DataError: if an item cannot be encoded, or there are none.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> from headstart.data import read
        >>> data = (rows, ["left"] * 10 + ["right"] * 10)
        >>> model = fit(data, verbose=False).model
        >>> len(encode_training(model, read(data)))
        20
    """
    _, y = dataset.labelled()
    if len(dataset) == 0:
        raise DataError("There are no training items; give the data that the model was fitted on.")
    encoded = extract(model.source, dataset.items, engine=model.engine)
    kept, wanted = encoded.index, model.head.feature_map.num_inputs
    if encoded.rows.shape[1] != wanted:
        raise DataError(
            f"The items given as training data have {encoded.rows.shape[1]} numbers each, but the model reads rows of "
            f"{wanted}; give the data that it was fitted on."
        )
    mapped = _mapped(model, encoded.rows)
    part = dataset.take(kept)
    found = TrainingRows(
        part.ids, mapped, y[kept], model.task, items=part.items, groups=part.group_codes,
        is_balanced=_is_balanced(model),
    )  # fmt: skip
    return checked_rows(model, found)


def _is_balanced(model: TransferModel) -> bool:
    return "class_weight" in model.head.calibration and is_classification(model.task)


def _mapped(model: TransferModel, rows: Rows) -> Rows:
    feature_map = model.head.feature_map
    return feature_map(take_rows(rows, np.arange(len(rows)))[:])


def checked_rows(model: TransferModel, found: TrainingRows) -> TrainingRows:
    """The rows with the weights and the spectrum of the fit, and a note where they are not the rows of the fit.

    Args:
        model: the model.
        found: rows without weights.

    Examples:
        >>> from headstart import fit
        >>> from headstart.data import read
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> part = encode_training(model, read((rows[:15], ["left"] * 10 + ["right"] * 5)))
        >>> part.notes
        ('The training items given (15) are not all those of the fit (20): influence is exact for these.',)
    """
    weights, moments = _weights(model, found), model.moments
    if moments is None:
        return replace(found, weights=weights, notes=(*found.notes, *_without_moments(model)))
    prior = model.task.num_outputs if model.head.prior else 0
    count, notes = moments.n - prior, list(found.notes)
    if len(found) > count:
        raise DataError(
            f"{len(found)} items were given as training data, but the model was fitted on {count}; give these alone."
        )
    if len(found) < count:
        notes.append(
            f"The training items given ({len(found)}) are not all those of the fit ({count}): influence is exact for "
            "these."
        )
    elif not prior and not _same_mean(found, weights, moments.mean):
        raise DataError(
            f"The {len(found)} items given as training data are not those that the model was fitted on (their mean row "
            "differs); give the data of the fit, or fit again."
        )
    return replace(found, weights=weights, moments=moments, notes=tuple(notes))


def _weights(model: TransferModel, found: TrainingRows) -> NDArray[np.float64] | None:
    """The weights (n,) of the rows in the fit; None for ones."""
    weights, kept = model.head.calibration.get("class_weight"), found.kept
    if weights is None or not is_classification(model.task):
        own = None
    else:
        own = np.asarray(weights, np.float64)[np.asarray(found.y, np.intp)]
    if kept is None or kept.weights is None:
        return own
    own = np.ones(len(found)) if own is None else own.copy()
    own[kept.index] = kept.weights  # 0 for items that were set aside as suspect
    return own


def _without_moments(model: TransferModel) -> list[str]:
    notes = ["The model keeps no moments, so the fit is made again from the items given."]
    return notes + (["The class names are left out of it."] if model.head.prior else [])


def _same_mean(found: TrainingRows, weights: NDArray[np.float64] | None, mean: NDArray[np.float64]) -> bool:
    own = np.average(np.asarray(found.rows[:], np.float64), axis=0, weights=weights)
    return bool(np.linalg.norm(own - mean) <= SAME * max(float(np.linalg.norm(mean)), 1e-12) + 1e-12)
