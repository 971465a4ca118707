"""Importance weights of source rows: their scale, and how many rows they amount to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError

__all__ = ["LEAST_EFFECTIVE", "checked_weights", "effective_size", "median_distance"]

Array = NDArray[np.float64]
LEAST_EFFECTIVE = 0.1
"""Weights that amount to fewer than this share of the rows are refused."""


def effective_size(weights: ArrayLike) -> float:
    """Effective sample size (Σw)² / Σw²: how many equally weighted rows have the same variance of a mean.

    Reference: Kish, "Survey Sampling", 1965.

    Args:
        weights: (n,) weights of 0 or more.

    Examples:
        >>> effective_size([1.0, 1.0, 1.0]), effective_size([1.0, 0.0, 0.0])
        (3.0, 1.0)
    """
    w = np.asarray(weights, dtype=np.float64)
    return float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0


def checked_weights(raw: Array, flatten: float, owner: str) -> Array:
    """Weights (n,) of mean 1, refused where they rest on too few rows.

    Args:
        raw: (n,) estimated ratios of the densities, 0 or more.
        flatten: exponent of the ratios.
        owner: the method, for messages.

    Raises:
        DataError: if the effective sample size is below a tenth of the rows.

    Examples:
        >>> checked_weights(np.array([1.0, 3.0]), 1.0, "ulsif")
        array([0.5, 1.5])
    """
    weights = np.maximum(raw, 0.0) ** flatten
    size = effective_size(weights)
    if size < LEAST_EFFECTIVE * len(weights):
        raise DataError(
            f"The weights of {owner} amount to {size:.3g} of {len(weights)} source rows, and at least "
            f"{LEAST_EFFECTIVE:.0%} are needed: few source rows look like target rows. Map the domains onto each other "
            "first, flatten the weights, or label target rows."
        )
    return np.asarray(weights / weights.mean())


def median_distance(a: Array, b: Array, owner: str) -> float:
    """The median distance of rows (n, d) to rows (m, d).

    Args:
        a: the rows.
        b: the other rows.
        owner: the method, for messages.

    Raises:
        DataError: if it is 0.

    Examples:
        >>> median_distance(np.array([[0.0], [1.0], [2.0]]), np.array([[3.0]]), "ulsif")
        2.0
    """
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    found = float(np.sqrt(np.median(np.maximum(squared, 0.0))))
    if not found > 0:
        raise DataError(f"{owner} needs rows that differ. Half of the distances between rows are 0.")
    return found
