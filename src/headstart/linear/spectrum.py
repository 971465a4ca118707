"""Spectrum: one eigendecomposition of the centred rows, which gives the ridge fit for every λ.

With X̃ = W^½(X-μ) = U S Vᵀ and Ỹ = W^½(Y-ȳ), the ridge fit at λ is ȳ + Z (S²+λ)⁻¹ VᵀX̃ᵀỸ for Z = (x-μ)V.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_finite, check_matrix, check_targets, check_weights, chunks
from headstart.linear.moments import Moments
from headstart.linear.running import centre

__all__ = ["Spectrum"]

Array = NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues and eigenvectors of the centred Gram matrix X̃ᵀX̃, with the projected targets.

    Eigenvalues below ``max(100, size) · 2.2e-16`` times the largest are rounding and are dropped, where size is the
    side of the decomposed matrix. So are those beyond n-1, the largest rank of centred rows.

    Attributes:
        mean: (d,) weighted mean μ of the rows.
        target_mean: (k,) weighted mean ȳ of the targets.
        weight: Σw.
        n: number of rows.
        values: (r,) s_j², descending.
        vectors: (d, r) eigenvectors V as columns.
        cross: (r, k) VᵀX̃ᵀỸ.
        total: (k,) diagonal of ỸᵀỸ.

    Examples:
        >>> x, y = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0], [3.0]])
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> spectrum.values, spectrum.target_mean, spectrum.total
        (array([2.]), array([2.]), array([2.]))
        >>> abs(spectrum.project(x))
        array([[1.],
               [1.]])
    """

    mean: Array
    target_mean: Array
    weight: float
    n: int
    values: Array
    vectors: Array
    cross: Array
    total: Array

    @classmethod
    def from_moments(cls, moments: Moments) -> Self:
        """The spectrum from the (d, d) scatter matrix.

        Args:
            moments: of at least one row of positive weight.

        Raises:
            ParameterError: if there are no rows, or their weights are zero.

        Examples:
            >>> Spectrum.from_moments(Moments.from_rows(np.eye(3), np.ones((3, 1)))).values.round(12)
            array([1., 1.])
        """
        if not moments.w > 0:
            raise ParameterError(f"A spectrum needs rows of positive weight. Got {moments.n} rows of weight 0.")
        # eigh is ascending; `_kept` reverses the order
        values, vectors = np.linalg.eigh(moments.scatter)
        keep = _kept(values, limit=moments.n - 1)
        vectors = np.ascontiguousarray(vectors[:, keep])
        return cls(
            moments.mean,
            moments.target_mean,
            moments.w,
            moments.n,
            values[keep],
            vectors,
            vectors.T @ moments.cross,
            moments.target_scatter.diagonal().copy(),
        )

    @classmethod
    def from_rows(cls, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """The spectrum of rows, from the smaller side: (n, n) if there are fewer rows than features.

        Args:
            x: (n, d) rows of any real type.
            y: (n, k) targets.
            sample_weight: (n,) weights of 0 or more; default: ones.

        Raises:
            ParameterError: if shapes or weights are wrong.
            DataError: if a value is not finite.

        Examples:
            >>> Spectrum.from_rows(np.eye(2, 5), np.eye(2)).vectors.shape
            (5, 1)
        """
        x = check_matrix(x, "x", "Spectrum.from_rows")
        if len(x) >= x.shape[1]:
            return cls.from_moments(Moments.from_rows(x, y, sample_weight))
        y = check_targets(y, len(x), "Spectrum.from_rows")
        weights = check_weights(sample_weight, len(x), "Spectrum.from_rows")
        check_finite(x)
        w = float(weights.sum())
        if not w > 0:
            raise ParameterError(f"A spectrum needs rows of positive weight. Got {len(x)} rows of weight 0.")
        joined = np.empty((len(x) + 1, x.shape[1] + y.shape[1]))
        mean, _ = centre((x, y), weights, w, joined)
        rows, targets = np.split(joined[:-1], [x.shape[1]], axis=1)
        # X̃X̃ᵀ (n, n) has the same nonzero eigenvalues as X̃ᵀX̃
        values, left = np.linalg.eigh(rows @ rows.T)
        keep = _kept(values, limit=len(x) - 1)
        values, left = values[keep], np.ascontiguousarray(left[:, keep])
        # X̃ = U S Vᵀ, so V = X̃ᵀU S⁻¹ and VᵀX̃ᵀỸ = S UᵀỸ
        scale = np.sqrt(values)
        vectors = rows.T @ (left / scale)
        cross = scale[:, None] * (left.T @ targets)
        middle, target_middle = np.split(mean, [x.shape[1]])
        return cls(middle, target_middle, w, len(x), values, vectors, cross, (targets**2).sum(axis=0))

    @property
    def interpolates(self) -> bool:
        """Whether the rows have full rank n-1, so that least squares interpolates all targets."""
        return len(self.values) == self.n - 1

    def project(self, x: ArrayLike) -> Array:
        """Rows (n, d) of any real type in the eigenbasis, Z = (x-μ)V of shape (n, r), converted in chunks.

        Args:
            x: (n, d) rows.

        Raises:
            ParameterError: if d is wrong.

        Examples:
            >>> Spectrum.from_rows(np.eye(2), np.eye(2)).project(np.full((1, 2), 0.5))
            array([[0.]])
        """
        x = check_matrix(x, "x", "Spectrum.project", columns=len(self.mean))
        out = np.empty((len(x), len(self.values)))
        for rows in chunks(len(x)):
            np.matmul(x[rows] - self.mean, self.vectors, out=out[rows])
        return out


def _kept(values: Array, limit: int) -> NDArray[np.intp]:
    """Positions of the eigenvalues that are not rounding, largest first, at most ``limit``."""
    floor = EPSILON * max(100, len(values)) * values.max(initial=0.0)
    return np.flatnonzero(values > floor)[::-1][: max(limit, 0)]
