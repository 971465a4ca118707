"""Metrics of probabilities: log-loss, Brier score and expected calibration error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.evaluate.metrics.weighted import as_weights, ratio, weighted_mean

__all__ = ["brier", "calibration_meter", "ece", "item_brier", "item_log_loss", "log_loss"]

Array = NDArray[np.float64]
_SMALLEST = float(np.finfo(np.float64).eps)


def log_loss(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Log-loss: mean negative log-likelihood in nats. Smaller is better.

    Probabilities below 2.2e-16 (float64's epsilon, as in scikit-learn) count as that.

    Args:
        probabilities: (n, C), rows that sum to one; or (n, labels) for multi-label.
        y: (n,) integer codes: the mean of -ln p(true class); or (n, labels) of 0 and 1: the mean over items and
            labels of -ln p(the label's true value).
        sample_weight: (..., n) weights, or None for ones.

    Returns:
        One value, or (...,) values for a stack of weights.

    Examples:
        >>> round(float(log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1])), 4)
        0.4904
    """
    return weighted_mean(item_log_loss(probabilities, y), sample_weight)


def item_log_loss(probabilities: ArrayLike, y: ArrayLike) -> Array:
    """The log-loss (n,) of each item, of which `log_loss` is the mean; with its arguments.

    Examples:
        >>> item_log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]).round(4)
        array([0.6931, 0.2877])
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(y)
    if truth.ndim == 2:
        likelihood = np.where(truth > 0, scores, 1.0 - scores)
        return np.asarray(-np.log(np.clip(likelihood, _SMALLEST, 1.0)).mean(axis=1))
    likelihood = scores[np.arange(len(truth)), truth]
    return np.asarray(-np.log(np.clip(likelihood, _SMALLEST, 1.0)))


def brier(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Brier score: mean squared error of the probabilities. Smaller is better.

    Reference: Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 1950.

    For codes ``y`` (n,) it is Brier's own multi-class form, the mean over items of Σ_c (p_c - [y = c])², in [0, 2];
    with two classes that is twice the form for a single class. For multi-label ``y`` (n, labels) it is the
    mean over items and labels of (p - y)², in [0, 1]. Arguments and result are those of `log_loss`.

    Examples:
        >>> float(brier([[0.5, 0.5], [0.0, 1.0]], [0, 1]))
        0.25
    """
    return weighted_mean(item_brier(probabilities, y), sample_weight)


def item_brier(probabilities: ArrayLike, y: ArrayLike) -> Array:
    """The squared error (n,) of each item, of which `brier` is the mean; with its arguments.

    Examples:
        >>> item_brier([[0.5, 0.5], [0.0, 1.0]], [0, 1])
        array([0.5, 0. ])
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(y)
    if truth.ndim == 2:
        return np.asarray(((scores - truth) ** 2).mean(axis=1))
    error = scores.copy()
    error[np.arange(len(truth)), truth] -= 1.0
    return np.asarray(np.einsum("nc,nc->n", error, error))


def ece(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, bins: int = 15) -> Array:
    """Expected calibration error: mean gap between confidence and accuracy. Smaller is better.

    Σ_b (w_b / Σw) |accuracy_b - confidence_b| over equal-width bins ((b-1)/B, b/B] of the largest probability, with
    15 bins as in the reference. It is biased upwards for few items.

    Args:
        probabilities: (n, C).
        y: (n,) integer codes.
        sample_weight: (..., n) weights, or None for ones.
        bins: number of bins; default 15.

    Returns:
        One value, or (...,) values for a stack of weights.

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks, ICML.

    Examples:
        >>> round(float(ece([[0.8, 0.2], [0.8, 0.2]], [0, 1])), 12)
        0.3
    """
    return calibration_meter(probabilities, y, bins=bins)(as_weights(sample_weight, len(np.asarray(y))))


def calibration_meter(probabilities: ArrayLike, y: ArrayLike, *, bins: int = 15) -> Callable[[Array], Array]:
    """The function from weights (..., n) to `ece`, for many weights: the items are assigned to bins once.

    Args:
        probabilities: (n, C).
        y: (n,) integer codes.
        bins: number of bins.

    Examples:
        >>> calibration_meter([[0.8, 0.2], [0.8, 0.2]], [0, 1])(np.array([[1.0, 1.0], [2.0, 0.0]])).round(12)
        array([0.3, 0.2])
    """
    scores = np.asarray(probabilities, np.float64)
    confidence = scores.max(axis=1)
    gap = (scores.argmax(axis=1) == np.asarray(y)) - confidence
    # Σ_b |Σ_{i in b} w_i (hit_i - confidence_i)| / Σ_i w_i; by_bin is (n, bins)
    place = np.digitize(confidence, np.linspace(0.0, 1.0, bins + 1)[1:-1], right=True)
    by_bin = np.where(place[:, None] == np.arange(bins), gap[:, None], 0.0)
    return lambda weights: ratio(np.abs(weights @ by_bin).sum(axis=-1), weights.sum(axis=-1))
