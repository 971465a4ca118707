"""Distance to the nearest neighbours: which new items lie far from all items of the reference.

The score of an item is its distance to the k-th nearest row of the reference, in columns standardised over both; that
of an item of the reference itself leaves out its own row. The share of these that is at least as large is the item's
p-value. So many small ones as chance does not explain are a shift too: of items that belong to the reference, the
number with a p-value of at most r has a beta-binomial distribution.

References: Sun, Ming, Zhu & Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022; Bates, Candès,
Lei, Romano and Sesia, "Testing for Outliers with Conformal p-values", Annals of Statistics 2023.
Command: headstart drift RUN NEW
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.linear.checks import chunks
from headstart.linear.conformal import conformal_p_values

__all__ = ["FAR", "NEIGHBOURS", "Distances", "far_p_value", "neighbour_distances"]

Array = NDArray[np.float64]
NEIGHBOURS = 5
"""k: the fifth nearest, so that a single odd row of the reference makes nothing near."""
FAR = 0.01
"""An item is far if at most this share of the reference lies as far from the others."""


@dataclass(frozen=True, eq=False)
class Distances:
    """How far new items lie from the reference.

    Attributes:
        values: (k,) distances of new items, in units of the median distance within the reference.
        p_values: (k,) of being as near as the items of the reference are to each other.
        far: how many have a p-value of at most `FAR`.
        p_value: that so many are far by chance, if all items are independent.

    Examples:
        >>> Distances(np.array([1.0, 9.0]), np.array([0.6, 0.01]), 1, 0.03).far
        1
    """

    values: Array
    p_values: Array
    far: int
    p_value: float


def neighbour_distances(reference: Array, new: Array, groups: NDArray[np.int64] | None = None) -> Distances:
    """Distances to the k-th nearest row of the reference.

    Args:
        reference: (m, d) rows, at least two.
        new: (k, d) rows.
        groups: (m,) codes of rows of the reference that are left out together; None where each is its own.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> found = neighbour_distances(rng.normal(size=(200, 2)), np.array([[0.1, 0.2], [7.0, 7.0]]))
        >>> found.p_values <= FAR, found.far
        (array([False,  True]), 1)
    """
    # over both samples: a column that hardly varies in the reference alone would set every other item apart
    spread = np.concatenate([reference, new]).std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    own, fresh = reference / spread, new / spread
    codes = np.arange(len(own)) if groups is None else groups
    within, across = _kth(own, own, codes), _kth(fresh, own, None)
    p_values = conformal_p_values(within, across[:, None])[:, 0]
    far = int((p_values <= FAR).sum())
    typical = float(np.median(within))
    return Distances(across / (typical or 1.0), p_values, far, far_p_value(far, len(new), len(own)))


def far_p_value(far: int, items: int, reference: int) -> float:
    """The probability that at least so many of the items are far, if they come from the reference's distribution.

    Args:
        far: number of items with a p-value of at most `FAR`.
        items: number of new items.
        reference: number of items that they are compared with.

    Examples:
        >>> round(far_p_value(1, 40, 1000), 2), round(far_p_value(5, 40, 1000), 4)
        (0.33, 0.0001)
    """
    rank = int(np.floor(FAR * (reference + 1) + 1e-9))
    if not far or not rank:
        return 1.0
    from scipy.stats import betabinom

    return float(np.clip(betabinom.sf(far - 1, items, rank, reference + 1 - rank), 0.0, 1.0))


def _kth(rows: Array, others: Array, codes: NDArray[np.int64] | None) -> Array:
    """(n,) distance of each row to the k-th nearest of the others; of another group where codes are given."""
    norms, found = (others**2).sum(axis=1), np.empty(len(rows))
    for part in chunks(len(rows)):
        squares = (rows[part] ** 2).sum(axis=1)[:, None] + norms - 2 * rows[part] @ others.T
        if codes is not None:
            squares[codes[part][:, None] == codes[None, :]] = np.inf
        there = np.isfinite(squares).sum(axis=1)
        ranked = np.sort(np.partition(squares, min(NEIGHBOURS, len(others)) - 1, axis=1)[:, :NEIGHBOURS], axis=1)
        place = np.clip(np.minimum(there, ranked.shape[1]) - 1, 0, None)
        found[part] = ranked[np.arange(len(ranked)), place]
    return np.sqrt(np.maximum(found, 0.0))
