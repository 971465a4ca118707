"""Deletion influence: the exact change of each prediction if a training row were removed.

f(x) - f⁻ⁱ(x) = κ_i(x) (y_i - f_i) / (1 - h_i),   κ_i(x) = w_i (1/Σw + (x-μ)ᵀ(X̃ᵀX̃+λ)⁻¹(x_i-μ)).

Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.

Command: headstart inspect DATA --labels
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.checks import check_matrix, check_targets, check_weights
from headstart.linear.leave_out import leave_one_out
from headstart.linear.spectrum import Spectrum

__all__ = ["deletion_influence"]

Array = NDArray[np.float64]


def deletion_influence(
    spectrum: Spectrum,
    x_train: ArrayLike,
    y_train: ArrayLike,
    x_new: ArrayLike,
    lam: float,
    *,
    sample_weight: ArrayLike | None = None,
) -> Array:
    """Prediction with all rows minus prediction without row i, for each new row, training row and target.

    Args:
        spectrum: of the training rows.
        x_train: (n, d) training rows: all of those in the spectrum, or some.
        y_train: (n, k) their targets.
        x_new: (m, d) rows to predict.
        lam: the penalty, 0 or more.
        sample_weight: (n,) the weights of these training rows in the spectrum; default: ones.

    Returns:
        Influence (m, n, k), in the units of the targets. It needs m·n·k numbers of memory, so pass few new rows at a
        time.

    Raises:
        ParameterError: if shapes are wrong, ``lam`` is negative, or one row has all of the weight.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [3.0], [2.0]])
        >>> influence = deletion_influence(Spectrum.from_rows(x, y), x, y, [[1.0]], lam=0.0)
        >>> influence.round(3).ravel()      # of the prediction 5/3 at x = 1; without row 1 it is 1, else 3
        array([-1.333,  0.667, -1.333])
    """
    owner = "deletion_influence"
    x_train = check_matrix(x_train, "x_train", owner, columns=len(spectrum.mean))
    x_new = check_matrix(x_new, "x_new", owner, columns=len(spectrum.mean))
    targets = check_targets(y_train, len(x_train), owner, columns=len(spectrum.target_mean))
    weights = check_weights(sample_weight, len(x_train), owner)
    (left,) = leave_one_out(spectrum, x_train, targets, [lam], sample_weight=weights)
    # (m, r): (x-μ)ᵀV (S²+λ)⁻¹; its product with the projected training rows gives κ (m, n)
    towards = spectrum.project(x_new) / (spectrum.values + lam)
    kernel = weights * (1 / spectrum.weight + towards @ spectrum.project(x_train).T)
    # times the leave-one-out residual (y_i - f_i)/(1 - h_i): (m, n, 1) by (n, k)
    return kernel[:, :, None] * (targets - left.predictions)
