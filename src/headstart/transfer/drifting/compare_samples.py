"""Compare two samples of items by all measures, and correct for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.adapt.label_shift import LabelShift, estimate_label_shift
from headstart.errors import DataError
from headstart.evaluate.intervals.holm import holm
from headstart.evaluate.shift.feature_tests import FeatureShift, feature_shifts
from headstart.evaluate.shift.group_tests import GroupShift, group_shifts
from headstart.evaluate.shift.maximum_mean_discrepancy import gaussian_kernel
from headstart.evaluate.shift.nearest_neighbours import FAR, neighbour_distances
from headstart.evaluate.shift.pooled import Pooled, pooled_rows
from headstart.evaluate.shift.proxy_a_distance import proxy_a_distance
from headstart.evaluate.shift.two_sample import two_sample_tests
from headstart.transfer.drifting.result import Drift, FarItem
from headstart.transfer.drifting.sample import Sample, bounded, drawn_units, one_of_each
from headstart.types import Task

__all__ = ["LEAST_ITEMS", "LEVEL", "DriftOptions", "compare_samples"]

Array = NDArray[np.float64]
LEVEL = 0.05
"""Without any shift, the probability that one is reported."""
LEAST_ITEMS = 10
"""Items of each side below which nothing is compared."""
MOST_ITEMS = 1_000  # of each side whose pairs are compared
MOST_COLUMNS = 500
SHOWN_FAR = 10
LEAST_NEAR = 0.8  # share of near items with which the far ones are exceptions


@dataclass(frozen=True)
class DriftOptions:
    """How two samples are compared.

    Attributes:
        level: probability of reporting a shift where there is none.
        permutations: random assignments for each p-value; default 499, so the least one is 0.002.
        seed: of all drawings.
        columns: names of the columns where the rows are those of a table; else empty.
        groups: names of the groups of the new items; None without groups.

    Examples:
        >>> DriftOptions().level
        0.05
    """

    level: float = LEVEL
    permutations: int = 499
    seed: int = 0
    columns: Sequence[str] = ()
    groups: Sequence[str] | None = None


def compare_samples(
    reference: Sample, new: Sample, task: Task, options: DriftOptions, *, ids: Sequence[str] | None = None
) -> Drift:
    """Compare new items with a reference.

    Args:
        reference: items of the fit, or like them.
        new: new items.
        task: label schema of the model.
        options: what is compared, and how surely.
        ids: names of the new items; default: their numbers.

    Raises:
        DataError: if a side has fewer than ten items.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> here, there = Sample(rng.normal(size=(100, 3))), Sample(rng.normal(size=(50, 3)) + 1)
        >>> task, quick = Task("regression", ("price",)), DriftOptions(permutations=99)
        >>> compare_samples(here, here.take(np.arange(0, 100, 3)), task, quick).verdict
        'none'
        >>> compare_samples(here, there, task, quick).verdict
        'covariate shift'
    """
    notes: list[str] = []
    first, second = _independent(reference, new, options.seed, notes)
    for side, what in ((first, "items of the reference"), (second, "new items")):
        if side.count < LEAST_ITEMS:
            kind = "groups of " if side.units is None and (reference.named or new.named) else ""
            raise DataError(
                f"Drift is measured on at least {LEAST_ITEMS} {kind}{what}. Got {side.count}; give more of them."
            )
    small, fresh = (bounded(side, MOST_ITEMS, options.seed) for side in (first, second))
    pooled = _pooled(small, fresh)
    tests, rows_p = two_sample_tests(
        pooled, _outputs(small, fresh), permutations=options.permutations, seed=options.seed
    )
    columns = _columns(first, second, options)
    distances = neighbour_distances(small.rows, new.rows, small.units)
    parts = {"items": rows_p}
    if columns:
        parts["columns"] = min(one.p_holm for one in columns)
    if not second.named:
        drawn = neighbour_distances(one_of_each(small, options.seed).rows, one_of_each(second, options.seed).rows)
        parts["far"] = drawn.p_value
    corrected = dict(zip(parts, holm(list(parts.values())).tolist(), strict=True))
    shifted = {part for part, p_value in corrected.items() if p_value <= options.level}
    names = [str(k) for k in range(new.count)] if ids is None else list(ids)
    order = np.argsort(-distances.values, kind="stable")[:SHOWN_FAR]
    return Drift(
        items=new.count,
        reference=reference.count,
        task=task,
        level=options.level,
        p_value=min(corrected.values()),
        p_values=corrected,
        tests=tests,
        a_distance=proxy_a_distance(pooled),
        columns=columns,
        groups=_groups(small, new, options),
        farthest=tuple(FarItem(names[k], float(distances.values[k]), float(distances.p_values[k])) for k in order),
        far=distances.far,
        without_far=_without_far(small, fresh, options) if {"items", "far"} <= shifted else None,
        label_shift=_label_shift(first, second, options, notes),
        notes=tuple(notes),
    )


def _independent(reference: Sample, new: Sample, seed: int, notes: list[str]) -> tuple[Sample, Sample]:
    """Both samples with units that can be exchanged: where one side alone has groups, one item of each group."""
    if reference.named == new.named:
        return reference, new
    if reference.named:
        notes.append(
            "The items of the fit come in groups and the new ones do not, so one item of each group is compared; name "
            "the column of the new groups with --group-col, since the items of a few groups look like a shift."
        )
        return replace(one_of_each(reference, seed), named=False), new
    notes.append("The new items come in groups and those of the fit do not, so one new item of each group is compared.")
    return reference, replace(one_of_each(new, seed), named=False)


def _pooled(reference: Sample, new: Sample) -> Pooled:
    units = None
    if reference.units is not None or new.units is not None:
        units = (reference.codes, new.codes)
    return pooled_rows(reference.rows, new.rows, groups=units)


def _outputs(reference: Sample, new: Sample) -> Array | None:
    if reference.outputs is None or new.outputs is None:
        return None
    return np.concatenate([reference.outputs, new.outputs])


def _without_far(reference: Sample, new: Sample, options: DriftOptions) -> float | None:
    """The p-value of the new items that are not far; None where most are."""
    near = neighbour_distances(reference.rows, new.rows, reference.units).p_values > FAR
    if near.mean() < LEAST_NEAR or near.sum() < LEAST_ITEMS:
        return None
    rest = new.take(np.flatnonzero(near))
    pooled, outputs = _pooled(reference, rest), _outputs(reference, rest)
    return two_sample_tests(pooled, outputs, permutations=options.permutations, seed=options.seed)[1]


def _columns(reference: Sample, new: Sample, options: DriftOptions) -> tuple[FeatureShift, ...]:
    if not 0 < len(options.columns) <= MOST_COLUMNS:
        return ()
    here, there = (one_of_each(side, options.seed).rows for side in (reference, new))
    return feature_shifts(here, there, options.columns)


def _groups(reference: Sample, new: Sample, options: DriftOptions) -> tuple[GroupShift, ...]:
    if options.groups is None:
        return ()
    kept = drawn_units(new.count, new.units, MOST_ITEMS, options.seed)
    pooled = pooled_rows(reference.rows, new.rows[kept])
    return group_shifts(
        gaussian_kernel(pooled),
        pooled.new,
        [options.groups[k] for k in kept],
        reference.units if reference.named else None,
        permutations=options.permutations,
        seed=options.seed,
    )


def _label_shift(reference: Sample, new: Sample, options: DriftOptions, notes: list[str]) -> LabelShift | None:
    """Estimated class shares; None where left-out outputs or labels are missing, or for too few classes."""
    if reference.outputs is None or new.outputs is None or reference.y is None:
        return None
    given: dict[str, Any] = {"xs": reference.rows, "xt": new.rows, "level": options.level, "seed": options.seed}
    try:
        return estimate_label_shift(reference.outputs, reference.y, new.outputs, **given)
    except DataError as error:
        notes.append(f"The shares of the classes are not estimated: {error}")
        return None
