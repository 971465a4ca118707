"""`Pooled`: the rows of two samples in one standardised matrix, from which the measures of shift are computed.

Columns are standardised over both samples together, so that nothing of the matrix depends on which item is of which
sample: a random assignment of the items to the samples needs no new matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError

__all__ = ["Pooled", "pooled_rows"]

Array = NDArray[np.float64]
SMALL = 1e-10  # of the largest: a standard deviation or a singular value that is rounding


@dataclass(frozen=True, eq=False)
class Pooled:
    """Standardised rows of two samples.

    Attributes:
        rows: (n, d) the reference's rows, then the new ones; every column has mean 0 and variance 1.
        new: (n,) whether a row is new.
        units: (n,) codes of rows that belong together and lie in one sample; None where each is its own.

    Examples:
        >>> found = pooled_rows([[0.0, 1], [2, 1]], [[4.0, 1]])
        >>> found.rows.ravel().round(3), found.new
        (array([-1.225,  0.   ,  1.225]), array([False, False,  True]))
    """

    rows: Array
    new: NDArray[np.bool_]
    units: NDArray[np.int64] | None = None

    @cached_property
    def gram(self) -> Array:
        """(n, n) inner products of the rows."""
        return self.rows @ self.rows.T

    @cached_property
    def distances(self) -> Array:
        """(n, n) squared Euclidean distances of the rows."""
        norms = np.diag(self.gram)
        found = np.maximum(norms[:, None] + norms[None, :] - 2 * self.gram, 0.0)
        np.fill_diagonal(found, 0.0)
        return found

    @cached_property
    def directions(self) -> tuple[Array, Array]:
        """Left singular vectors (n, r) and squared singular values (r,) of the rows, the largest first."""
        n, d = self.rows.shape
        values, vectors = np.linalg.eigh(self.rows.T @ self.rows if d < n else self.gram)
        values, vectors = values[::-1], vectors[:, ::-1]
        rank = int((values > SMALL * max(float(values[0]), 1e-300)).sum()) if len(values) else 0
        left = vectors[:, :rank] if d >= n else self.rows @ vectors[:, :rank] / np.sqrt(values[:rank])
        return left, values[:rank]


def pooled_rows(
    reference: ArrayLike,
    new: ArrayLike,
    *,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Pooled:
    """Stack the rows of two samples, standardised over both together; columns without variance are dropped.

    Args:
        reference: (m, d) rows.
        new: (k, d) rows.
        groups: codes (m,) and (k,) of rows that belong together; None where every row is its own.

    Raises:
        ParameterError: if the rows of the two differ in width, or a sample has fewer than two rows or groups.

    Examples:
        >>> pooled_rows(np.eye(3), np.eye(3) + 1).rows.std(axis=0).round(6)
        array([1., 1., 1.])
    """
    parts = [np.asarray(part, np.float64) for part in (reference, new)]
    if any(part.ndim != 2 or not len(part) for part in parts) or parts[0].shape[1] != parts[1].shape[1]:
        shapes = " and ".join(str(part.shape) for part in parts)
        raise ParameterError(f"Both samples must hold rows of one width, (m, d) and (k, d). Got {shapes} instead.")
    rows = np.concatenate(parts)
    rows = rows - rows.mean(axis=0)
    spread = np.sqrt(np.mean(rows**2, axis=0))
    size = np.abs(np.concatenate(parts)).max(axis=0)
    kept = spread > SMALL * np.maximum(size, 1e-300)
    new_side = np.arange(len(rows)) >= len(parts[0])
    units = None
    if groups is not None:
        first = np.unique(groups[0], return_inverse=True)[1]
        second = np.unique(groups[1], return_inverse=True)[1] + int(first.max()) + 1
        units = np.concatenate([first, second]).astype(np.int64)
    return Pooled(rows[:, kept] / spread[kept], new_side, units)
