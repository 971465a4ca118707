"""Calibration: from scores to probabilities, by temperature scaling (softmax) or Platt scaling (sigmoid).

References: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017; Platt, "Probabilistic
Outputs for Support Vector Machines", 1999; Lin, Lin & Weng, "A Note on Platt's Probabilistic Outputs", 2007.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_matrix, check_weights

__all__ = ["fit_platt", "fit_temperature", "log_loss", "log_softmax", "softmax"]

Array = NDArray[np.float64]

# Bounds of T, as multiples of the median spread of a row's scores.
LOWEST, HIGHEST = 1e-6, 1e3
FEW_ROWS = 400  # of the subset that gives a starting point
STEPS = 100  # of Newton's method, at most


def log_softmax(scores: ArrayLike) -> Array:
    """Log-probabilities (n, C) of scores (n, C), safe against overflow; scores may be minus infinity.

    Args:
        scores: (n, C) scores, one row per item.

    Raises:
        ParameterError: if ``scores`` is not an array (n, C).

    Examples:
        >>> log_softmax([[0.0, 0.0], [1000.0, 0.0]]).round(4)
        array([[-6.931e-01, -6.931e-01],
               [ 0.000e+00, -1.000e+03]])
    """
    from scipy.special import log_softmax as scipy_log_softmax

    rows = np.asarray(check_matrix(scores, "scores", "log_softmax"), dtype=np.float64)
    return np.asarray(scipy_log_softmax(rows, axis=1))


def softmax(scores: ArrayLike) -> Array:
    """Probabilities (n, C) of scores (n, C), safe against overflow; scores may be minus infinity.

    Args:
        scores: (n, C) scores, one row per item.

    Raises:
        ParameterError: if ``scores`` is not an array (n, C).

    Examples:
        >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
        array([[0.5, 0.5],
               [1. , 0. ]])
    """
    # Equal to `scipy.special.softmax` to the last bit; written out because every prediction needs it, and importing
    # scipy.special takes longer than most predictions (0.1 s to 0.3 s).
    rows = np.asarray(check_matrix(scores, "scores", "softmax"), dtype=np.float64)
    shares = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def log_loss(scores: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Weighted mean of -ln softmax(scores)[y], in nats.

    Args:
        scores: (n, C) scores.
        y: (n,) integer class codes.
        sample_weight: (n,) weights; default: ones.

    Raises:
        ParameterError: if shapes, codes or weights are wrong.

    Examples:
        >>> round(log_loss([[0.0, 0.0]], [1]), 4)
        0.6931
    """
    logs = log_softmax(scores)
    codes = _codes(y, logs.shape, "log_loss")
    weights = check_weights(sample_weight, len(codes), "log_loss")
    return float(np.average(-logs[np.arange(len(codes)), codes], weights=weights))


def fit_temperature(scores: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Temperature scaling: the T that minimises the log-loss of ``softmax(scores / T)``, by safeguarded Newton.

    Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    If every row's own class has the highest score, the loss decreases as T → 0, and n right answers would turn into
    certainty. T is then set so that the summed loss is ln 2, as if one row were undecided. Scores with a wrong row
    always have at least that loss, so the rule affects no other case. T is kept between 1e-6 and 1e3 times the median
    spread (largest minus smallest score of a row); uninformative or misleading scores end at the upper bound.

    Args:
        scores: (n, C) scores, preferably out-of-fold; a column may be minus infinity (a class without rows).
        y: (n,) integer class codes.
        sample_weight: (n,) weights; default: ones. Their scale does not matter.

    Returns:
        T, in units of the scores; 1 if all scores of every row are equal.

    Raises:
        ParameterError: if shapes, codes or weights are wrong.
        DataError: if scores are not finite, or the class of a row has the score minus infinity.

    Examples:
        >>> scores = np.array([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]])
        >>> temperature = fit_temperature(scores, [0, 0, 0, 1])
        >>> softmax(scores / temperature)[0].round(6)
        array([0.75, 0.25])
    """
    rows = np.asarray(check_matrix(scores, "scores", "fit_temperature"), dtype=np.float64)
    codes = _codes(y, rows.shape, "fit_temperature")
    weights = check_weights(sample_weight, len(codes), "fit_temperature")
    if not weights.any():
        raise ParameterError("fit_temperature needs a row of positive weight. Got none.")
    rows, codes, weights = rows[weights > 0], codes[weights > 0], weights[weights > 0]
    margins = _margins(rows, codes)
    spreads = margins.max(axis=1) - margins.min(axis=1)
    if not spreads.any():
        return 1.0  # uniform probabilities for any T
    spread = float(np.median(spreads[spreads > 0]))
    # solve for u = ln β = -ln T
    low, high = -np.log(HIGHEST * spread), -np.log(LOWEST * spread)
    weights = weights / weights.mean()
    start = 0.5 * (low + high)
    if len(margins) >= 2 * FEW_ROWS:  # Newton on a subset gives the starting point for all rows
        few = slice(None, None, len(margins) // FEW_ROWS)
        start = _increasing_root(_equation(margins[few], weights[few]), low, high, start)
    return float(np.exp(-_increasing_root(_equation(margins, weights), low, high, start)))


Equation = Callable[[float], tuple[float, float]]


def _margins(rows: Array, codes: NDArray[np.intp]) -> Array:
    """Scores minus the score of the row's own class, without columns that are minus infinity throughout."""
    own = rows[np.arange(len(rows)), codes][:, None]
    possible = ~np.isneginf(rows).all(axis=0)
    if not (np.isfinite(rows[:, possible]).all() and np.isfinite(own).all()):
        raise DataError(
            "fit_temperature needs finite scores, and each row's own class must be possible. Got a NaN, an infinity, "
            "or a row whose class has the score minus infinity."
        )
    return np.asarray(rows[:, possible] - own)


def _tempered(margins: Array, weights: Array, beta: float) -> tuple[float, float, float]:
    """Summed log-loss at β = 1/T, and its first and second derivatives in β."""
    scaled = margins * beta
    top = scaled.max(axis=1, keepdims=True)
    powers = np.exp(scaled - top)
    sums = powers.sum(axis=1)
    # E_p[m], and E_p[m²] - E_p[m]²: the derivatives of ln Σ exp(βm); the margin of the row's own class is 0
    powers *= margins
    first = powers.sum(axis=1) / sums
    powers *= margins
    second = powers.sum(axis=1) / sums - first**2
    loss = top[:, 0] + np.log(sums)
    return float(weights @ loss), float(weights @ first), float(weights @ second)


def _equation(margins: Array, weights: Array) -> Equation:
    """The function of u whose root is the temperature, with its derivative."""
    # a row is correct if all margins except its own, which is 0, are negative
    wrong = np.count_nonzero(margins >= 0, axis=1) > 1
    return _stationary(margins, weights) if wrong.any() else _one_undecided(margins, weights)


def _stationary(margins: Array, weights: Array) -> Equation:
    # dL/dβ = 0; L is convex in β, so its derivative increases with u
    def equation(u: float) -> tuple[float, float]:
        beta = float(np.exp(u))
        _, first, second = _tempered(margins, weights, beta)
        return first, second * beta

    return equation


def _one_undecided(margins: Array, weights: Array) -> Equation:
    # summed loss = ln 2
    def equation(u: float) -> tuple[float, float]:
        beta = float(np.exp(u))
        loss, first, _ = _tempered(margins, weights, beta)
        floor = np.finfo(np.float64).tiny
        # ln ln 2 - ln loss increases with u, and is nearly linear where the loss falls exponentially: good for Newton
        return float(np.log(np.log(2.0)) - np.log(max(loss, floor))), -first * beta / max(loss, floor)

    return equation


def _increasing_root(equation: Equation, low: float, high: float, start: float) -> float:
    """Root of an increasing function in [low, high], or the nearer end: Newton with bisection as a fallback."""
    u = start
    for _ in range(STEPS):
        value, slope = equation(u)
        if value > 0:
            high = u
        else:
            low = u
        step = u - value / slope if slope > 0 else np.inf
        new = step if low < step < high else 0.5 * (low + high)
        if abs(new - u) <= 1e-12 * max(1.0, abs(u)) or high - low <= 1e-12:
            return new
        u = new
    return u


def fit_platt(scores: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, float]:
    """Platt scaling: slope and intercept of P(y=1) = 1 / (1 + exp(-(slope·score + intercept))), by Newton.

    Reference: Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Lin, Lin & Weng, "A Note on Platt's
    Probabilistic Outputs for Support Vector Machines", Machine Learning 2007.

    Command: headstart fit DATA --task multilabel

    Targets are Platt's, (N₊+1)/(N₊+2) and 1/(N₋+2), so the optimum is finite even if scores separate the classes
    perfectly or one class has no rows.

    Args:
        scores: (n,) scores, preferably out-of-fold.
        y: (n,) zeros and ones.
        sample_weight: (n,) weights, counted as rows in N₊ and N₋; default: ones.

    Returns:
        The slope and the intercept.

    Raises:
        ParameterError: if shapes or weights are wrong, or ``y`` holds values other than 0 and 1.
        DataError: if scores are not finite.

    Examples:
        >>> slope, intercept = fit_platt([-1.0, 1.0], [0, 1])       # targets 1/3 and 2/3
        >>> round(slope, 6), round(intercept, 6) + 0.0
        (0.693147, 0.0)
    """
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(y)
    if values.ndim != 1 or not len(values) or labels.shape != values.shape or not np.isin(labels, (0, 1)).all():
        raise ParameterError(
            "fit_platt needs scores of shape (n,), n at least 1, and labels 0 or 1 of the same shape. "
            f"Got scores of shape {values.shape} and labels of shape {labels.shape}."
        )
    if not np.isfinite(values).all():
        raise DataError("fit_platt needs finite scores. Got a NaN or an infinity.")
    weights = check_weights(sample_weight, len(values), "fit_platt")
    if not weights.any():
        raise ParameterError("fit_platt needs a row of positive weight. Got none.")
    positive = labels == 1
    up, down = weights[positive].sum(), weights[~positive].sum()
    targets = np.where(positive, (up + 1) / (up + 2), 1 / (down + 2))
    weights = weights / weights.sum()
    centre = float(weights @ values)
    scale = float(np.sqrt(weights @ (values - centre) ** 2))
    # constant scores: only the intercept can be fitted
    if scale <= 1e-14 * abs(centre) or scale == 0:
        share = float(weights @ targets)
        return 0.0, float(np.log(share / (1 - share)))
    slope, intercept = _logistic((values - centre) / scale, targets, weights)
    return slope / scale, intercept - slope * centre / scale


def _logistic(s: Array, targets: Array, weights: Array) -> tuple[float, float]:
    """Slope and intercept of a weighted logistic regression on soft targets, for standardised scores s (n,)."""
    design = np.stack([s, np.ones_like(s)], axis=1)
    share = float(weights @ targets)
    beta = np.array([0.0, np.log(share / (1 - share))])
    loss = _cross_entropy(design @ beta, targets, weights)
    for _ in range(STEPS):
        # expit without overflow
        p = 0.5 * (1 + np.tanh(0.5 * (design @ beta)))
        gradient = design.T @ (weights * (p - targets))
        hessian = (design * (weights * p * (1 - p))[:, None]).T @ design
        # a ridge of rounding size, since the Hessian is singular if p is 0 or 1 everywhere
        step = np.linalg.solve(hessian + 1e-14 * np.eye(2), gradient)
        size = 1.0
        # backtracking: the loss is convex, so halving ends, and near the optimum the full step is taken
        while size > 1e-10:
            new = beta - size * step
            new_loss = _cross_entropy(design @ new, targets, weights)
            if new_loss <= loss + 1e-15 * abs(loss):
                break
            size *= 0.5
        beta, loss = new, new_loss
        if np.abs(step).max() <= 1e-12 * max(1.0, float(np.abs(beta).max())):
            break
    return float(beta[0]), float(beta[1])


def _cross_entropy(logits: Array, targets: Array, weights: Array) -> float:
    return float(weights @ (np.logaddexp(0.0, logits) - targets * logits))


def _codes(y: ArrayLike, shape: tuple[int, ...], owner: str) -> NDArray[np.intp]:
    codes = np.asarray(y)
    if codes.shape != shape[:1] or codes.dtype.kind not in "iu" or not len(codes):
        raise ParameterError(
            f"{owner} needs one integer class code for each of {shape[0]} rows, and at least one row. "
            f"Got codes of shape {codes.shape} and type {codes.dtype}."
        )
    if codes.min() < 0 or codes.max() >= shape[1]:
        raise ParameterError(
            f"{owner} needs class codes from 0 to {shape[1] - 1}. Got {codes.min()} to {codes.max()} instead."
        )
    return codes.astype(np.intp)
