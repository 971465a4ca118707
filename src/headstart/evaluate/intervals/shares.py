"""Intervals of shares that keep a width at 0 and 1: Wilson's interval, and those that are derived from it.

Items of a group (a patient, a speaker) carry less information than as many independent items. A share of grouped items
has Wilson's interval for its effective number of items, n_eff = p (1 - p) / v with v the variance of p over groups
(Korn & Graubard 1998; Dean & Pagano 2015). For a share of 0 or 1, v is 0, and each group counts as one item.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.evaluate.intervals.wilson import wilson
from headstart.types import group_codes

__all__ = ["auc_interval", "effective_size", "f1_bounds", "mean_bounds", "paired_shares", "share_bounds"]

Array = NDArray[np.float64]
Bounds = tuple[float, float]
EDGE = 1e-9


def effective_size(values: ArrayLike, groups: ArrayLike | None = None, level: float = 0.95) -> float:
    """The number of independent items that carry as much information on the mean of 0/1 values as these items.

    Args:
        values: (n,) 0 or 1 for each item.
        groups: (n,) names or codes of items that belong together, or None where all are independent.
        level: level of the interval that it is used for, default 0.95; for few groups the number is multiplied by
            (z / t)² with groups - 1 degrees of freedom.

    Returns:
        n without groups; at most n with them; nan where there is a single group.

    References:
        Korn & Graubard (1998), Confidence Intervals for Proportions with Small Expected Number of Positive Counts
        Estimated from Survey Data, Survey Methodology 24.
        Dean & Pagano (2015), Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys,
        Journal of Survey Statistics and Methodology 3 (Wilson's interval with the effective number).

    Examples:
        >>> effective_size([1, 1, 0, 1]), effective_size([1, 1, 1, 1], ["ann", "ann", "bob", "bob"])
        (4.0, 2.0)
        >>> round(effective_size(np.repeat(np.arange(40) % 2, 5), np.repeat(np.arange(40), 5)), 1)
        36.6
    """
    hits = np.asarray(values, np.float64)
    n = len(hits)
    if groups is None or n == 0:
        return float(n)
    codes = group_codes(groups, n)
    units = int(codes.max()) + 1
    if units == n and n > 1:
        return float(n)
    if units < 2:
        return math.nan
    share = hits.mean()
    if share in (0.0, 1.0):
        return float(units)
    sums = np.bincount(codes, hits - share)
    variance = units / (units - 1) * float(sums @ sums) / n**2
    size = n if variance == 0 else min(float(n), share * (1 - share) / variance)
    return float(size * _few_units(units, level))


def _few_units(units: int, level: float) -> float:
    from scipy.special import stdtrit

    return float((NormalDist().inv_cdf(0.5 + level / 2) / stdtrit(units - 1, 0.5 + level / 2)) ** 2)


def share_bounds(values: ArrayLike, groups: ArrayLike | None = None, level: float = 0.95) -> Bounds:
    """Wilson's interval of the share of items that are right, for independent items or for groups.

    Args:
        values: (n,) 0 or 1 for each item.
        groups: as in `effective_size`.
        level: coverage, in (0, 1).

    Returns:
        The lower and the upper bound; both nan where there are no items, or all are of one group.

    Examples:
        >>> [round(bound, 3) for bound in share_bounds([1] * 8)]
        [0.676, 1.0]
    """
    hits = np.asarray(values, np.float64)
    size = effective_size(hits, groups, level)
    if not size > 0:
        return math.nan, math.nan
    return wilson(min(float(hits.mean()), 1.0) * size, size, level)


def f1_bounds(correct: float, total: float, size: float | None = None, level: float = 0.95) -> Bounds:
    """F1 interval: F1 rises with the share J = TP / (TP + FP + FN), F1 = 2J / (1 + J), and J has Wilson's.

    Args:
        correct: true positives.
        total: true positives, false positives and false negatives together.
        size: the effective number of these items where they are grouped; default: ``total``.
        level: coverage, in (0, 1).

    Returns:
        The lower and the upper bound; both nan where ``total`` is 0.

    References:
        Lam, Gopal & Qian (2023), Confidence Intervals for the F1 Score: A Comparison of Four Methods,
        arXiv:2309.14621 (the Wilson indirect method).

    Examples:
        >>> [round(bound, 3) for bound in f1_bounds(8, 8)], [round(bound, 3) for bound in f1_bounds(6, 10)]
        ([0.806, 1.0], [0.476, 0.908])
    """
    units = total if size is None else size
    if total == 0 or not units > 0:
        return math.nan, math.nan
    low, high = wilson(correct / total * units, units, level)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def mean_bounds(values: ArrayLike, lows: ArrayLike, highs: ArrayLike, correlation: float = 0.0) -> Bounds:
    """Interval of the mean of k values from their own (the method of variance estimates recovery, MOVER).

    The distances d_i from the values to their lower (or upper) bounds add up like standard errors:
    √((1 - r) Σ d_i² + r (Σ d_i)²) / k for the correlation r.

    Args:
        values: (k,) estimates.
        lows: (k,) their lower bounds; nan counts as 0.
        highs: (k,) their upper bounds; nan counts as 1.
        correlation: of any two of the estimates; default 0, for estimates of different items.

    Returns:
        The lower and the upper bound; both nan without values.

    References:
        Zou, Huang & Zhang (2009), A Note on Confidence Interval Estimation for a Linear Function of Binomial
        Proportions, Computational Statistics & Data Analysis 53.
        Zou & Donner (2008), Construction of Confidence Limits about Effect Measures, Statistics in Medicine 27.

    Examples:
        >>> low, high = share_bounds([1] * 8)
        >>> [round(bound, 3) for bound in mean_bounds([1.0] * 5, [low] * 5, [high] * 5)]
        [0.855, 1.0]
    """
    centre = np.asarray(values, np.float64)
    if not len(centre):
        return math.nan, math.nan
    below, above = centre - np.nan_to_num(np.asarray(lows), nan=0.0), np.nan_to_num(np.asarray(highs), nan=1.0) - centre

    def spread(distance: Array) -> float:
        own, all_together = float(distance @ distance), float(distance.sum()) ** 2
        return math.sqrt((1 - correlation) * own + correlation * all_together) / len(distance)

    mean = float(centre.mean())
    return mean - spread(below), mean + spread(above)


def auc_interval(area: float, positives: float, negatives: float, level: float = 0.95) -> Bounds:
    """Interval of an area under the ROC curve by inverting its score test, which keeps a width at 0 and 1.

    The bounds solve |area - θ| = z √V(θ) with Hanley & McNeil's variance at θ,
    V = θ (1 - θ) (1 + N (1 - θ)/(2 - θ) + N θ/(1 + θ)) / (m n), N = (m + n)/2 - 1.

    Args:
        area: the estimate.
        positives: number m of positives.
        negatives: number n of negatives.
        level: coverage, in (0, 1).

    Returns:
        The lower and the upper bound; both nan where the area is nan, or there are no positives or no negatives.

    References:
        Newcombe (2006), Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney Statistic, Part 2,
        Statistics in Medicine 25 (method 5).
        Hanley & McNeil (1982), The Meaning and Use of the Area under a ROC Curve, Radiology 143.

    Examples:
        >>> [round(bound, 3) for bound in auc_interval(1.0, 10, 10)]
        [0.8, 1.0]
    """
    if math.isnan(area) or min(positives, negatives) <= 0:
        return math.nan, math.nan
    from scipy.optimize import brentq

    z = NormalDist().inv_cdf(0.5 + level / 2)
    middle = (positives + negatives) / 2 - 1

    def gap(theta: float) -> float:
        rest = 1 + middle * (1 - theta) / (2 - theta) + middle * theta / (1 + theta)
        return float((area - theta) ** 2 - z * z * theta * (1 - theta) * rest / (positives * negatives))

    inside = min(max(area, EDGE), 1 - EDGE)  # at 0 and 1, θ = area is a root too
    low = 0.0 if area <= 0 else brentq(gap, 0.0, inside, xtol=1e-14)
    high = 1.0 if area >= 1 else brentq(gap, inside, 1.0, xtol=1e-14)
    return float(low), float(high)


def paired_shares(a: ArrayLike, b: ArrayLike, groups: ArrayLike | None = None, level: float = 0.95) -> Bounds:
    """Interval of the difference of two shares on the same items (Newcombe's hybrid score interval, method 10).

    Wilson's bounds of both sides are combined with their correlation φ, less a continuity correction, so the interval
    keeps a width where both sides are right on every item. With groups, the number of items is the effective number for
    the differences, as in `effective_size`.

    Args:
        a: (n,) 0 or 1 for each item.
        b: (n,) the same for the other side.
        groups: as in `effective_size`.
        level: coverage, in (0, 1).

    Returns:
        The lower and the upper bound of mean(a) - mean(b); both nan for a single item or group.

    Raises:
        ParameterError: if the sides differ in length.

    References:
        Newcombe (1998), Improved Confidence Intervals for the Difference between Binomial Proportions Based on Paired
        Data, Statistics in Medicine 17.

    Examples:
        >>> [round(bound, 3) for bound in paired_shares([1] * 40, [1] * 40)]
        [-0.088, 0.088]
        >>> [round(bound, 3) for bound in paired_shares([1] * 20, [1, 0] * 10)]
        [0.243, 0.701]
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape or left.ndim != 1:
        raise ParameterError(
            f"Both sides of paired_shares must be of one length (n,). Got {left.shape} and {right.shape} instead."
        )
    size = _paired_size(left - right, groups, level)
    if not size > 1:
        return math.nan, math.nan
    p, q = float(left.mean()), float(right.mean())
    p_low, p_high = wilson(min(p, 1.0) * size, size, level)
    q_low, q_high = wilson(min(q, 1.0) * size, size, level)
    phi = _phi(left, right, size)

    def root(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * phi * x * y + y * y, 0.0))

    return p - q - root(p - p_low, q_high - q), p - q + root(p_high - p, q - q_low)


def _paired_size(difference: Array, groups: ArrayLike | None, level: float) -> float:
    """The effective number of items of paired differences in -1, 0 and 1."""
    n = len(difference)
    if groups is None:
        return float(n)
    codes = group_codes(groups, n)
    units = int(codes.max()) + 1
    if units < 2 or units == n:
        return math.nan if units < 2 else float(n)
    centred = difference - difference.mean()
    sums = np.bincount(codes, centred)
    variance = units / (units - 1) * float(sums @ sums)
    if float(centred @ centred) == 0.0:
        return float(units)
    size = n if variance == 0 else n * min(1.0, float(centred @ centred) / variance)
    return float(size * _few_units(units, level))


def _phi(left: Array, right: Array, size: float) -> float:
    """The correlation φ of two 0/1 vectors (n,), scaled to ``size`` items, with Newcombe's continuity correction."""
    scale = size / len(left)
    both, neither = scale * float(left @ right), scale * float((1 - left) @ (1 - right))
    only_left, only_right = scale * float(left @ (1 - right)), scale * float((1 - left) @ right)
    margins = (both + only_left) * (only_right + neither) * (both + only_right) * (only_left + neither)
    if margins <= 0:
        return 0.0
    excess = both * neither - only_left * only_right
    corrected = max(excess - size / 2, 0.0) if excess > 0 else excess
    return corrected / math.sqrt(margins)
