"""Conformal prediction: intervals and sets that hold the true value with a promised probability, from left-out scores.

With nonconformity scores s_1..s_n of left-out rows, exchangeable with that of a new row, a label y belongs to the set
of the new row at level alpha if its p-value exceeds alpha,

    p(y) = (1 + #{i: s_i >= s(x, y)}) / (n + 1),

so the set is {y: s(x, y) <= the ⌈(1-alpha)(n+1)⌉-th smallest s_i}: coverage is at least 1-alpha for any distribution
and any model (split-conformal; the plain jackknife, which takes leave-one-out scores around the fit on all rows, has no
such guarantee). Jackknife+, CV+ and cross-conformal sets compare s_i with the score s(x, y; -i) under the fit without
row i. Their coverage is at least 1-2alpha for any distribution, and 1-alpha in practice.

Rows of one group (a patient, a speaker) are not exchangeable with rows of other groups, but groups are with groups. So
each group has the weight of one observation, shared by its rows, and n is the number of groups: a new row of a *new*
group is covered with the promised probability.

References: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World", 2005; Lei et al., "Distribution-Free
Predictive Inference for Regression", JASA 2018; Barber, Candès, Ramdas & Tibshirani, "Predictive Inference with the
Jackknife+", Annals of Statistics 2021; Vovk, "Cross-conformal predictors", 2015; Lee, Barber & Willett,
"Distribution-free inference with hierarchical data", 2023 (groups).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.types import group_codes

__all__ = [
    "check_coverage",
    "conformal_p_values",
    "conformal_quantile",
    "group_weights",
    "in_set",
    "jackknife_plus",
    "least_rows",
    "split_interval",
]

Array = NDArray[np.float64]

ROUNDING = 1e-9  # (1-alpha)(n+1) is an integer up to rounding for usual levels: 0.55 · 20 = 11.000000000000002


def check_coverage(coverage: float, owner: str) -> float:
    """The coverage 1-alpha as a float.

    Args:
        coverage: the value to check.
        owner: the calling function or option, for the message.

    Raises:
        ParameterError: unless it lies between 0 and 1, both excluded.

    Examples:
        >>> check_coverage(90, "predict_sets")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The coverage of predict_sets must lie between 0 and 1, such as 0.9. Got 90 ...
    """
    number = isinstance(coverage, int | float | np.number) and not isinstance(coverage, bool)
    if not number or not 0 < coverage < 1:
        raise ParameterError(
            f"The coverage of {owner} must lie between 0 and 1, such as 0.9. Got {coverage!r} instead."
        )
    return float(coverage)


def least_rows(coverage: float) -> int:
    """The least number of left-out scores (or groups) that can promise a coverage: n >= 1/alpha - 1.

    Args:
        coverage: 1-alpha.

    Examples:
        >>> least_rows(0.8), least_rows(0.9), least_rows(0.95), least_rows(0.9999)
        (4, 9, 19, 9999)
    """
    coverage = check_coverage(coverage, "least_rows")
    odds = coverage / (1 - coverage)  # its relative error grows as 1/alpha
    return math.ceil(odds - ROUNDING * max(1.0, odds))


def group_weights(groups: ArrayLike | None, n: int) -> Array:
    """The weight of each row as a share of its group, (n,); they sum to the number of groups.

    Args:
        groups: (n,) codes or names of groups; None if every row is its own group.
        n: number of rows.

    Raises:
        ParameterError: if there is not one group for each row.

    Examples:
        >>> group_weights(["ann", "bob", "ann"], 3)
        array([0.5, 1. , 0.5])
    """
    if groups is None:
        return np.ones(n)
    codes = group_codes(groups, n)
    return np.asarray(1.0 / np.bincount(codes)[codes])


def conformal_quantile(values: ArrayLike, coverage: float, *, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """Conformal quantile: the ⌈(1-alpha)(n+1)⌉-th smallest value along the last axis; infinity where n is too small.

    The plain empirical quantile lacks the (n+1) of the new row and covers too seldom.

    Reference: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World", 2005.

    Args:
        values: (..., n) scores.
        coverage: 1-alpha.
        weights: (n,) weights above 0 whose sum is the number of exchangeable observations, as from `group_weights`;
            default: ones.

    Returns:
        (...) quantiles.

    Raises:
        ParameterError: if the coverage or the weights are invalid, or a value is NaN.

    Examples:
        >>> float(conformal_quantile([0.1, 0.2, 0.3, 0.4], 0.8)), float(conformal_quantile([0.1, 0.2, 0.3], 0.8))
        (0.4, inf)
    """
    coverage, values = check_coverage(coverage, "conformal_quantile"), _checked(values, "conformal_quantile")
    n = values.shape[-1]
    if weights is None:
        k = math.ceil(coverage * (n + 1) - ROUNDING)
        if k > n:
            return np.full(values.shape[:-1], np.inf)
        return np.asarray(np.partition(values, k - 1, axis=-1)[..., k - 1])
    mass = _checked_weights(weights, n, "conformal_quantile")
    order = np.argsort(values, axis=-1, kind="stable")
    reached = np.cumsum(mass[order], axis=-1) >= coverage * (mass.sum() + 1) - ROUNDING
    first = np.argmax(reached, axis=-1)[..., None]
    found = np.take_along_axis(values, np.take_along_axis(order, first, axis=-1), axis=-1)[..., 0]
    return np.where(reached[..., -1], found, np.inf) if n else np.full(values.shape[:-1], np.inf)


def split_interval(
    predictions: ArrayLike, residuals: ArrayLike, coverage: float, *, weights: ArrayLike | None = None
) -> Array:
    """Split-conformal intervals: f(x) ± q, with the conformal quantile q of absolute residuals of rows not fitted on.

    With leave-one-out residuals of the same fit this is the plain jackknife, which has no guarantee for small n.

    Reference: Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018.

    Args:
        predictions: (m,) values of the new rows.
        residuals: (n,) residuals of the left-out rows; their signs are ignored.
        coverage: 1-alpha, at least.
        weights: as in `conformal_quantile`.

    Returns:
        (m, 2) lower and upper ends; infinite if n is too small.

    Examples:
        >>> split_interval([10.0], [1.0, -2.0, 0.5, 3.0], 0.8)
        array([[ 7., 13.]])
    """
    middle = np.asarray(predictions, dtype=np.float64)
    half = conformal_quantile(np.abs(np.asarray(residuals, dtype=np.float64)), coverage, weights=weights)
    return np.stack([middle - half, middle + half], axis=-1)


def jackknife_plus(
    without: ArrayLike,
    residuals: ArrayLike,
    coverage: float,
    *,
    weights: ArrayLike | None = None,
    scale: ArrayLike | None = None,
) -> Array:
    """Jackknife+ and CV+ intervals: conformal quantiles of the predictions without each row, ± its own residual.

    The ends are the ⌊alpha(n+1)⌋-th smallest f⁻ⁱ(x) - |r_i| and the ⌈(1-alpha)(n+1)⌉-th smallest f⁻ⁱ(x) + |r_i|.

    Reference: Barber, Candès, Ramdas & Tibshirani, "Predictive Inference with the Jackknife+", Annals of Statistics
    2021.

    Args:
        without: (m, n) predictions of m new rows by the fit without each of n rows (or without its group).
        residuals: (n,) residuals of these rows under the same fits; their signs are ignored.
        coverage: 1-alpha; at least 1-2alpha is guaranteed for any distribution.
        weights: as in `conformal_quantile`.
        scale: (m, n) the spread of the new row relative to that of row i, by which |r_i| is multiplied; default: 1.

    Returns:
        (m, 2) lower and upper ends; infinite if n is too small.

    Examples:
        >>> jackknife_plus([[9.0, 10.0, 11.0, 10.0]], [1.0, -2.0, 0.5, 3.0], 0.8)
        array([[ 7., 13.]])
    """
    middle = _checked(without, "jackknife_plus")
    half = np.abs(np.asarray(residuals, dtype=np.float64))
    if scale is not None:
        half = half * np.asarray(scale, dtype=np.float64)
    high = conformal_quantile(middle + half, coverage, weights=weights)
    low = -conformal_quantile(half - middle, coverage, weights=weights)
    return np.stack([low, high], axis=-1)


def conformal_p_values(
    scores: ArrayLike, new: ArrayLike, *, weights: ArrayLike | None = None, fits: ArrayLike | None = None
) -> Array:
    """Conformal p-values: for each label of each new row, the share of rows that conform no better, itself included.

    Equal scores count as conforming no better, so ties can only raise the coverage.

    Reference: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World", 2005; Vovk, "Cross-conformal
    predictors", 2015.

    Args:
        scores: (n,) nonconformity scores of the left-out rows for their own labels.
        new: (m, C) scores of the labels of m new rows; or (m, G, C) of these under the G fits without some rows, for
            cross-conformal sets.
        weights: as in `conformal_quantile`.
        fits: (n,) which of the G fits is the one without row i; default: G = n, in the order of the rows.

    Returns:
        (m, C) p-values of at least 1/(n+1).

    Raises:
        ParameterError: if shapes or weights are wrong, or a score is NaN.

    Examples:
        >>> conformal_p_values([0.1, 0.4, 0.2], [[0.3, 0.9]])
        array([[0.5 , 0.25]])
    """
    owner = "conformal_p_values"
    own, fresh = _checked(scores, owner), np.asarray(new, dtype=np.float64)
    mass = np.ones(len(own)) if weights is None else _checked_weights(weights, len(own), owner)
    which = np.arange(len(own)) if fits is None else np.asarray(fits)
    if own.ndim != 1 or fresh.ndim not in (2, 3) or (fresh.ndim == 3 and which.shape != own.shape):
        raise ParameterError(
            f"The scores of {owner} must have the shapes (n,), and (m, C) or (m, G, C). Got {own.shape} and "
            f"{fresh.shape} instead."
        )
    if np.isnan(fresh).any():
        raise ParameterError(f"The scores of {owner} must be numbers. Got a NaN.")
    total = mass.sum() + 1
    below = _below(own, fresh, mass) if fresh.ndim == 2 else _below_each(own, fresh, mass, which)
    return np.asarray((total - below) / total)


def _below(own: Array, fresh: Array, mass: Array) -> Array:
    """The weight of the rows whose score is below each of the new ones."""
    order = np.argsort(own, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(mass[order])])
    return np.asarray(sums[np.searchsorted(own[order], fresh, side="left")])


def _below_each(own: Array, fresh: Array, mass: Array, which: NDArray[np.intp]) -> Array:
    """The same, where row i is compared with the new scores (m, G, C) under its own fit."""
    counts = np.bincount(which, minlength=fresh.shape[1])
    alone = np.flatnonzero(counts[which] == 1)
    every = alone.size == len(own) and np.array_equal(which, np.arange(fresh.shape[1]))
    theirs = fresh if every else fresh[:, which[alone]]
    found = np.einsum("mnc,n->mc", own[alone][:, None] < theirs, mass[alone])
    for fit in np.flatnonzero(counts > 1):
        rows = which == fit
        found += _below(own[rows], fresh[:, fit], mass[rows])
    return np.asarray(found)


def in_set(p_values: ArrayLike, coverage: float) -> NDArray[np.bool_]:
    """Whether each label belongs to the prediction set of a coverage: p > alpha.

    Args:
        p_values: from `conformal_p_values`.
        coverage: 1-alpha.

    Examples:
        >>> in_set([[0.5, 0.25]], 0.7)
        array([[ True, False]])
    """
    alpha = 1 - check_coverage(coverage, "in_set")
    return np.asarray(np.asarray(p_values) > alpha + ROUNDING)


def chunks_of(m: int, numbers: int, *, most: int = 4_000_000) -> Iterator[slice]:
    """Slices of m rows, each of which needs some numbers of memory, so that a slice needs at most ``most``.

    Args:
        m: number of rows.
        numbers: numbers of memory for each row.
        most: numbers of memory for a slice, unless it is a single row.

    Examples:
        >>> list(chunks_of(3, 2, most=5))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    step = max(1, most // max(numbers, 1))
    for start in range(0, m, step):
        yield slice(start, min(start + step, m))


def _checked(values: ArrayLike, owner: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or np.isnan(array).any():
        raise ParameterError(f"{owner} needs scores that are numbers, at least one axis of them. Got {values!r:.60}.")
    return array


def _checked_weights(weights: ArrayLike, n: int, owner: str) -> Array:
    mass = np.asarray(weights, dtype=np.float64)
    if mass.shape != (n,) or not np.isfinite(mass).all() or (mass < 0).any():
        raise ParameterError(f"The weights of {owner} must be {n} finite numbers of 0 or more. Got {weights!r:.60}.")
    return mass
