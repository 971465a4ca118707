"""Calibration: from scores to probabilities, by temperature scaling (softmax) or Platt scaling (sigmoid).

References: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017; Platt, "Probabilistic
Outputs for Support Vector Machines", 1999; Lin, Lin & Weng, "A Note on Platt's Probabilistic Outputs", 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.checks import check_matrix, check_weights

__all__ = ["fit_platt", "fit_temperature", "fit_temperatures", "log_loss", "log_softmax", "softmax"]

Array = NDArray[np.float64]

# Bounds of T, as multiples of the median spread of a row's scores.
LOWEST, HIGHEST = 1e-6, 1e3
FEW_ROWS = 400  # of the subset that gives a starting point
STEPS = 100  # of Newton's method, at most
START = 4.0  # the median spread of a row over T where the search begins


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
    return float(fit_temperatures(rows[None], y, sample_weight)[0])


def fit_temperatures(
    scores: NDArray[np.float64], y: ArrayLike, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """The temperatures (L,) of L arrays of scores for the same rows, as by `fit_temperature`, in one search.

    Args:
        scores: (L, n, C) float64 scores, such as those of a head at L penalties.
        y: (n,) integer class codes.
        sample_weight: (n,) weights; default: ones.

    Raises:
        ParameterError: if shapes, codes or weights are wrong.
        DataError: if scores are not finite, or the class of a row has the score minus infinity.

    Examples:
        >>> scores = np.array([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]])
        >>> found = fit_temperatures(np.stack([scores, 2 * scores]), [0, 0, 0, 1])
        >>> found.round(4), found[0] == fit_temperature(scores, [0, 0, 0, 1])
        (array([2.7307, 5.4614]), np.True_)
    """
    codes = _codes(y, scores.shape[1:], "fit_temperature")
    weights = check_weights(sample_weight, len(codes), "fit_temperature")
    if not weights.any():
        raise ParameterError("fit_temperature needs a row of positive weight. Got none.")
    if not weights.all():
        scores, codes, weights = scores[:, weights > 0], codes[weights > 0], weights[weights > 0]
    possible = np.asarray((scores != -np.inf).any(axis=1))
    if (possible != possible[0]).any():
        return np.array([fit_temperatures(one[None], codes, weights)[0] for one in scores])
    margins = _margins(scores[:, :, possible[0]] if not possible.all() else scores, codes, scores)
    spreads = margins.max(axis=1) - margins.min(axis=1)
    spread = _median_above_zero(spreads)
    found = np.ones(len(scores))  # uniform probabilities for any T
    varied = np.flatnonzero(spread)
    if len(varied):
        found[varied] = np.exp(-_solved(margins[varied], weights / weights.mean(), spread[varied]))
    return found


def _margins(rows: Array, codes: NDArray[np.intp], given: Array) -> Array:
    """Scores (L, C, n) minus the score of the row's own class."""
    own = given[:, np.arange(len(codes)), codes]
    if not (np.isfinite(rows).all() and np.isfinite(own).all()):
        raise DataError(
            "fit_temperature needs finite scores, and each row's own class must be possible. Got a NaN, an infinity, "
            "or a row whose class has the score minus infinity."
        )
    return np.asarray(rows.transpose(0, 2, 1) - own[:, None], order="C")


def _median_above_zero(values: Array) -> Array:
    """The median (L,) of the positive ones of values (L, n); 0 where there is none."""
    ordered = np.sort(values, axis=1)
    count = np.count_nonzero(ordered, axis=1)
    first = values.shape[1] - count
    places = np.stack([first + np.maximum(count - 1, 0) // 2, first + count // 2], axis=1)
    return np.asarray(np.take_along_axis(ordered, np.minimum(places, values.shape[1] - 1), axis=1).mean(axis=1))


def _solved(margins: Array, weights: Array, spread: Array) -> Array:
    """Roots u = ln β = -ln T (L,) for margins (L, C, n), from a subset of the rows first where there are many."""
    low, high = -np.log(HIGHEST * spread), -np.log(LOWEST * spread)
    start = np.log(START / spread)
    count = margins.shape[2]
    if count >= 2 * FEW_ROWS:  # Newton on a subset gives the starting point for all rows
        few = slice(None, None, count // FEW_ROWS)
        start = _increasing_roots(_Equations.of(margins[:, :, few], weights[few]), low, high, start)
    return _increasing_roots(_Equations.of(margins, weights), low, high, start)


@dataclass(frozen=True, eq=False)
class _Equations:
    """The functions of u whose roots are the temperatures: dL/dβ = 0, or summed loss L = ln 2 where no row is wrong.

    L is convex in β, so its derivative increases with u. ln ln 2 - ln L increases too, and is nearly linear where the
    loss falls exponentially: good for Newton.

    Attributes:
        below: (L, C, n) margins minus the largest of the row, as a copy with rows last: sums over few classes are fast.
        top: (L, n) the largest margin of each row.
        weights: (n,).
        undecided: (L,) whether no row is wrong.
    """

    below: Array
    top: Array
    weights: Array
    undecided: NDArray[np.bool_]

    @classmethod
    def of(cls, margins: Array, weights: Array) -> _Equations:
        top = margins.max(axis=1)
        # a row is correct if all margins except its own, which is 0, are negative
        wrong = (np.count_nonzero(margins >= 0, axis=1) > 1).any(axis=1)
        return cls(margins - top[:, None], top, weights, ~wrong)

    def only(self, chosen: NDArray[np.bool_]) -> _Equations:
        return _Equations(self.below[chosen], self.top[chosen], self.weights, self.undecided[chosen])

    def __call__(self, u: Array) -> tuple[Array, Array]:
        """Values and slopes (L,) at u (L,)."""
        beta = np.exp(u)
        powers = np.exp(self.below * beta[:, None, None])
        sums = powers.sum(axis=1)
        # E_p[m], and E_p[m²] - E_p[m]²: the derivatives of ln Σ exp(βm); m is counted from the largest
        powers *= self.below
        mean = powers.sum(axis=1) / sums
        powers *= self.below
        second = ((powers.sum(axis=1) / sums - mean**2) * self.weights).sum(axis=1)
        first = ((mean + self.top) * self.weights).sum(axis=1)
        if not self.undecided.any():
            return first, second * beta
        loss = ((beta[:, None] * self.top + np.log(sums)) * self.weights).sum(axis=1)
        loss = np.maximum(loss, np.finfo(np.float64).tiny)
        value = np.where(self.undecided, np.log(np.log(2.0)) - np.log(loss), first)
        return value, np.where(self.undecided, -first / loss, second) * beta


def _increasing_roots(equations: _Equations, low: Array, high: Array, start: Array) -> Array:
    """Roots of increasing functions in [low, high], or the nearer ends: Newton with bisection as a fallback."""
    found, place, u = start.copy(), np.arange(len(start)), start
    untried = np.ones((2, len(u)), dtype=np.bool_)  # whether the ends low and high are still the given ones
    for _ in range(STEPS):
        value, slope = equations(u)
        over = value > 0
        low, high, untried = np.where(over, low, u), np.where(over, u, high), untried & np.stack([over, ~over])
        step = u - np.divide(value, slope, out=np.full_like(u, np.nan), where=slope > 0)
        inside = (low <= step) & (step <= high)
        # a step beyond a given end goes to the end, where many roots are
        beyond = (untried[0] & (step < low)) | (untried[1] & (step > high))
        new = np.where(inside, step, np.where(beyond, np.clip(step, low, high), 0.5 * (low + high)))
        # an accepted step of Newton's squares the error
        near = np.abs(new - u) <= np.where(inside, 1e-8, 1e-12) * np.maximum(1.0, np.abs(u))
        going = ~(near | (high - low <= 1e-12))
        found[place] = new
        if not going.all():
            if not going.any():
                break
            equations, place, untried = equations.only(going), place[going], untried[:, going]
            low, high, new = low[going], high[going], new[going]
        u = new
    return found


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
