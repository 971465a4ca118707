"""Covariance matrices with shrinkage, and their powers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError

__all__ = ["Gaussian", "gaussian_of", "ledoit_wolf", "power"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean and covariance of one domain.

    Attributes:
        mean: (d,) weighted mean.
        covariance: (d, d) shrunk weighted covariance, with Σw (not Σw - 1) as divisor.
    """

    mean: Array
    covariance: Array


def ledoit_wolf(z: Array, weights: Array) -> float:
    """Ledoit-Wolf shrinkage: the weight of a multiple of the identity that minimises the expected squared error.

    Reference: Ledoit & Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", Journal of
    Multivariate Analysis 2004.

    Args:
        z: (n, d) centred rows.
        weights: (n,) of sum 1; the formula counts 1 / Σw² rows.

    Examples:
        >>> z = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
        >>> ledoit_wolf(z, np.full(4, 0.25))
        1.0
    """
    d = z.shape[1]
    covariance = (z * weights[:, None]).T @ z
    mean = np.trace(covariance) / d
    # ‖C‖² and the spread of the rows' own outer products around it; Σ w² stands for 1/n
    square = float((covariance**2).sum())
    spread = float((weights * (z**2).sum(axis=1) ** 2).sum()) - square
    distance = square - mean**2 * d
    error = min(spread * float((weights**2).sum()), distance)
    return 0.0 if error <= 0 and distance > 0 else 1.0 if distance <= 0 else error / distance


def gaussian_of(x: Array, weights: Array, shrinkage: float | None) -> Gaussian:
    """Mean and shrunk covariance of rows.

    Args:
        x: (n, d) rows.
        weights: (n,) of sum 1.
        shrinkage: s in (1 - s) C + s (tr C / d) I; None for that of Ledoit and Wolf on standardised columns, whose
            result does not depend on the units of the columns.

    Raises:
        DataError: if all rows are the same.

    Examples:
        >>> gaussian_of(np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([0.5, 0.5]), 0.0).covariance
        array([[1., 2.],
               [2., 4.]])
    """
    mean = weights @ x
    z = x - mean
    scale = np.sqrt(weights @ z**2)
    if not scale.any():
        raise DataError("A covariance needs rows that differ. All rows of a domain are the same.")
    if shrinkage is None:
        scale = np.where(scale > 0, scale, 1.0)
        z = z / scale
        part = ledoit_wolf(z, weights)
        return Gaussian(mean, _shrunk((z * weights[:, None]).T @ z, part) * np.outer(scale, scale))
    return Gaussian(mean, _shrunk((z * weights[:, None]).T @ z, shrinkage))


def _shrunk(covariance: Array, part: float) -> Array:
    d = len(covariance)
    return np.asarray((1 - part) * covariance + part * np.trace(covariance) / d * np.eye(d))


def power(matrix: Array, exponent: float) -> Array:
    """A power of a symmetric positive semi-definite matrix (d, d); its null space stays null.

    Args:
        matrix: the matrix.
        exponent: such as 0.5 or -0.5.

    Examples:
        >>> power(np.array([[4.0, 0.0], [0.0, 0.0]]), -0.5)
        array([[0.5, 0. ],
               [0. , 0. ]])
    """
    values, vectors = np.linalg.eigh(matrix)
    kept = values > max(len(values), 100) * np.finfo(np.float64).eps * max(values.max(), 0.0)
    raised = np.zeros_like(values)
    raised[kept] = values[kept] ** exponent
    return np.asarray((vectors * raised) @ vectors.T)
