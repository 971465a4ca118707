"""Nested, stratified subsamples: an order of the rows of which each prefix has about the shares of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.grouping.assignment import find_strata
from headstart.tasks import base_kind
from headstart.types import Task, group_codes

__all__ = ["NestedOrder", "nested_orders"]


class NestedOrder:
    """Rows in an order whose prefixes are nested subsamples; groups are never split.

    Attributes:
        rows: (n,) positions, group after group.
        ends: (g,) number of rows up to the end of each group.

    Examples:
        >>> order = NestedOrder(np.array([3, 1, 0, 2]), np.array([1, 3, 4]))
        >>> order.prefix(2), order.prefix(3), order.reversed().prefix(1)
        (array([3, 1, 0]), array([3, 1, 0]), array([2]))
    """

    def __init__(self, rows: NDArray[np.intp], ends: NDArray[np.intp]) -> None:
        self.rows = rows
        self.ends = ends

    def prefix(self, size: int) -> NDArray[np.intp]:
        """The first rows: complete groups, as near to ``size`` rows as they allow, at least one group."""
        nearest = int(np.abs(self.ends - size - 1e-9).argmin())  # the larger of two equally near
        return self.rows[: int(self.ends[nearest])]

    def reversed(self) -> NestedOrder:
        """The opposite order: its prefix of half of the rows holds what the half of this one lacks."""
        lengths = np.diff(self.ends, prepend=0)[::-1]
        return NestedOrder(self.rows[::-1], np.cumsum(lengths))


def nested_orders(
    y: NDArray[Any], task: Task, groups: NDArray[np.int64] | None, count: int, seed: int
) -> list[NestedOrder]:
    """Random orders of the rows, in pairs of an order and its reverse.

    Within a class of n_c rows the groups are shuffled, and a group that begins after t rows of its class gets the place
    (t + U s) / n_c, with s its size and U uniform. Sorted by place, each prefix has the shares of the classes but for
    rounding. A group counts for its most frequent class; targets of a regression are cut into ten bins of equal count.

    Args:
        y: labels as in `Dataset`, of n rows.
        task: the label schema.
        groups: (n,) codes of rows that stay together; None if each row is its own group.
        count: number of orders.
        seed: of the shuffles.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> first, second = nested_orders(np.array([0, 0, 0, 0, 1, 1, 1, 1]), task, None, 2, seed=0)
        >>> np.bincount(np.array([0, 0, 0, 0, 1, 1, 1, 1])[first.prefix(4)])
        array([2, 2])
        >>> sorted([*first.prefix(4), *second.prefix(4)]) == list(range(8))
        True
    """
    codes = group_codes(groups, len(y))
    sizes = np.bincount(codes)
    strata = _strata_of_groups(y, task, codes)
    by_group = np.argsort(codes, kind="stable")
    begins = np.cumsum(sizes) - sizes
    rng = np.random.default_rng(seed)
    found: list[NestedOrder] = []
    while len(found) < count:
        order = _ordered_groups(sizes, strata, rng)
        rows = by_group[np.concatenate([np.arange(begins[g], begins[g] + sizes[g]) for g in order])]
        one = NestedOrder(rows, np.cumsum(sizes[order]))
        found += [one, one.reversed()]
    return found[:count]


def _strata_of_groups(y: NDArray[Any], task: Task, codes: NDArray[np.int64]) -> NDArray[np.intp]:
    """The most frequent stratum of each group."""
    rows, strata = find_strata(y, base_kind(task), len(y))
    table = np.zeros((int(codes.max()) + 1, int(strata.max(initial=0)) + 1))
    np.add.at(table, (codes[rows], strata), 1)
    return np.asarray(table.argmax(axis=1))


def _ordered_groups(sizes: NDArray[np.intp], strata: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    places = np.empty(len(sizes))
    for stratum in np.unique(strata):
        inside = rng.permutation(np.flatnonzero(strata == stratum))
        own = sizes[inside]
        places[inside] = (np.cumsum(own) - own + rng.random(len(inside)) * own) / own.sum()
    return np.argsort(places, kind="stable")
