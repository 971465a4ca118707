"""Ridge predictions of new rows by the fit without each training row, or without its group, from one fit.

f⁻ᴮ(x) = f(x) - K_B(x) e_B, with the leave-group-out residuals e_B = Y_B - f⁻ᴮ(x_B) and

    κ_i(x) = w_i (1/Σw + (x-μ)ᵀ(X̃ᵀX̃+λ)⁻¹(x_i-μ)).

So jackknife+ intervals and cross-conformal sets need no refits. LDA without a row follows from the ridge fit without
it: see `headstart.linear.lda_without`.

References: Cook & Weisberg, "Residuals and Influence in Regression", 1982; Barber, Candès, Ramdas & Tibshirani,
"Predictive Inference with the Jackknife+", Annals of Statistics 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.checks import check_matrix, check_weights
from headstart.linear.spectrum import Spectrum

__all__ = ["RidgeWithout", "kernel_of"]

Array = NDArray[np.float64]


def kernel_of(
    spectrum: Spectrum, x_train: ArrayLike, x_new: ArrayLike, lam: float, *, sample_weight: ArrayLike | None = None
) -> Array:
    """κ (m, n): the weight of each training row's label in the prediction of each new row.

    Args:
        spectrum: of the training rows.
        x_train: (n, d) training rows: all of those in the spectrum, or some.
        x_new: (m, d) new rows.
        lam: the penalty λ, above 0 unless the rows have full column rank.
        sample_weight: (n,) the weights of these training rows in the spectrum; default: ones.

    Raises:
        ParameterError: if shapes are wrong.

    Examples:
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [3.0], [2.0]])
        >>> kernel = kernel_of(Spectrum.from_rows(x, y), x, [[1.0]], lam=0.0)
        >>> kernel.round(3), (kernel @ y).round(3)
        (array([[0.333, 0.333, 0.333]]), array([[1.667]]))
    """
    x_train = check_matrix(x_train, "x_train", "kernel_of", columns=len(spectrum.mean))
    x_new = check_matrix(x_new, "x_new", "kernel_of", columns=len(spectrum.mean))
    weights = check_weights(sample_weight, len(x_train), "kernel_of")
    towards = spectrum.project(x_new) / (spectrum.values + lam)
    return np.asarray(weights * (1 / spectrum.weight + towards @ spectrum.project(x_train).T))


@dataclass(frozen=True, eq=False)
class RidgeWithout:
    """Ridge without a row: the fits without each row, or without each group of rows, from the fit on all rows.

    Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.

    Attributes:
        residuals: (n, k) leave-one-out (or leave-group-out) residuals of the rows.
        groups: (n,) codes 0 to G-1 of rows that are left out together; None if every row is its own group.

    Examples:
        >>> from headstart.linear.leave_out import leave_one_out
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [3.0], [2.0]])
        >>> spectrum = Spectrum.from_rows(x, y)
        >>> (left,) = leave_one_out(spectrum, x, y, [0.0])
        >>> without = RidgeWithout(y - left.predictions)
        >>> kernel = kernel_of(spectrum, x, [[1.0]], lam=0.0)
        >>> without(kernel @ y, kernel)[0].round(3).ravel()      # 5/3 with all rows
        array([3., 1., 3.])
    """

    residuals: Array
    groups: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        """G, the number of fits."""
        return len(self.residuals) if self.groups is None else int(self.groups.max(initial=-1)) + 1

    def __call__(self, fitted: Array, kernel: Array) -> Array:
        """Predictions (m, G, k) of m new rows by each fit.

        Args:
            fitted: (m, k) predictions of the fit on all rows.
            kernel: (m, n) from `kernel_of`.
        """
        if kernel.shape != (len(fitted), len(self.residuals)):
            raise ParameterError(f"The kernel must be {len(fitted)} by {len(self.residuals)}. Got {kernel.shape}.")
        if self.groups is None:
            return np.asarray(fitted[:, None] - kernel[:, :, None] * self.residuals)
        order = np.argsort(self.groups, kind="stable")
        starts = np.searchsorted(self.groups[order], np.arange(self.count))
        change = kernel[:, order, None] * self.residuals[order]
        return np.asarray(fitted[:, None] - np.add.reduceat(change, starts, axis=1))
