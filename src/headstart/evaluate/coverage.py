"""Coverage of prediction sets and intervals: what left-out scores promise, and what items outside of the fit show.

The promise of a level is checked on labelled items that the model was not fitted on: the share of them whose set or
interval holds the true answer, with its interval, and how large the sets are. Of several labels (or values) of an item
each one counts; their item (or group) is the unit of the interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.shares import share_bounds
from headstart.linear.conformal import least_rows
from headstart.model.coverage import ConformalPredictor
from headstart.tasks import is_classification, is_multilabel, is_regression
from headstart.types import Rows

__all__ = ["LEVELS", "CoveragePart", "RealisedCoverage", "realised_coverage"]

Array = NDArray[np.float64]

LEVELS = (0.8, 0.9, 0.95)
"""The levels that a fit reports."""
MOST_NUMBERS = 40_000_000  # of fits without an item times new items times labels: a second or two


@dataclass(frozen=True)
class RealisedCoverage:
    """One level of coverage.

    Attributes:
        promised: 1-alpha.
        realised: the share of the items whose set or interval holds the true answer.
        low: lower end of its 95% interval.
        high: upper end.
        size: mean number of labels in a set, or mean width of an interval.
        items: number of items.
        method: by which the sets or intervals of these items were made, as in
            `headstart.model.coverage.ConformalPredictor.method`.
        fits: number of fits that they are from: that of the folds after cross-validation.

    Examples:
        >>> RealisedCoverage(0.9, 0.92, 0.87, 0.95, 1.4, 200).to_dict()["realised"]
        0.92
    """

    promised: float
    realised: float
    low: float
    high: float
    size: float
    items: int
    method: str = ""
    fits: int = 1

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class CoveragePart:
    """Items outside of one fit, and what gives their sets or intervals.

    Attributes:
        predictor: of the fit.
        y: (m,) codes, (m, k) labels or values.
        outputs: (m, k) outputs of the model.
        rows: (m, d) source rows; None, if the predictor is then not exact.
        groups: (m,) codes of items that belong together, or None.
        scores: (m, k) scores of the head before the calibration; None where they follow from the rows, or are unknown.

    Examples:
        >>> CoveragePart(predictor=None, y=np.array([0, 1]), outputs=np.eye(2)).rows is None
        True
    """

    predictor: ConformalPredictor
    y: NDArray[Any]
    outputs: Array
    rows: Rows | None = None
    groups: NDArray[Any] | None = None
    scores: Array | None = None


def realised_coverage(
    parts: Sequence[CoveragePart], *, levels: Sequence[float] = LEVELS, seed: int = 0
) -> tuple[RealisedCoverage, ...]:
    """The coverage of items outside of the fit, for each level that all parts can promise.

    Args:
        parts: one for each fit; several after cross-validation.
        levels: promised coverages.
        seed: draws the items that are looked at, where there are so many that all would take long.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.model.certainty import certainty_of
        >>> from headstart.types import Task
        >>> rng = np.random.default_rng(0)
        >>> x, task = rng.normal(size=(300, 1)), Task("regression", ("y",))
        >>> y = x + rng.normal(size=(300, 1))
        >>> head = select_head(x[:100], y[:100], task)
        >>> kept = certainty_of(x[:100], y[:100], task, head, ids=list(map(str, range(100))))
        >>> part = CoveragePart(ConformalPredictor(task, head, None, kept), y[100:], head.scores(x[100:]), x[100:])
        >>> [round(one.realised, 2) for one in realised_coverage([part])]
        [0.71, 0.89, 0.91]
    """
    parts = [one for one in (_drawn(part, seed) for part in parts) if len(one.y)]
    if not parts:
        return ()
    kept = [level for level in levels if all(_units(part.predictor) >= least_rows(level) for part in parts)]
    held = [_held(part, kept) for part in parts] if kept else []
    return tuple(_summary(level, parts, [one[level] for one in held]) for level in kept)


def _units(predictor: ConformalPredictor) -> int:
    """The scored items, or groups; of several labels, of the commonest of them: rarer ones are in every set."""
    return max(predictor.units_of_labels) if is_multilabel(predictor.task) else predictor.certainty.units


def _drawn(part: CoveragePart, seed: int) -> CoveragePart:
    """All items, or as many drawn at random as the exact fits allow."""
    predictor = part.predictor
    each = len(predictor.certainty.index) * predictor.task.num_outputs
    most = max(50, MOST_NUMBERS // each) if predictor.exact else len(part.y)
    if len(part.y) <= most:
        return part
    rows = np.sort(np.random.default_rng(seed).choice(len(part.y), most, replace=False))
    return CoveragePart(
        predictor, part.y[rows], part.outputs[rows], None if part.rows is None else part.rows[rows],
        None if part.groups is None else part.groups[rows],
    )  # fmt: skip


def _held(part: CoveragePart, levels: Sequence[float]) -> Mapping[float, tuple[Array, NDArray[np.intp], Array]]:
    """For each level: which true answers are held, the item of each, and the size of the set of each item."""
    predictor, y = part.predictor, part.y
    every = np.arange(len(y))
    if is_regression(predictor.task):
        found = {}
        for level in levels:
            low, high = np.moveaxis(predictor.intervals(part.rows, level, outputs=part.outputs), -1, 0)
            inside = ((low <= y) & (y <= high)).astype(np.float64)
            found[level] = (inside.ravel(), np.repeat(every, y.shape[1]), (high - low).mean(axis=1))
        return found
    p_values = predictor.p_values(part.rows, outputs=part.outputs)
    sets = {level: predictor.cut(p_values, part.outputs, level) for level in levels}
    if is_classification(predictor.task):
        return {level: (one[every, y].astype(float), every, one.sum(axis=1)) for level, one in sets.items()}
    items, labels = np.nonzero(y > 0.5)
    return {level: (one[items, labels].astype(float), items, one.sum(axis=1)) for level, one in sets.items()}


def _summary(
    level: float, parts: Sequence[CoveragePart], held: Sequence[tuple[Array, NDArray[np.intp], Array]]
) -> RealisedCoverage:
    inside = np.concatenate([one[0] for one in held])
    sizes = np.concatenate([one[2] for one in held])
    units = np.concatenate(_units_of(parts, held))
    low, high = share_bounds(inside, units) if len(inside) else (np.nan, np.nan)
    if np.isnan(low):
        low, high = 0.0, 1.0  # a single group says nothing about others
    realised = float(inside.mean()) if len(inside) else 1.0
    method = " and ".join(sorted({part.predictor.method for part in parts}))
    return RealisedCoverage(
        level, realised, float(low), float(high), float(sizes.mean()), len(sizes), method, len(parts)
    )  # fmt: skip


def _units_of(
    parts: Sequence[CoveragePart], held: Sequence[tuple[Array, NDArray[np.intp], Array]]
) -> list[NDArray[Any]]:
    """A code for each true answer: that of its item's group, else one of its own item."""
    found, start = [], 0
    for part, (_, items, _) in zip(parts, held, strict=True):
        codes = np.arange(start, start + len(part.y)) if part.groups is None else np.asarray(part.groups)
        found.append(codes[items])
        start += len(part.y)
    return found
