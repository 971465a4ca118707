"""Shift of single groups: which patients, speakers or sites differ from the reference, by MMD.

Each group of new rows is compared with all rows of the reference. Where the reference has groups too, the MMD of each
of these from all the others says how much groups differ anyway, and a new group's p-value is its place among them.
Where it has none, rows of the group and of the reference are reassigned at random. Holm's method corrects for the
number of groups.

Reference: Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", JMLR 2012; Holm, "A Simple
Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 1979.
Command: headstart drift RUN NEW --group-col COLUMN
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.holm import holm
from headstart.evaluate.shift.maximum_mean_discrepancy import mmd_of_kernel
from headstart.evaluate.shift.permutations import assignments, permutation_p_values

__all__ = ["GroupShift", "group_shifts"]

Array = NDArray[np.float64]
LEAST_ROWS = 3  # of a group
MOST_GROUPS = 30  # the largest ones


@dataclass(frozen=True)
class GroupShift:
    """How one group of new items differs from the reference.

    Attributes:
        name: of the group.
        items: its number of items.
        mmd: squared MMD from the reference.
        p_value: of this group alone.
        p_holm: corrected for all groups that were tested.

    Examples:
        >>> GroupShift("site 3", 40, 0.12, 0.002, 0.01).p_holm
        0.01
    """

    name: str
    items: int
    mmd: float
    p_value: float
    p_holm: float


def group_shifts(
    kernel: Array,
    new: NDArray[np.bool_],
    groups: Sequence[str],
    reference_groups: NDArray[np.int64] | None = None,
    *,
    permutations: int = 499,
    seed: int = 0,
) -> tuple[GroupShift, ...]:
    """Compare each group of at least three new rows with the reference; the surest first.

    Args:
        kernel: (n, n) of all rows, with zeros on the diagonal.
        new: (n,) whether a row is new.
        groups: names of the groups of the k new rows.
        reference_groups: codes of the groups of the other rows; None where they have none.
        permutations: random assignments for each group.
        seed: of the random assignments.

    Examples:
        >>> from headstart.evaluate.shift.maximum_mean_discrepancy import gaussian_kernel
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> rows = np.random.default_rng(0).normal(size=(80, 2))
        >>> rows[70:] += 3
        >>> found = pooled_rows(rows[:60], rows[60:])
        >>> [one.name for one in group_shifts(gaussian_kernel(found), found.new, ["a"] * 10 + ["b"] * 10)]
        ['b', 'a']
    """
    names, counts = np.unique(np.asarray(groups, dtype=str), return_counts=True)
    largest = [k for k in np.argsort(-counts, kind="stable")[:MOST_GROUPS] if counts[k] >= LEAST_ROWS]
    reference, fresh = np.flatnonzero(~new), np.flatnonzero(new)
    usual = None if reference_groups is None else _among_reference(kernel, reference, reference_groups)
    found = []
    for k in largest:
        rows = fresh[np.asarray(groups, dtype=str) == names[k]]
        members = np.concatenate([reference, rows])
        count = permutations if usual is None else 0
        sides = assignments(np.arange(len(members)) >= len(reference), count=count, seed=seed)
        values = mmd_of_kernel(kernel[np.ix_(members, members)], sides)
        compared = values if usual is None else np.concatenate([values[:1], usual])
        p_value = float(permutation_p_values(compared[:, None])[1])
        found.append(GroupShift(str(names[k]), len(rows), float(values[0]), p_value, p_value))
    corrected = holm([one.p_value for one in found])
    found = [replace(one, p_holm=float(p_holm)) for one, p_holm in zip(found, corrected, strict=True)]
    return tuple(sorted(found, key=lambda one: (one.p_holm, -one.mmd)))


def _among_reference(kernel: Array, reference: NDArray[np.intp], codes: NDArray[np.int64]) -> Array:
    """MMD² of each group of the reference that is large enough from the rest of it."""
    inside = kernel[np.ix_(reference, reference)]
    counts = np.bincount(codes)
    sizes = counts[counts >= LEAST_ROWS]
    sides = (codes[:, None] == np.flatnonzero(counts >= LEAST_ROWS)[None, :]).astype(np.float64)
    return mmd_of_kernel(inside, sides[:, len(codes) - sizes > 1]) if len(sizes) else np.empty(0)
