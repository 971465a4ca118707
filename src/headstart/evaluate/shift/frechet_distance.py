"""Fréchet distance: the distance of two normal distributions with the means and covariances of two samples.

‖μ₁ - μ₂‖² + tr(C₁ + C₂ - 2 (C₁^½ C₂ C₁^½)^½), in the leading principal directions of all rows together (at most 32).
Each covariance is shrunk towards a multiple of the identity by the formula of Ledoit and Wolf, because the distance of
sample covariances of few rows is far too large. It stays above 0 without a shift, so it is to be read beside what
random assignments of the same rows give.

References: Dowson & Landau, "The Fréchet Distance between Multivariate Normal Distributions", Journal of Multivariate
Analysis 1982; Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NeurIPS 2017; Ledoit & Wolf, "A
Well-conditioned Estimator for Large-dimensional Covariance Matrices", Journal of Multivariate Analysis 2004.
Command: headstart drift RUN NEW
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.shift.pooled import Pooled

__all__ = ["frechet_distances", "frechet_of_normals", "shrunken_covariances"]

Array = NDArray[np.float64]
MOST_DIRECTIONS = 32
"""Directions that count: the cost of a permutation grows with their cube."""


def frechet_distances(pooled: Pooled, sides: Array) -> Array:
    """The distance for many assignments of the rows to two samples.

    Args:
        pooled: n rows.
        sides: (n, b) of 0 and 1, one assignment a column, with at least two rows of each.

    Returns:
        (b,) distances, in units of the variance of a column.

    Examples:
        >>> from headstart.evaluate.shift.pooled import pooled_rows
        >>> rows = np.random.default_rng(0).normal(size=(200, 3))
        >>> found = pooled_rows(rows[:100], rows[100:] + [1, 0, 0])
        >>> mixed = np.tile([0.0, 1.0], 100)
        >>> frechet_distances(found, np.stack([found.new * 1.0, mixed], axis=1)).round(2)
        array([0.91, 0.33])
    """
    left, squares = pooled.directions
    rows = left[:, :MOST_DIRECTIONS] * np.sqrt(squares[:MOST_DIRECTIONS])
    if not rows.shape[1]:
        return np.zeros(sides.shape[1])
    (first, one), (second, two) = (shrunken_covariances(rows, side) for side in (1 - sides, sides))
    return frechet_of_normals(first, one, second, two)


def shrunken_covariances(rows: Array, weights: Array) -> tuple[Array, Array]:
    """Ledoit-Wolf shrinkage: means and shrunken covariances of many subsets of the same rows.

    Reference: Ledoit & Wolf, "A Well-conditioned Estimator for Large-dimensional Covariance Matrices", Journal of
    Multivariate Analysis 2004.

    Args:
        rows: (n, q).
        weights: (n, b) of 0 and 1, one subset a column.

    Returns:
        Means (b, q) and covariances (b, q, q).

    Examples:
        >>> mean, covariance = shrunken_covariances(np.array([[0.0, 0], [2, 2], [4, 4]]), np.ones((3, 1)))
        >>> covariance[0].round(2)
        array([[2.67, 1.78],
               [1.78, 2.67]])
    """
    q, size = rows.shape[1], weights.sum(axis=0)
    mean = (weights.T @ rows) / size[:, None]
    products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), q * q)
    sample = ((weights.T @ products) / size[:, None]).reshape(-1, q, q) - mean[:, :, None] * mean[:, None, :]
    level = np.trace(sample, axis1=1, axis2=2) / q
    distance = (sample**2).sum(axis=(1, 2)) / q - level**2
    # mean of ‖x xᵀ‖² = mean of ‖x‖⁴ over the centred rows of each subset
    norms = (rows**2).sum(axis=1)[:, None] - 2 * rows @ mean.T + (mean**2).sum(axis=1)
    fourth = np.einsum("ij,ij->j", norms**2, weights) / size
    noise = (fourth - (sample**2).sum(axis=(1, 2))) / (q * size)
    share = np.where(distance > 0, np.clip(noise, 0, distance) / np.where(distance > 0, distance, 1), 1.0)
    kept = (1 - share)[:, None, None] * sample
    return mean, kept + (share * level)[:, None, None] * np.eye(q)


def frechet_of_normals(mean: Array, covariance: Array, other_mean: Array, other_covariance: Array) -> Array:
    """The squared Fréchet distance of pairs of normal distributions.

    Args:
        mean: (b, q).
        covariance: (b, q, q), symmetric and positive semidefinite.
        other_mean: (b, q).
        other_covariance: (b, q, q).

    Returns:
        (b,).

    Examples:
        >>> frechet_of_normals(np.zeros((1, 1)), np.eye(1)[None], np.ones((1, 1)), 4 * np.eye(1)[None])
        array([2.])
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    inner = np.linalg.eigvalsh(root @ other_covariance @ root)
    traces = np.trace(covariance + other_covariance, axis1=1, axis2=2)
    found = ((mean - other_mean) ** 2).sum(axis=1) + traces - 2 * np.sqrt(np.maximum(inner, 0.0)).sum(axis=1)
    return np.asarray(np.maximum(found, 0.0))
