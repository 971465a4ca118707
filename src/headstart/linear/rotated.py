"""Rows in the eigenbasis of a spectrum, with the parts of leave-one-out residuals that do not depend on λ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.checks import check_matrix, check_targets, check_weights, chunks
from headstart.linear.spectrum import Spectrum

__all__ = ["Rotated", "resolvent", "rotate"]

Array = NDArray[np.float64]

# Least squares interpolates a row if its 1-h at λ=0 is below this; the sums behind h have rounding near 1e-14.
PASSES_THROUGH = 1e-12


@dataclass(frozen=True, eq=False)
class Rotated:
    """Training rows in the eigenbasis of their spectrum.

    Attributes:
        z: (n, r) the rows, (x-μ)V.
        weights: (n,) their weights.
        targets: (n, k) their targets.
        residual: (n, k) residuals at λ=0, exactly zero for rows that least squares interpolates.
        outside: (n,) 1-h at λ=0, exactly zero for the same rows.

    Examples:
        >>> x, y = np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]])
        >>> rotate(Spectrum.from_rows(x, y), x, y, None, "leave_one_out").outside
        array([0., 0.])
    """

    z: Array
    weights: Array
    targets: Array
    residual: Array
    outside: Array

    def spread(self, spectrum: Spectrum, lam: float) -> Array:
        """The quadratic form z G zᵀ of each row, (n,), computed in chunks to avoid a copy of z."""
        diagonal, out = resolvent(spectrum, lam), np.empty(len(self.z))
        for rows in chunks(len(self.z)):
            np.matmul(self.z[rows] ** 2, diagonal, out=out[rows])
        return out

    def pull(self, spectrum: Spectrum, lam: float) -> Array:
        """Z G c (n, k): the part of the residuals that is due to the penalty, divided by λ."""
        return self.z @ (spectrum.cross * resolvent(spectrum, lam)[:, None])

    def left_out_residual(self, lam: float, pull: Array, spread: Array) -> Array:
        """The leave-one-out residual (y-f)/(1-h) of each row, (n, k), from `pull` and `spread`."""
        # λ cancels for rows whose parts at λ=0 are zero
        scale = np.where(self.outside == 0, 1.0, lam)
        # 1-h_λ = (1-h_0) + λ w zGzᵀ is a sum of non-negative terms; computing h first would lose digits
        remainder = self.outside + scale * self.weights * spread
        return (self.residual + scale[:, None] * pull) / remainder[:, None]

    def leverage(self, lam: float, spread: Array) -> Array:
        """Leverage h of each row, (n,)."""
        return 1 - (self.outside + lam * self.weights * spread)


def resolvent(spectrum: Spectrum, lam: float) -> Array:
    """The diagonal of G, 1 / (s²(s²+λ)), (r,).

    Args:
        spectrum: of the rows.
        lam: the penalty λ.

    Examples:
        >>> resolvent(Spectrum.from_rows(np.array([[0.0], [2.0]]), np.eye(2)), lam=2.0)
        array([0.125])
    """
    return np.asarray(1.0 / (spectrum.values * (spectrum.values + lam)))


def rotate(spectrum: Spectrum, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, owner: str) -> Rotated:
    """Project rows into the eigenbasis, and compute their residuals and 1-h at λ=0.

    Args:
        spectrum: of the training rows.
        x: (n, d) training rows: all of those in the spectrum, or some.
        y: (n, k) their targets.
        sample_weight: (n,) their weights; None for ones.
        owner: the calling function, for messages.

    Raises:
        ParameterError: if shapes are wrong.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [3.0], [0.0]])
        >>> rotate(Spectrum.from_rows(x, y), x, y, None, "leave_one_out").residual.ravel()
        array([-1.,  2., -1.])
    """
    x = check_matrix(x, "x", owner, columns=len(spectrum.mean))
    targets = check_targets(y, len(x), owner, columns=len(spectrum.target_mean))
    weights = check_weights(sample_weight, len(x), owner)
    z = spectrum.project(x)
    # y - f at λ=0: f_0 = ȳ + Z S⁻² c
    residual = targets - spectrum.target_mean - z @ (spectrum.cross / spectrum.values[:, None])
    outside = 1 - weights / spectrum.weight
    for rows in chunks(len(z)):
        outside[rows] -= weights[rows] * (z[rows] ** 2 @ (1 / spectrum.values))
    # at λ=0, I-H is a projection: a zero on its diagonal means a zero row, and so a zero residual
    through = (spectrum.interpolates & (weights > 0)) | (outside < PASSES_THROUGH)
    residual[through], outside[through] = 0.0, 0.0
    return Rotated(z, weights, targets, residual, outside)
