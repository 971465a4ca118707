"""Leverage of rows in the fit without them: how far each lies from the other rows, in the metric of the penalty.

With rows a = (1, x - μ) and G = AᵀWA + diag(0, λ), the leverage of a new row is q = aᵀG⁻¹a. That of a training row in
the fit without it is q / (1 - wq); that of a group B is the diagonal of K(I - W_B K)⁻¹, K = A_B G⁻¹ A_Bᵀ. Only such
left-out leverages are comparable with that of a new row: a training row pulls the fit towards itself.

Reference: Cook & Weisberg, "Residuals and Influence in Regression", 1982.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.linear.checks import chunks
from headstart.linear.moments import Moments

__all__ = ["Leverage", "left_out_of_one"]

Array = NDArray[np.float64]


class Leverage:
    """Leverage of new rows, and of training rows that are left out, by one Cholesky factor of X̃ᵀX̃+λ.

    Args:
        moments: of the training rows.
        lam: the penalty λ, above 0.

    Examples:
        >>> x = np.array([[0.0], [1.0], [2.0], [5.0]])
        >>> fit = Leverage(Moments.from_rows(x, np.zeros((4, 1))), 1.0)
        >>> fit.new(np.array([[2.0], [9.0]])).round(3)
        array([0.25 , 3.517])
        >>> fit.without_groups(x, np.arange(4), np.ones(4)).round(3)
        array([1.069, 0.463, 0.333, 5.667])
    """

    def __init__(self, moments: Moments, lam: float) -> None:
        """Factorise."""
        from scipy.linalg import cho_factor

        self.mean, self.total, self.lam = moments.mean, moments.w, lam
        self.scatter = moments.scatter
        system = moments.scatter + lam * np.eye(len(moments.mean))
        self.factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)

    def _whitened(self, x: NDArray[Any]) -> Array:
        """L⁻¹(x-μ), with a last column for the mean: rows whose inner products are K."""
        from scipy.linalg import solve_triangular

        centred = np.asarray(x, dtype=np.float64) - self.mean
        inner = solve_triangular(self.factor[0], centred.T, lower=True, check_finite=False).T
        return np.column_stack([inner, np.full(len(inner), self.total**-0.5)])

    def new(self, x: NDArray[Any]) -> Array:
        """Leverage (n,) of rows outside of the fit.

        Args:
            x: (n, d) rows.
        """
        out = np.empty(len(x))
        for part in chunks(len(x)):
            out[part] = (self._whitened(x[part]) ** 2).sum(axis=1)
        return out

    def without_groups(self, x: NDArray[Any], groups: NDArray[np.int64], weights: Array) -> Array:
        """Leverage (n,) of each training row in the fit without its group.

        Args:
            x: (n, d) training rows, all of each group that occurs.
            groups: (n,) codes of rows that are left out together.
            weights: (n,) of the rows in the fit.
        """
        out = np.empty(len(x))
        order = np.argsort(groups, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
            if len(rows) <= len(self.mean):
                a = self._whitened(x[rows])
                kernel = a @ a.T
                out[rows] = np.diagonal(np.linalg.solve(np.eye(len(rows)) - kernel * weights[rows], kernel))
            else:
                out[rows] = self._refit(x[rows], weights[rows])
        return out

    def _refit(self, x: NDArray[Any], weights: Array) -> Array:
        a = np.column_stack([np.asarray(x, dtype=np.float64) - self.mean, np.ones(len(x))])
        system = np.zeros((a.shape[1], a.shape[1]))
        system[:-1, :-1] = self.scatter + self.lam * np.eye(len(self.mean))
        system[-1, -1] = self.total
        system -= (a * weights[:, None]).T @ a
        return np.asarray(np.einsum("nd,dn->n", a, np.linalg.solve(system, a.T)))


def left_out_of_one(leverage: Array, weights: Array | None = None) -> Array:
    """Leverage of rows in the fit without each of them, from that in the fit on all rows: h/(1-h) for weights of 1.

    Args:
        leverage: (n,) h, the weight of each row in its own fitted value.
        weights: (n,) of the rows in the fit, above 0; None for ones.

    Examples:
        >>> left_out_of_one(np.array([0.5, 0.2]))
        array([1.  , 0.25])
    """
    ones = np.ones(len(leverage)) if weights is None else weights
    return np.asarray(leverage / ones / np.maximum(1 - leverage, np.finfo(np.float64).eps))
