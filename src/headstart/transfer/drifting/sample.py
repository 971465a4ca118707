"""`Sample`: the items of one side of a comparison, as the head sees them, and where those of the fit come from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.model.certainty import VALIDATED
from headstart.tasks import is_classification
from headstart.types import Rows

__all__ = [
    "Sample",
    "bounded",
    "drawn_units",
    "kept_reference",
    "mapped_rows",
    "one_of_each",
    "why_no_reference",
]

Array = NDArray[np.float64]
CHUNK = 4096  # rows that are mapped at once


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of items with what is known of them.

    Attributes:
        rows: (n, d) in the features of the head.
        outputs: (n, k) outputs of the model, left-out ones for items that it was fitted on; None where unknown.
        y: (n,) codes of their classes; None where they are unknown, or for another task.
        units: (n,) codes of items that belong together; None where each is its own.
        named: whether the units are groups that the data name, such as patients; otherwise they are near duplicates.

    Examples:
        >>> Sample(np.zeros((3, 2))).count
        3
    """

    rows: Array
    outputs: Array | None = None
    y: NDArray[np.intp] | None = None
    units: NDArray[np.int64] | None = None
    named: bool = False

    @property
    def count(self) -> int:
        """The number of items."""
        return len(self.rows)

    @property
    def codes(self) -> NDArray[np.int64]:
        """(n,) codes of units, also where each item is its own."""
        return np.arange(self.count, dtype=np.int64) if self.units is None else self.units

    def take(self, index: NDArray[np.intp]) -> Sample:
        """The items at some positions."""
        return replace(
            self,
            rows=self.rows[index],
            outputs=None if self.outputs is None else self.outputs[index],
            y=None if self.y is None else self.y[index],
            units=None if self.units is None else self.units[index],
        )


def kept_reference(model: TransferModel, most: int | None = None) -> Sample | None:
    """The training items whose rows and left-out outputs a model keeps; None where it keeps no rows.

    Args:
        model: the model.
        most: how many items at most, in whole units drawn at random; None for all.

    Examples:
        >>> from headstart import fit
        >>> rows = np.random.default_rng(0).normal(size=(40, 2))
        >>> model = fit((rows, rows[:, 0] > 0), baselines="none", verbose=False).model
        >>> found = kept_reference(model)
        >>> found.count, found.outputs.shape, found.named
        (40, (40, 2), False)
    """
    kept = model.certainty
    if kept is None or kept.rows is None or kept.how == VALIDATED:
        return None
    named = kept.how == "leave-one-group-out"
    units = kept.scored_groups if named or model.source.info.modality != "vector" else None
    chosen = np.arange(len(kept.index)) if most is None else drawn_units(len(kept.index), units, most, 0)
    return Sample(
        np.asarray(kept.rows[kept.index[chosen]], np.float64),
        kept.outputs(model.task, model.head.calibration)[chosen],
        np.asarray(kept.labels[chosen], np.intp) if is_classification(model.task) else None,
        None if units is None else units[chosen],
        named,
    )


def why_no_reference(model: TransferModel) -> str:
    """Why `kept_reference` is None, as the beginning of a sentence.

    Args:
        model: the model.

    Examples:
        >>> from headstart import zero_shot
        >>> why_no_reference(zero_shot(["parcel", "refund"], source="toy", verbose=False))
        'This model kept nothing of its training items'
    """
    kept = model.certainty
    if kept is None:
        return "This model kept nothing of its training items"
    if kept.how == VALIDATED:
        return (
            "The body of this model was fine-tuned on its training items, so their features are no measure for new ones"
        )
    return "The features of the training items are too large to be kept with the model (more than 64 MiB)"


def mapped_rows(model: TransferModel, rows: Rows) -> Array:
    """Rows of the source in the features of the head, as float64.

    Args:
        model: the model.
        rows: (n, d) of the source.

    Raises:
        DataError: if the rows have another width than those of the fit.

    Examples:
        >>> from headstart import fit
        >>> rows = np.random.default_rng(0).normal(size=(40, 2))
        >>> model = fit((rows, rows[:, 0] > 0), baselines="none", verbose=False).model
        >>> mapped_rows(model, rows[:5]).shape
        (5, 2)
    """
    want = model.head.feature_map.num_inputs
    if rows.shape[1] != want:
        raise DataError(
            f"This model reads rows of {want} numbers. Got rows of {rows.shape[1]} instead; give the columns that it "
            "was fitted on."
        )
    parts = [
        np.asarray(model.head.feature_map(np.asarray(rows[start : start + CHUNK])), np.float64)
        for start in range(0, len(rows), CHUNK)
    ]
    return np.concatenate(parts)


def one_of_each(sample: Sample, seed: int) -> Sample:
    """One item of each unit, drawn at random; such items are independent of each other.

    Args:
        sample: the items.
        seed: of the drawing.

    Examples:
        >>> one_of_each(Sample(np.zeros((4, 1)), units=np.array([0, 0, 0, 1])), 0).count
        2
    """
    if sample.units is None:
        return sample
    order = np.random.default_rng(seed).permutation(sample.count)
    first = np.unique(sample.units[order], return_index=True)[1]
    return replace(sample.take(np.sort(order[first])), units=None)


def bounded(sample: Sample, most: int, seed: int) -> Sample:
    """At most so many items, in whole units drawn at random.

    Args:
        sample: the items.
        most: how many at most; one unit is kept in any case.
        seed: of the drawing.

    Examples:
        >>> bounded(Sample(np.zeros((10, 1)), units=np.arange(10) // 4), 8, 0).units
        array([0, 0, 0, 0, 2, 2])
    """
    return sample if sample.count <= most else sample.take(drawn_units(sample.count, sample.units, most, seed))


def drawn_units(count: int, units: NDArray[np.int64] | None, most: int, seed: int) -> NDArray[np.intp]:
    """Positions of at most so many items, in whole units drawn at random.

    Args:
        count: number of items.
        units: their codes; None where each is its own.
        most: how many at most; one unit is kept in any case.
        seed: of the drawing.

    Examples:
        >>> drawn_units(10, np.arange(10) // 4, 8, 0)
        array([0, 1, 2, 3, 8, 9])
    """
    if count <= most:
        return np.arange(count)
    rng = np.random.default_rng(seed)
    if units is None:
        return np.sort(rng.permutation(count)[:most])
    codes = np.unique(units, return_inverse=True)[1]
    counts = np.bincount(codes)
    order = rng.permutation(len(counts))
    taken = order[: max(1, int(np.searchsorted(np.cumsum(counts[order]), most, side="right")))]
    return np.flatnonzero(np.isin(codes, taken))
