"""Multinomial logistic regression in the eigenbasis of the rows: a path of fits over λ, and leave-one-out logits.

With centred rows X̃ = U S Vᵀ and Z = U S, the fit minimises

    Σ_i [ln Σ_c exp(z_iᵀB_c + b_c) - (z_iᵀB_{y_i} + b_{y_i})] + λ/2 ‖B‖².

Its Hessian is at most ½(I - 11ᵀ/C) ⊗ S² + λ (Böhning). In the eigenbasis S² is diagonal, so L-BFGS on the scaled
coefficients B·√(½S² + λ) meets nearly the same curvature in every direction and needs few steps, even if S is badly
conditioned.

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
STIFF = 1e4  # penalty on the null direction of the Hessian, relative to its largest diagonal entry


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
        """The problem of rows (n, d) with class codes (n,), and the spectrum whose eigenbasis it uses."""
        onehot = np.eye(classes)[codes]
        spectrum = Spectrum.from_rows(x, onehot)
        return cls(np.ascontiguousarray(spectrum.project(x)), spectrum.values, onehot), spectrum

    def take(self, index: NDArray[np.intp]) -> SoftmaxProblem:
        """The problem of some of the rows, in the same basis."""
        # the eigenvalues are only a preconditioner here, so scaling them by the number of rows is accurate enough
        return SoftmaxProblem(self.rows[index], self.values * (len(index) / len(self.rows)), self.onehot[index])


@dataclass(frozen=True, eq=False)
class SoftmaxFit:
    """Coefficients in the eigenbasis.

    Attributes:
        weight: (r, C).
        bias: (C,), of mean zero.
        lam: the λ of the fit.

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
    """The minimiser at λ, by L-BFGS.

    Args:
        problem: rotated rows and targets.
        lam: the penalty, above zero.
        start: the starting point, such as the fit at the next larger λ; default: zero weights, and a bias of the log
            class frequencies.
        tol: stop when the largest entry of the scaled gradient is below this share of its value at the default start.

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
        # loss and gradient share the exponentials; subtracting the largest score avoids overflow
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
    share = np.log(problem.onehot.sum(axis=0) + 1 / classes)  # finite also for a class without rows
    return SoftmaxFit(np.zeros((len(problem.values), classes)), share - share.mean(), lam)


def approximate_leave_one_out(problem: SoftmaxProblem, fitted: SoftmaxFit) -> Array:
    """Approximate leave-one-out logits (n, C): one Newton step per row, from the fit on all rows to that without it.

    With g_i = p_i - y_i, W_i = diag(p_i) - p_ip_iᵀ and H_ii = (a_i ⊗ I)ᵀ H⁻¹ (a_i ⊗ I), where H is the Hessian and
    a_i the row with a one for the intercept:

        z⁻ⁱ ≈ z_i + H_ii (I - W_i H_ii)⁻¹ g_i.

    It inverts a single matrix, of side (r + 1)·C.

    Args:
        problem: rotated rows and targets.
        fitted: the minimiser at some λ.

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
    """The inverse Hessian (C, D, C, D) at the minimiser, with no variance along weights that all classes share.

    Args:
        rows: (n, D), the last column ones for the intercept.
        proba: (n, C) probabilities of the fit.
        lam: its λ; the intercept is not penalised.

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
    # Adding the same weights to all classes changes no probability, so the Hessian is singular in that direction (up to
    # λ) and not coupled to the others. A stiff penalty there removes it from every variance.
    stiff = STIFF * float(max(hessian[c, j, c, j] for c in range(classes) for j in range(width))) / classes
    every = np.arange(width)
    for c in range(classes):
        hessian[c, every, :, every] += stiff
    side = width * classes
    factor = cho_factor(hessian.reshape(side, side), overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, np.eye(side), overwrite_b=True, check_finite=False)).reshape(
        classes, width, classes, width
    )
