"""Stratified assignment of units of items to the parts of a split, so that each part gets its share of each stratum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.types import TaskKind

__all__ = ["assign_parts", "find_strata"]

BINS = 10


def find_strata(y: NDArray[Any] | None, kind: TaskKind | None, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The strata of each item, as pairs of row and stratum.

    Classification: the classes. Multi-label: the labels, and one stratum for items without any. Regression: up to ten
    bins of equal count (at least five items each) of the mean of the standardised outputs.

    Args:
        y: labels as in `headstart.types.Dataset`, or None for one stratum.
        kind: kind of task.
        count: number of items.

    Returns:
        Two arrays of equal length: rows, and the stratum of each. A multi-label item occurs once for each label.

    Examples:
        >>> rows, strata = find_strata(np.array([[1.0, 1.0], [0.0, 0.0]]), "multilabel", 2)
        >>> rows.tolist(), strata.tolist()
        ([0, 0, 1], [0, 1, 2])
    """
    rows = np.arange(count)
    if y is None or kind is None:
        return rows, np.zeros(count, dtype=np.intp)
    if kind == "classification":
        return rows, np.unique(y, return_inverse=True)[1].astype(np.intp)
    if kind == "multilabel":
        # An extra column marks items without any label, which form a stratum of their own.
        marked = np.concatenate([y > 0, (y > 0).sum(axis=1, keepdims=True) == 0], axis=1)
        where, strata = np.nonzero(marked)
        return where, strata
    values = y.reshape(count, -1)
    # Standardise the outputs before averaging, or the one with the largest numbers would decide.
    level = ((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-300)).mean(axis=1)
    # The argsort of an argsort is the rank; cutting ranks into equal shares gives bins of equal count.
    rank = np.argsort(np.argsort(level, kind="stable"), kind="stable")
    return rows, (rank * min(BINS, max(count // 5, 1)) // max(count, 1)).astype(np.intp)


def assign_parts(
    units: NDArray[np.int64],
    strata: tuple[NDArray[np.intp], NDArray[np.intp]],
    fractions: Sequence[float],
    seed: int,
) -> NDArray[np.int64]:
    """Assign items to parts; the items of a unit stay together.

    Units of several items or strata are assigned greedily, largest first, to the part with the largest deficit of their
    strata. Single items then fill up the shares of each stratum. scikit-learn's StratifiedGroupKFold does the same for
    classes.

    Reference: Sechidis et al., "On the Stratification of Multi-Label Data", ECML PKDD 2011.

    Args:
        units: (n,) codes of the units.
        strata: rows and strata, as `find_strata` returns them.
        fractions: the share of each part; the shares sum to 1.
        seed: seed of the shuffle.

    Returns:
        (n,) part numbers.

    Examples:
        >>> parts = assign_parts(np.arange(10), find_strata(np.arange(10) % 2, "classification", 10), [0.8, 0.2], 0)
        >>> np.bincount(parts).tolist()
        [8, 2]
    """
    from scipy.sparse import csr_array

    names, codes, sizes = np.unique(units, return_inverse=True, return_counts=True)
    rows, kinds = strata
    # (units, strata) counts: how many items of each stratum a unit holds.
    table = csr_array((np.ones(len(rows)), (codes[rows], kinds)), shape=(len(names), int(kinds.max(initial=0)) + 1))
    table.sum_duplicates()
    # Column sums are the strata's sizes.
    state = _Shares(np.asarray(table.sum(axis=0)).ravel(), len(units), np.asarray(fractions, dtype=np.float64))
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(names))
    width = np.diff(table.indptr)
    # Single items of one stratum can fill any gap, so they are assigned last and in bulk.
    is_single = (sizes == 1) & (width == 1)
    parts = np.zeros(len(names), dtype=np.int64)
    several = shuffled[~is_single[shuffled]]
    for unit in several[np.argsort(-sizes[several], kind="stable")]:
        inside = slice(table.indptr[unit], table.indptr[unit + 1])
        parts[unit] = state.give(table.indices[inside], table.data[inside], int(sizes[unit]))
    single = shuffled[is_single[shuffled]]
    kind_of = table.indices[table.indptr[single]]
    for stratum in np.argsort(-np.bincount(kind_of, minlength=table.shape[1]), kind="stable"):
        members = single[kind_of == stratum] if len(single) else single
        if not len(members):
            break
        parts[members] = state.deal(int(stratum), len(members))
    return parts[codes].astype(np.int64)


class _Shares:
    """How many items of each stratum, and of all strata, each part still lacks."""

    def __init__(self, totals: NDArray[Any], count: int, fractions: NDArray[np.float64]) -> None:
        self.totals = np.maximum(totals, 1.0)
        self.lack = fractions[:, None] * totals  # (parts, strata)
        self.room = fractions * count
        self.fractions = fractions
        self.count = max(count, 1)

    def give(self, strata: NDArray[Any], counts: NDArray[Any], size: int) -> int:
        """Assign a unit to the part that lacks its strata most, and return that part."""
        # Deficit relative to the stratum's size, weighted by the unit's counts; free room breaks ties.
        wanted = (self.lack[:, strata] / self.totals[strata]) @ counts
        part = int(np.argmax(wanted + 1e-6 * self.room / self.count))
        self.lack[part, strata] -= counts
        self.room[part] -= size
        return part

    def deal(self, stratum: int, count: int) -> NDArray[np.int64]:
        """Parts for ``count`` single items of a stratum: integer shares first, the remainder to the emptiest parts."""
        lack = np.clip(self.lack[:, stratum], 0.0, None)
        quota = count * (lack / lack.sum() if lack.sum() > 0 else self.fractions)
        # The 1e-9 keeps a share such as 2.9999999 from becoming 2.
        shares = np.floor(quota + 1e-9).astype(np.int64)
        fresh = self.lack[0, stratum] >= self.fractions[0] * self.totals[stratum] - 1e-9
        # Of two parts the first one trains: it gets at least one item of each class.
        if len(shares) == 2 and fresh and shares[0] == 0:
            shares[0] = 1
        rest = count - int(shares.sum())
        emptiness = np.where(quota > shares + 1e-9, (self.room - shares) / self.fractions, -np.inf)
        shares[np.argsort(-emptiness, kind="stable")[: max(rest, 0)]] += 1
        self.lack[:, stratum] -= shares
        self.room -= shares
        return np.repeat(np.arange(len(shares)), shares)
