"""Bias-corrected temperature scaling: one factor and an offset for each class, before the softmax.

    p(c | x) = softmax(a z + b)_c,   with z the scores divided by their temperature.

The offsets make the mean probability of each class equal its share of the items, exactly. This is what estimating class
shares by EM needs: with the temperature alone, a class that is predicted too often would count as shift.

Reference: Alexandari, Kundaje & Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label
Shift Adaptation", ICML 2020.

Command: - (Python)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.calibration import fit_temperature, log_softmax, softmax
from headstart.linear.checks import check_matrix

__all__ = ["BiasCorrectedTemperature", "bias_corrected_temperature"]

Array = NDArray[np.float64]
PENALTY = 1.0
STEPS = 100  # of Newton's method, at most


@dataclass(frozen=True, eq=False)
class BiasCorrectedTemperature:
    """A fitted calibration.

    Attributes:
        factor: a / T, the factor of the scores.
        offset: (C,) b, of sum 0.

    Examples:
        >>> BiasCorrectedTemperature(1.0, np.array([1.0, -1.0])).probabilities([[0.0, 2.0]])
        array([[0.5, 0.5]])
    """

    factor: float
    offset: Array

    def probabilities(self, scores: ArrayLike) -> Array:
        """Calibrated probabilities (n, C) of scores (n, C)."""
        return softmax(self.factor * np.asarray(scores, dtype=np.float64) + self.offset)


def bias_corrected_temperature(scores: ArrayLike, y: ArrayLike) -> BiasCorrectedTemperature:
    """The factor and offsets of least log-loss, by damped Newton steps.

    The factor is penalised by ½ (a - 1)², as one item would, so that it stays finite where the classes are separated;
    the offsets are free.

    Args:
        scores: (n, C) finite scores, or logarithms of probabilities, preferably left-out.
        y: (n,) class codes; every class has items.

    Raises:
        ParameterError: if shapes or codes are wrong.
        DataError: if a class has no items or a score is not finite.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 3, 300)
        >>> scores = np.eye(3)[y] + rng.normal(size=(300, 3)) + [0.0, 0.0, 2.0]      # class 2 is scored too high by 2
        >>> fitted = bias_corrected_temperature(scores, y)
        >>> abs(fitted.probabilities(scores).mean(axis=0) - np.bincount(y) / 300).max() < 1e-9
        np.True_
        >>> fitted.offset[2] < min(fitted.offset[:2])
        np.True_
    """
    rows = np.asarray(check_matrix(scores, "scores", "bias_corrected_temperature"), dtype=np.float64)
    codes = np.asarray(y)
    if codes.shape != (len(rows),) or codes.dtype.kind not in "iu":
        raise ParameterError(
            f"The 'y' parameter of bias_corrected_temperature must hold one class code for each of {len(rows)} rows. "
            f"Got an array of shape {codes.shape} and type {codes.dtype} instead."
        )
    if not np.isfinite(rows).all() or len(np.unique(codes)) < rows.shape[1]:
        raise DataError("bias_corrected_temperature needs finite scores and an item of every class.")
    temperature = fit_temperature(rows, codes)
    logits = rows / temperature
    parameters = np.zeros(rows.shape[1] + 1)
    parameters[-1] = 1.0
    for _ in range(STEPS):
        step, decrement = _newton_step(logits, codes, parameters)
        if decrement < 1e-22 * len(rows):
            break
        parameters = parameters - _damped(logits, codes, parameters, step, decrement) * step
    return BiasCorrectedTemperature(float(parameters[-1] / temperature), parameters[:-1])


def _loss(logits: Array, y: NDArray[np.intp], parameters: Array) -> float:
    logs = log_softmax(parameters[-1] * logits + parameters[:-1])
    return float(-logs[np.arange(len(y)), y].sum() + 0.5 * PENALTY * (parameters[-1] - 1) ** 2)


def _newton_step(logits: Array, y: NDArray[np.intp], parameters: Array) -> tuple[Array, float]:
    p = softmax(parameters[-1] * logits + parameters[:-1])
    residual = p.copy()
    residual[np.arange(len(y)), y] -= 1.0
    gradient = np.append(residual.sum(axis=0), (residual * logits).sum() + PENALTY * (parameters[-1] - 1))
    centred = p * (logits - (p * logits).sum(axis=1, keepdims=True))
    hessian = np.empty((len(gradient), len(gradient)))
    hessian[:-1, :-1] = np.diag(p.sum(axis=0)) - p.T @ p
    # adding 1 along (1, ..., 1), which the softmax ignores, makes it invertible and keeps the sum of offsets at 0
    hessian[:-1, :-1] += 1.0
    hessian[:-1, -1] = hessian[-1, :-1] = centred.sum(axis=0)
    hessian[-1, -1] = (centred * logits).sum() + PENALTY
    step = np.linalg.solve(hessian, gradient)
    return step, float(step @ gradient)


def _damped(logits: Array, y: NDArray[np.intp], parameters: Array, step: Array, decrement: float) -> float:
    """The first of 1, ½, ¼, ... whose step lowers the loss enough."""
    start, size = _loss(logits, y, parameters), 1.0
    while size > 1e-6 and _loss(logits, y, parameters - size * step) > start - 1e-4 * size * decrement + 1e-12 * start:
        size /= 2
    return size
