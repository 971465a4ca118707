"""Vector scaling: a factor and an offset for each class before the softmax, shrunk towards temperature scaling.

Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.calibration import fit_temperature, softmax
from headstart.linear.checks import check_matrix, check_weights
from headstart.params import check_number

__all__ = ["fit_vector_scaling", "relative_scaling"]

Array = NDArray[np.float64]

PENALTY = 1.0
STEPS = 100  # of Newton's method, at most
ENOUGH = 1e-12  # a step that changes the summed loss by less, relative to the items, is the last


def fit_vector_scaling(
    scores: ArrayLike, y: ArrayLike, *, penalty: float = PENALTY, sample_weight: ArrayLike | None = None
) -> tuple[Array, Array]:
    """The factors w and offsets b of least log-loss of ``softmax(scores * w + b)``, by Newton's method.

    Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    The summed log-loss is penalised by penalty/2 · Σ_c ((T w_c - 1)² + b_c²), with T the temperature of
    `fit_temperature`: few items, or an infinite penalty, give temperature scaling.

    Args:
        scores: (n, C) finite scores, preferably out-of-fold.
        y: (n,) integer class codes.
        penalty: 0 or more; default 1, a normal prior with standard deviation 1.
        sample_weight: (n,) weights, scaled to a mean of 1; default: ones.

    Returns:
        w (C,) and b (C,); b sums to zero where the penalty is above 0.

    Raises:
        ParameterError: if shapes, codes, weights or the penalty are wrong.
        DataError: if scores are not finite.

    Examples:
        >>> scores, y = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0), np.repeat([0, 1], 20)
        >>> y[:8] = 1                                             # class 1 is more frequent than its scores say
        >>> factor, offset = fit_vector_scaling(scores, y)
        >>> bool(offset[1] > offset[0])
        True
    """
    check_number(penalty, "penalty", "fit_vector_scaling", low=0)
    rows = np.asarray(check_matrix(scores, "scores", "fit_vector_scaling"), dtype=np.float64)
    if not np.isfinite(rows).all():
        raise DataError("fit_vector_scaling needs finite scores. Got a NaN or an infinity.")
    temperature = fit_temperature(rows, y, sample_weight)
    if rows.shape[1] < 2:
        raise ParameterError("fit_vector_scaling needs scores of two classes or more. Got one.")
    weights = check_weights(sample_weight, len(rows), "fit_vector_scaling")
    factor, offset = relative_scaling(rows / temperature, np.asarray(y, dtype=np.intp), weights, penalty=penalty)
    return factor / temperature, offset


def relative_scaling(
    logits: Array,
    y: NDArray[np.intp],
    weights: Array,
    *,
    penalty: float = PENALTY,
    start: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """Factors (C,), 1 where nothing is changed, and offsets (C,) of logits: `fit_vector_scaling` after the temperature.

    Args:
        logits: (n, C) scores divided by the temperature.
        y: (n,) class codes.
        weights: (n,) weights, not all 0.
        penalty: as there.
        start: factors and offsets to start from; default: ones and zeros.

    Examples:
        >>> logits, y = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0), np.repeat([0, 1], 20)
        >>> factor, offset = relative_scaling(logits, y, np.ones(40), penalty=1e9)
        >>> np.allclose(factor, 1), np.allclose(offset, 0, atol=1e-6)
        (True, True)
    """
    used = weights > 0
    logits, y, weights = logits[used], y[used], weights[used] / weights[used].mean()
    classes = logits.shape[1]
    found = np.zeros(2 * classes)
    if start is not None:
        found = np.concatenate([start[0] - 1, start[1]])
    value = _value(logits, y, weights, penalty, found)
    for _ in range(STEPS):
        slope, curvature = _derivatives(logits, y, weights, penalty, found)
        # without a penalty a common offset changes nothing, so the curvature alone would be singular
        curvature[np.diag_indices(2 * classes)] += 1e-10 * max(1.0, float(curvature.diagonal().max()))
        step, size = np.linalg.solve(curvature, slope), 1.0
        new, before = found - step, value
        value = _value(logits, y, weights, penalty, new)
        while not value <= before and size > 1e-10:
            size /= 2
            new = found - size * step
            value = _value(logits, y, weights, penalty, new)
        if not value <= before:
            break
        found = new
        if before - value <= ENOUGH * len(y):
            break
    return 1 + found[:classes], found[classes:]


def _value(logits: Array, y: NDArray[np.intp], weights: Array, penalty: float, parameters: Array) -> float:
    classes = logits.shape[1]
    scaled = logits * (1 + parameters[:classes]) + parameters[classes:]
    top = scaled.max(axis=1)
    losses = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[np.arange(len(y)), y]
    return float(weights @ losses) + 0.5 * penalty * float(parameters @ parameters)


def _derivatives(
    logits: Array, y: NDArray[np.intp], weights: Array, penalty: float, parameters: Array
) -> tuple[Array, Array]:
    """Gradient (2C,) and Hessian (2C, 2C) of the penalised loss in the changes of the factors and the offsets."""
    classes = logits.shape[1]
    share = softmax(logits * (1 + parameters[:classes]) + parameters[classes:])
    error = share * weights[:, None]
    # the Hessian of one item is Jᵀ (diag p - p pᵀ) J with J = [diag of its logits, identity]
    design = np.concatenate([logits * share, share], axis=1)
    hessian = -(design * weights[:, None]).T @ design
    every = np.arange(classes)
    hessian[every, every] += (error * logits**2).sum(axis=0)
    crossed = (error * logits).sum(axis=0)
    hessian[every, classes + every] += crossed
    hessian[classes + every, every] += crossed
    hessian[classes + every, classes + every] += error.sum(axis=0)
    error[np.arange(len(y)), y] -= weights
    slope = np.concatenate([(error * logits).sum(axis=0), error.sum(axis=0)]) + penalty * parameters
    return slope, hessian + penalty * np.eye(2 * classes)
