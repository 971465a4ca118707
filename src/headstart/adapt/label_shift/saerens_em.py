"""Saerens EM: class shares of new items of the greatest likelihood, from calibrated probabilities.

Repeat until the shares stand still: correct the probabilities of the new items for the current shares, and average,

    p'(c | x) ∝ p(c | x) π'_c / π_c,   π'_c ← mean over new items of p'(c | x).

The likelihood is concave in π', so this finds its maximum (MLLS). It presumes calibrated probabilities: they are
calibrated first on the left-out predictions, with an offset for each class.

References: Saerens, Latinne & Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A
Simple Procedure", Neural Computation 2002; Alexandari, Kundaje & Shrikumar, ICML 2020.

Command: headstart predict MODEL ITEM --priors estimate
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.label_shift.bias_corrected_temperature import BiasCorrectedTemperature, bias_corrected_temperature
from headstart.adapt.label_shift.shares import (
    Outputs,
    Resampled,
    ShareEstimate,
    check_outputs,
    draw_counts,
    share_estimate,
)
from headstart.params import check_number
from headstart.tasks.prior_correction import estimated_priors

__all__ = ["saerens_em"]

Array = NDArray[np.float64]
LEAST = 1e-12  # a probability below counts as this much: its logarithm is a score
RESAMPLED_STEPS, RESAMPLED_TOLERANCE = 200, 1e-5  # of EM on a resample: far below the width of the interval


def saerens_em(
    left_out: ArrayLike,
    y: ArrayLike,
    new: ArrayLike,
    *,
    calibrate: bool = True,
    coverage: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> ShareEstimate:
    """Estimate the class shares of new items by EM.

    The interval counts the sampling of the new items, and that of the labelled items through one Newton step of the
    calibration on each resample.

    Args:
        left_out: (n, C) left-out probabilities of the labelled items.
        y: (n,) their class codes.
        new: (m, C) probabilities of the new items, by the model of all labelled items.
        calibrate: whether to fit a factor and an offset for each class on the left-out probabilities first (default).
        coverage: of the interval, default 0.95.
        resamples: bootstrap resamples of labelled items, within each class, and of new items; default 200.
        seed: of the resamples, default 0.

    Raises:
        ParameterError: if shapes, codes, probabilities or options are wrong.
        DataError: if there are no new items or fewer than two classes.

    Examples:
        >>> left_out = np.array([[0.8, 0.2]] * 4 + [[0.2, 0.8]] + [[0.2, 0.8]] * 4 + [[0.8, 0.2]])
        >>> y = np.repeat([0, 1], 5)
        >>> new = np.array([[0.8, 0.2]] * 7 + [[0.2, 0.8]] * 3)          # 0.7 = 0.8 π' + 0.2 (1 - π')
        >>> saerens_em(left_out, y, new, calibrate=False).shares.round(4)
        array([0.8333, 0.1667])
    """
    check_number(resamples, "resamples", "saerens_em", low=1, integer=True)
    inputs = check_outputs(left_out, y, new, "saerens_em")
    fitted = None
    outputs = inputs.new
    if calibrate:
        fitted = bias_corrected_temperature(_scores(inputs.left_out), inputs.y)
        outputs = fitted.probabilities(_scores(inputs.new))
    shares = estimated_priors(outputs, inputs.shares)
    resampled = _resampled(inputs, fitted, shares, resamples, np.random.default_rng(seed))
    return share_estimate("em", inputs, shares, resampled, coverage)


def _scores(probabilities: Array) -> Array:
    return np.log(np.maximum(probabilities, LEAST))


def _resampled(
    inputs: Outputs, fitted: BiasCorrectedTemperature | None, shares: Array, resamples: int, rng: np.random.Generator
) -> Resampled:
    m, new = len(inputs.new), _scores(inputs.new)
    changes = None if fitted is None else _one_step(inputs, fitted, draw_counts(rng, inputs.y, resamples))
    found = np.empty((resamples, len(shares)))
    for one in range(resamples):
        counts = rng.multinomial(m, np.full(m, 1 / m)).astype(np.float64)
        outputs = inputs.new
        if fitted is not None and changes is not None:
            moved = BiasCorrectedTemperature(fitted.factor + changes[one, -1], fitted.offset + changes[one, :-1])
            outputs = moved.probabilities(new)
        found[one] = _em(outputs / inputs.shares, shares, counts / m)
    return Resampled(found, rng.multinomial(len(inputs.y), inputs.shares, size=resamples) / len(inputs.y))


def _em(ratios: Array, shares: Array, weights: Array) -> Array:
    """Shares (K,) of the greatest weighted likelihood Σ_i w_i ln Σ_c r_ic π_c, starting near the full estimate."""
    current = 0.99 * shares + 0.01 / len(shares)  # a share of exactly 0 would stay there
    for _ in range(RESAMPLED_STEPS):
        new = current * (ratios.T @ (weights / np.maximum(ratios @ current, LEAST)))
        if abs(new - current).max() < RESAMPLED_TOLERANCE:
            return np.asarray(new)
        current = new
    return current


def _one_step(inputs: Outputs, fitted: BiasCorrectedTemperature, counts: Array) -> Array:
    """Change (B, K + 1) of offsets and factor when items count (B, n) times: -H⁻¹ times the resampled gradient."""
    scores = _scores(inputs.left_out)
    p = fitted.probabilities(scores)
    residual = p - np.eye(p.shape[1])[inputs.y]
    gradients = np.column_stack([residual, (residual * scores).sum(axis=1)])
    centred = p * (scores - (p * scores).sum(axis=1, keepdims=True))
    hessian = np.empty((gradients.shape[1],) * 2)
    hessian[:-1, :-1] = np.diag(p.sum(axis=0)) - p.T @ p + 1.0
    hessian[:-1, -1] = hessian[-1, :-1] = centred.sum(axis=0)
    # the penalty of the factor, in units of the scores divided by their temperature
    hessian[-1, -1] = (centred * scores).sum() + 1.0 / max(fitted.factor**2, LEAST)
    return np.asarray(-np.linalg.solve(hessian, gradients.T @ (counts - 1.0).T).T)
