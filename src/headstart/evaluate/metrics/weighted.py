"""Helpers of weighted metrics: one formula for a single vector of weights and for a stack of bootstrap weights.

Weights have the shape (..., n). The leading axes are kept, so a stack (resamples, n) gives one value per resample.
An undefined value is nan, without a warning; means leave it out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["as_weights", "mean_defined", "ratio", "weighted_mean"]

Array = NDArray[np.float64]


def as_weights(sample_weight: ArrayLike | None, n: int) -> Array:
    """Weights (..., n) as float64; ones (n,) for None.

    Examples:
        >>> as_weights(None, 3)
        array([1., 1., 1.])
    """
    return np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """``numerator / denominator``, nan where the denominator is zero; never a warning.

    Examples:
        >>> ratio([1, 2], [2, 0])
        array([0.5, nan])
    """
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    result: Array = out[()]
    return result


def mean_defined(values: ArrayLike) -> Array:
    """Mean over the last axis of the values that are not nan; nan where all are.

    Examples:
        >>> mean_defined([[1, np.nan, 3], [np.nan, np.nan, np.nan]])
        array([ 2., nan])
    """
    array = np.asarray(values, np.float64)
    defined = ~np.isnan(array)
    return ratio(np.where(defined, array, 0.0).sum(axis=-1), defined.sum(axis=-1))


def weighted_mean(values: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Weighted mean over the items.

    Args:
        values: (n,) or (n, k).
        sample_weight: (..., n), or None for ones.

    Returns:
        (...,) or (..., k); nan where the weights sum to zero.

    Examples:
        >>> weighted_mean([1.0, 4.0], [[1, 1], [2, 1], [0, 0]])
        array([2.5, 2. , nan])
    """
    array = np.asarray(values, np.float64)
    weights = as_weights(sample_weight, len(array))
    total = weights.sum(axis=-1)
    return ratio(weights @ array, total if array.ndim == 1 else total[..., None])
