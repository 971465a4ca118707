"""A candidate of an adaptation: an adapter, with the head that is solved again on the source's rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from headstart.adapt.registry import ADAPTERS, DomainAdapter, WeighsRows
from headstart.adapt.validation.neighbourhood_agreement import NEIGHBOURS, neighbours_of
from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.heads.fitted import Evidence
from headstart.types import Task

__all__ = ["NONE", "AdapterCandidate", "DomainPair", "solve_candidate"]

Array = NDArray[np.float64]
NONE = "none"
"""The name of the candidate that changes nothing."""


@dataclass(frozen=True, eq=False)
class DomainPair:
    """Labelled source rows and unlabelled target rows.

    Attributes:
        xs: (n, d) source rows.
        ys: (n,) codes of their classes.
        xt: (m, d) target rows.
        task: the label schema.
        groups: (n,) codes of source rows that are left out together; None if each is its own group.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> pair = DomainPair(np.zeros((4, 1)), np.array([0, 0, 1, 1]), np.ones((3, 1)), task)
        >>> back = pair.turned(np.array([0, 1, 1]))
        >>> back.xs.shape, back.xt.shape
        ((3, 1), (4, 1))
    """

    xs: Array
    ys: NDArray[np.intp]
    xt: Array
    task: Task
    groups: NDArray[np.int64] | None = None

    @cached_property
    def near(self) -> NDArray[np.intp]:
        """(m, 5) the nearest other target rows of each."""
        return neighbours_of(self.xt, min(NEIGHBOURS, len(self.xt) - 1))

    def turned(self, labels: NDArray[np.intp]) -> DomainPair:
        """The target rows with given labels as the source, and the source rows as the target."""
        return DomainPair(self.xt, labels, self.xs, self.task)


@dataclass(frozen=True, eq=False)
class AdapterCandidate:
    """An adapter with its head.

    Attributes:
        name: of the adapter; ``"none"`` without one.
        adapter: fitted; None without one.
        head: solved on the adapted source rows.
        zs: (n, d') adapted source rows.
        zt: (m, d') adapted target rows.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(40, 2)), rng.normal(size=(30, 2)) + 5
        >>> pair = DomainPair(xs, (xs[:, 0] > 0).astype(int), xt, Task("classification", ("low", "high")))
        >>> plain, moved = solve_candidate(NONE, pair), solve_candidate("standardisation", pair)
        >>> right = (xt[:, 0] > 5).astype(int)
        >>> (plain.target_scores(xt).argmax(axis=1) == right).mean().round(2)
        np.float64(0.43)
        >>> (moved.target_scores(xt).argmax(axis=1) == right).mean() > 0.85
        np.True_
    """

    name: str
    adapter: DomainAdapter | None
    head: FittedHead
    zs: Array
    zt: Array

    @property
    def evidence(self) -> Evidence:
        """Left-out outputs of the source rows."""
        if self.head.evidence is None:
            raise AssertionError("a head that was just solved has evidence")
        return self.head.evidence

    def target_rows(self, rows: Array) -> Array:
        """Rows (n, d) of the target as the head reads them, (n, d')."""
        return rows if self.adapter is None else self.adapter.transform(rows)

    def target_scores(self, rows: Array) -> Array:
        """Scores (n, k) of rows (n, d) of the target."""
        return self.head.scores(self.target_rows(rows))


def solve_candidate(
    name: str, pair: DomainPair, *, heads: tuple[str, ...] = ("ridge",), seed: int = 0
) -> AdapterCandidate:
    """Fit an adapter to a pair of samples, and solve the head on the source rows behind it.

    Args:
        name: of the adapter; ``"none"`` for none.
        pair: the samples.
        heads: closed-form heads that are compared; default: ridge, which needs no assumption about the classes.
        seed: of the head's subset where there are more than 5,000 rows; default 0.

    Raises:
        DataError: if the adapter cannot be fitted to these samples.

    Examples:
        >>> xs, xt = np.array([[0.0], [0.1], [0.9], [1.0]] * 3), np.array([[5.0], [5.1], [5.9], [6.0]] * 3)
        >>> pair = DomainPair(xs, np.array([0, 0, 1, 1] * 3), xt, Task("classification", ("low", "high")))
        >>> solve_candidate("standardisation", pair).target_scores(np.array([[5.2], [5.8]])).argmax(axis=1)
        array([0, 1])
    """
    if name == NONE:
        adapter, zs, zt = None, pair.xs, pair.xt
    else:
        adapter = ADAPTERS[name]().fit(pair.xs, pair.xt, pair.ys)
        zs, zt = adapter.transform_source(pair.xs), adapter.transform(pair.xt)
    weights = adapter.weights if isinstance(adapter, WeighsRows) else None
    head = select_head(zs, pair.ys, pair.task, groups=pair.groups, search=HeadSearch(heads), weights=weights, seed=seed)
    return AdapterCandidate(name, adapter, head, zs, zt)
