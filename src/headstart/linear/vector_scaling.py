"""Vector scaling: a factor and an offset for each class before the softmax, shrunk towards temperature scaling.

Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.calibration import fit_temperature, log_softmax
from headstart.linear.checks import check_matrix
from headstart.params import check_number

__all__ = ["fit_vector_scaling"]

Array = NDArray[np.float64]

PENALTY = 1.0
STEPS = 500  # of L-BFGS, at most


def fit_vector_scaling(scores: ArrayLike, y: ArrayLike, *, penalty: float = PENALTY) -> tuple[Array, Array]:
    """The factors w and offsets b of least log-loss of ``softmax(scores * w + b)``, by L-BFGS.

    Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    The summed log-loss is penalised by penalty/2 · Σ_c ((T w_c - 1)² + b_c²), with T the temperature of
    `fit_temperature`: few items, or an infinite penalty, give temperature scaling.

    Args:
        scores: (n, C) finite scores, preferably out-of-fold.
        y: (n,) integer class codes.
        penalty: 0 or more; default 1, a normal prior with standard deviation 1.

    Returns:
        w (C,) and b (C,); b sums to zero where the penalty is above 0.

    Raises:
        ParameterError: if shapes, codes or the penalty are wrong.
        DataError: if scores are not finite.

    Examples:
        >>> scores, y = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0), np.repeat([0, 1], 20)
        >>> y[:8] = 1                                             # class 1 is more frequent than its scores say
        >>> factor, offset = fit_vector_scaling(scores, y)
        >>> bool(offset[1] > offset[0])
        True
    """
    from scipy.optimize import minimize

    check_number(penalty, "penalty", "fit_vector_scaling", low=0)
    rows = np.asarray(check_matrix(scores, "scores", "fit_vector_scaling"), dtype=np.float64)
    if not np.isfinite(rows).all():
        raise DataError("fit_vector_scaling needs finite scores. Got a NaN or an infinity.")
    temperature = fit_temperature(rows, y)
    codes, classes = np.asarray(y, dtype=np.intp), rows.shape[1]
    if classes < 2:
        raise ParameterError("fit_vector_scaling needs scores of two classes or more. Got one.")
    scaled, every = rows / temperature, np.arange(len(codes))

    def loss(parameters: Array) -> tuple[float, Array]:
        change, offset = np.split(parameters, 2)
        logs = log_softmax(scaled * (1 + change) + offset)
        error = np.exp(logs)
        error[every, codes] -= 1
        value = -logs[every, codes].sum() + 0.5 * penalty * float(parameters @ parameters)
        slope = np.concatenate([(error * scaled).sum(axis=0), error.sum(axis=0)]) + penalty * parameters
        return float(value), slope

    found = minimize(
        loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B",
        options={"maxiter": STEPS, "ftol": 1e-14, "gtol": 1e-9},
    )  # fmt: skip
    change, offset = np.split(np.asarray(found.x, dtype=np.float64), 2)
    return (1 + change) / temperature, offset
