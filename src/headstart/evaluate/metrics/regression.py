"""Metrics of values: R², mean absolute error, root mean squared error and Spearman's rank correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.evaluate.metrics.weighted import as_weights, mean_defined, ratio, weighted_mean

__all__ = ["mae", "r2", "rmse", "spearman"]

Array = NDArray[np.float64]
# A variance below this share of its scale is rounding error, and counts as zero.
_ROUNDING = 1e-13


def r2(values: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, per_target: bool = False) -> Array:
    """R²: coefficient of determination, 1 - Σw(y-f)² / Σw(y-ȳ)². Larger is better.

    It is nan for a target that is constant among the items (scikit-learn gives 0 or 1 there); such a target is left out
    of the mean over targets.

    Args:
        values: (n,) or (n, targets) predictions f.
        y: truth of the same shape.
        sample_weight: (..., n) weights, or None for ones.
        per_target: whether to give the value of each target rather than their mean.

    Returns:
        One value, or (...,) values for a stack of weights; with a last axis of targets if ``per_target``.

    Examples:
        >>> float(r2([1.0, 2.0, 4.0], [1.0, 2.0, 3.0]))
        0.5
    """
    predicted, truth = _columns(values), _columns(y)
    weights = as_weights(sample_weight, len(truth))
    nearest = np.abs(truth - truth.mean(axis=0)).argmin(axis=0)
    centred = truth - np.take_along_axis(truth, nearest[None], axis=0)  # exactly zero for a constant target
    # Σ w (y - ȳ)² = Σ w c² - (Σ w c)² / Σ w for c = y minus any constant
    square = weights @ centred**2
    spread = square - np.nan_to_num(ratio((weights @ centred) ** 2, weights.sum(axis=-1)[..., None]))
    spread = np.where(spread > _ROUNDING * square, spread, 0.0)
    return _over_targets(1.0 - ratio(weights @ (truth - predicted) ** 2, spread), per_target)


def mae(values: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, per_target: bool = False) -> Array:
    """Mean absolute error: in the unit of the target. Smaller is better.

    Arguments and result are those of `r2`.

    Examples:
        >>> float(mae([1.0, 2.0], [1.0, 3.0]))
        0.5
    """
    return _over_targets(weighted_mean(np.abs(_columns(y) - _columns(values)), sample_weight), per_target)


def rmse(values: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, per_target: bool = False) -> Array:
    """Root mean squared error: in the unit of the target; the mean of the targets' roots. Smaller is better.

    Arguments and result are those of `r2`.

    Examples:
        >>> float(rmse([1.0, 2.0], [1.0, 4.0]))
        1.4142135623730951
    """
    return _over_targets(np.sqrt(weighted_mean((_columns(y) - _columns(values)) ** 2, sample_weight)), per_target)


def spearman(
    values: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, per_target: bool = False
) -> Array:
    """Spearman's rank correlation: Pearson's of the mid-ranks. Larger is better.

    With integer weights it is the correlation of the repeated items. It is nan where the truth or the predictions
    are constant. Arguments and result are those of `r2`.

    References:
        Spearman (1904), The Proof and Measurement of Association between Two Things.

    Examples:
        >>> float(spearman([1.0, 2.0, 30.0], [1.0, 3.0, 4.0]))
        1.0
    """
    predicted, truth = _columns(values), _columns(y)
    weights = as_weights(sample_weight, len(truth))
    stack = np.ascontiguousarray(weights.reshape(-1, len(truth)).T)
    pairs = zip(predicted.T, truth.T, strict=True)
    columns = [_correlation(_mid_ranks(a, stack), _mid_ranks(b, stack), stack) for a, b in pairs]
    return _over_targets(np.stack(columns, axis=-1).reshape(*weights.shape[:-1], len(columns)), per_target)


def _columns(values: ArrayLike) -> Array:
    array = np.asarray(values, np.float64)
    return array[:, None] if array.ndim == 1 else array


def _over_targets(values: Array, per_target: bool) -> Array:
    return values if per_target else mean_defined(values)


def _mid_ranks(values: Array, weights: Array) -> Array:
    """Weight below plus half of the weight tied, (n, resamples): the mid-rank up to a constant."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    sums = np.zeros((len(values) + 1, weights.shape[1]))
    np.cumsum(weights[order], axis=0, out=sums[1:])
    below, upto = np.searchsorted(ascending, values, side="left"), np.searchsorted(ascending, values, side="right")
    ranks: Array = 0.5 * (sums[below] + sums[upto])
    return ranks


def _correlation(a: Array, b: Array, weights: Array) -> Array:
    """Weighted Pearson correlation (resamples,) of the columns of ranks a and b."""
    total = weights.sum(axis=0)
    a = a - ratio(np.einsum("ij,ij->j", weights, a), total)
    b = b - ratio(np.einsum("ij,ij->j", weights, b), total)
    cross, aa, bb = (np.einsum("ij,ij,ij->j", weights, p, q) for p, q in ((a, b), (a, a), (b, b)))
    floor = _ROUNDING * total**3  # ranks run up to the total weight
    varies = (aa > floor) & (bb > floor)
    return ratio(cross, np.where(varies, np.sqrt(aa * bb), 0.0))
