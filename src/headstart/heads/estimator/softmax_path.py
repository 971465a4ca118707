"""Multinomial logistic regression in the eigenbasis of the rows: fits at one λ after another, and left-out logits.

With centred rows X̃ = U S Vᵀ and Z = U S, the fit minimises

    Σ_i [ln Σ_c exp(z_iᵀB_c + b_c) - (z_iᵀB_{y_i} + b_{y_i})] + λ/2 ‖B‖².

Its Hessian is at most ½(I - 11ᵀ/C) ⊗ S² + λ (Böhning), which is diagonal here, so that L-BFGS on B·√(½S² + λ) sees
almost the same curvature everywhere and takes few steps whatever the spread of S.

References:
    Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 1992;
    Rad & Maleki, "A scalable estimate of the out-of-sample prediction error via approximate leave-one-out", JRSS B
    2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import softmax

from headstart.linear.spectrum import Spectrum

__all__ = ["SoftmaxFit", "SoftmaxProblem", "approximate_leave_one_out", "fit_softmax", "inverse_hessian"]

Array = NDArray[np.float64]
MAX_STEPS = 2000
STIFF = 1e4


@dataclass(frozen=True, eq=False)
class SoftmaxProblem:
    """Rotated rows and one-hot targets.

    Attributes:
        rows: (n, r) centred rows in an eigenbasis.
        values: (r,) their eigenvalues s².
        onehot: (n, C).

    Examples:
        >>> problem = SoftmaxProblem.of(np.eye(3), np.array([0, 1, 1]), 2)[0]
        >>> problem.rows.shape
        (3, 2)
    """

    rows: Array
    values: Array
    onehot: Array

    @classmethod
    def of(cls, x: NDArray[np.floating], codes: NDArray[np.intp], classes: int) -> tuple[SoftmaxProblem, Spectrum]:
        """Rows (n, d) with class codes (n,), and the spectrum that rotated them."""
        onehot = np.eye(classes)[codes]
        spectrum = Spectrum.from_rows(x, onehot)
        return cls(np.ascontiguousarray(spectrum.project(x)), spectrum.values, onehot), spectrum

    def take(self, index: NDArray[np.intp]) -> SoftmaxProblem:
        """Some of the rows, in the same basis."""
        return SoftmaxProblem(self.rows[index], self.values * (len(index) / len(self.rows)), self.onehot[index])


@dataclass(frozen=True, eq=False)
class SoftmaxFit:
    """Coefficients in the eigenbasis.

    Attributes:
        weight: (r, C).
        bias: (C,), of mean zero.
        lam: the λ that they were fitted at.

    Examples:
        >>> SoftmaxFit(np.zeros((2, 3)), np.zeros(3), 1.0).scores(np.ones((1, 2)))
        array([[0., 0., 0.]])
    """

    weight: Array
    bias: Array
    lam: float

    def scores(self, rows: Array) -> Array:
        """Logits (n, C) of rotated rows."""
        return rows @ self.weight + self.bias


def fit_softmax(problem: SoftmaxProblem, lam: float, start: SoftmaxFit | None = None, tol: float = 1e-6) -> SoftmaxFit:
    """The minimiser at λ.

    Args:
        problem: rotated rows and targets.
        lam: the penalty, above zero.
        start: where to start, such as the fit at the next larger λ; default: zero weights, bias of the class shares.
        tol: largest entry of the scaled gradient at the end, as a share of that of zero weights.

    Examples:
        >>> problem, _ = SoftmaxProblem.of(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1]), 2)
        >>> fit_softmax(problem, 1.0).scores(problem.rows).argmax(axis=1)
        array([0, 0, 1, 1])
    """
    n, classes = problem.onehot.shape
    width = len(problem.values)
    # √(½s² + λ) of each coordinate, and √(n/2) of the intercept, whose column has n ones
    scale = np.sqrt(np.concatenate([0.5 * problem.values + lam, [0.5 * max(n, 1)]]))[:, None]
    start = start or _without_rows(problem, lam)

    def loss(flat: Array) -> tuple[float, Array]:
        both = flat.reshape(width + 1, classes) / scale
        weight, bias = both[:-1], both[-1]
        scores = problem.rows @ weight + bias
        # softmax and its log-partition ln Σ exp(z) out of the same powers: the loss and the slope need both
        # value and gradient share the exponentials
        top = scores.max(axis=1, keepdims=True)
        powers = np.exp(scores - top)
        total = powers.sum(axis=1, keepdims=True)
        value = float(
            np.sum(np.log(total) + top) - np.vdot(scores, problem.onehot) + 0.5 * lam * np.vdot(weight, weight)
        )
        # the gradient: ZᵀR + λB and Σ_i R for R = P - Y (n, C)
        residual = powers / total - problem.onehot
        slope = np.vstack([problem.rows.T @ residual + lam * weight, residual.sum(axis=0)])
        return value, (slope / scale).ravel()

    at_zero = loss((np.vstack([np.zeros((width, classes)), _without_rows(problem, lam).bias]) * scale).ravel())[1]
    found = minimize(
        loss,
        (np.vstack([start.weight, start.bias]) * scale).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxcor": 20, "maxiter": MAX_STEPS, "maxfun": 2 * MAX_STEPS, "ftol": 0.0,
            "gtol": tol * max(float(np.abs(at_zero).max(initial=0.0)), 1e-12), "maxls": 50,
        },
    )  # fmt: skip
    both = found.x.reshape(width + 1, classes) / scale
    return SoftmaxFit(both[:-1], both[-1] - both[-1].mean(), lam)


def _without_rows(problem: SoftmaxProblem, lam: float) -> SoftmaxFit:
    classes = problem.onehot.shape[1]
    share = np.log(problem.onehot.sum(axis=0) + 1 / classes)  # a class without rows keeps a finite bias
    return SoftmaxFit(np.zeros((len(problem.values), classes)), share - share.mean(), lam)


def approximate_leave_one_out(problem: SoftmaxProblem, fitted: SoftmaxFit) -> Array:
    """Logits (n, C) that each row would get from the fit without it, by one Newton step from the fit with it.

    With g_i = p_i - y_i, W_i = diag(p_i) - p_ip_iᵀ and H_ii = (a_i ⊗ I)ᵀ H⁻¹ (a_i ⊗ I), where H is the Hessian and
    a_i the row with a one for the intercept:

        z⁻ⁱ ≈ z_i + H_ii (I - W_i H_ii)⁻¹ g_i.

    It takes the inverse of a matrix of side (r + 1)·C.

    Args:
        problem: rotated rows and targets.
        fitted: the minimiser at its λ.

    Examples:
        >>> x, codes = np.array([[0.0], [1.0], [1.2], [3.0]]), np.array([0, 1, 0, 1])
        >>> problem, _ = SoftmaxProblem.of(x, codes, 2)
        >>> (approximate_leave_one_out(problem, fit_softmax(problem, 1.0)).argmax(axis=1) == codes).mean()
        np.float64(0.5)
    """
    n, classes = problem.onehot.shape
    rows = np.hstack([problem.rows, np.ones((n, 1))])
    scores = fitted.scores(problem.rows)
    proba = softmax(scores, axis=1)
    inverse = inverse_hessian(rows, proba, fitted.lam)
    spread = np.empty((n, classes, classes))
    for c in range(classes):
        for e in range(c, classes):
            # H_ii[c, e] = a_iᵀ (H⁻¹)_ce a_i for all rows (n,)
            spread[:, c, e] = spread[:, e, c] = np.einsum("nd,nd->n", rows @ inverse[c, :, e, :], rows)
    # the curvature of each row, diag(p) - ppᵀ, as (n, C, C)
    curvature = -proba[:, :, None] * proba[:, None, :]
    curvature[:, range(classes), range(classes)] += proba
    inner = np.eye(classes) - curvature @ spread
    # n systems of C by C, with (n, C, 1) on the right
    step = np.linalg.solve(inner, (proba - problem.onehot)[:, :, None])
    return np.asarray(scores + (spread @ step)[:, :, 0])


def inverse_hessian(rows: Array, proba: Array, lam: float) -> Array:
    """The covariance (C, D, C, D) of the weights at the minimiser, without what all classes share.

    Args:
        rows: (n, D), the last column ones for the intercept.
        proba: (n, C) of the fit.
        lam: its λ; the intercept has none.

    Examples:
        >>> inverse_hessian(np.array([[-1.0, 1.0], [1.0, 1.0]]), np.full((2, 2), 0.5), 1.0)[0, :, 0, :].round(3)
        array([[0.25, 0.  ],
               [0.  , 0.5 ]])
    """
    width, classes = rows.shape[1], proba.shape[1]
    hessian = np.empty((classes, width, classes, width))
    for c in range(classes):
        for e in range(c, classes):
            # block (c, e) of the Hessian is Aᵀ diag(p_c (δ_ce - p_e)) A
            weights = proba[:, c] * ((c == e) - proba[:, e])
            hessian[c, :, e, :] = (rows * weights[:, None]).T @ rows
            hessian[e, :, c, :] = hessian[c, :, e, :].T
    diagonal = np.arange(width - 1)
    for c in range(classes):
        hessian[c, diagonal, c, diagonal] += lam
    # The same number on all classes changes no probability, and no curvature couples that direction with the others:
    # much of it there leaves it out of every variance.
    stiff = STIFF * float(max(hessian[c, j, c, j] for c in range(classes) for j in range(width))) / classes
    every = np.arange(width)
    for c in range(classes):
        hessian[c, every, :, every] += stiff
    side = width * classes
    factor = cho_factor(hessian.reshape(side, side), overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, np.eye(side), overwrite_b=True, check_finite=False)).reshape(
        classes, width, classes, width
    )
