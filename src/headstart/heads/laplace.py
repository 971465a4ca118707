"""Last-layer Laplace: logistic regression with a Gaussian posterior over its weights; the evidence chooses λ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.softmax_path import SoftmaxFit, SoftmaxProblem, fit_softmax, inverse_hessian
from headstart.linear.calibration import log_loss
from headstart.types import Task

__all__ = ["LAPLACE", "LaplaceHead", "LastLayerLaplace"]

Array = NDArray[np.float64]
STEPS = np.arange(0.0, -8.5, -0.5)  # decades of λ below the largest eigenvalue
PATIENCE = 2
EXACT_SIDE = 600  # largest side of a Hessian whose exact inverse is kept


class LastLayerLaplace(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression whose logits shrink where the weights are uncertain.

    The posterior of the weights is a Gaussian around the fit, with the inverse Hessian as its covariance. The Hessian
    is exact up to a side (d + 1)·C of 600, and else the Kronecker product of S² and the mean curvature over classes.
    With σ²_c(x) the variance of a logit, probabilities are softmax(f_c / √(1 + π/8 σ²_c)). λ maximises the evidence

        ln Z ≈ -Σ log-loss - λ/2 ‖W‖² + rC/2 ln λ - ½ ln det(S² ⊗ Λ̄ + λ).

    Attributes:
        classes_: (C,) sorted labels.
        lam_: the λ with the largest evidence.

    References:
        MacKay, "The evidence framework applied to classification networks", 1992; Daxberger et al., "Laplace Redux",
        NeurIPS 2021.

    Examples:
        >>> x, y = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]]), ["low"] * 3 + ["high"] * 3
        >>> LastLayerLaplace().fit(x, y).predict([[0.1], [2.1]]).tolist()
        ['low', 'high']
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        rows, codes = class_codes(self, X, y)
        problem, spectrum = SoftmaxProblem.of(rows, codes, len(self.classes_))
        fitted = _of_most_evidence(problem, codes)
        self.lam_ = fitted.lam
        self.mean_, self.vectors_ = spectrum.mean, spectrum.vectors
        self.weight_, self.bias_ = fitted.weight, fitted.bias
        proba = softmax(fitted.scores(problem.rows), axis=1)
        classes = len(self.classes_)
        if (len(problem.values) + 1) * classes <= EXACT_SIDE:
            inverse = inverse_hessian(np.hstack([problem.rows, np.ones((len(rows), 1))]), proba, fitted.lam)
            # (C, r+1, r+1): the variance of one logit needs only the diagonal blocks
            self.covariance_ = np.stack([inverse[c, :, c, :] for c in range(classes)])
            self.spread_ = np.empty((0, classes))
        else:
            self.covariance_ = np.empty((0, 0, 0))
            self.spread_ = _kronecker_variance(problem, proba, fitted.lam)
        return self

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Logits (n, C), shrunk by their posterior variance."""
        rotated = (checked_rows(self, X) - self.mean_) @ self.vectors_
        scores = rotated @ self.weight_ + self.bias_
        # MacKay's approximation: E[softmax(f)] ≈ softmax(f / √(1 + π/8 σ²)) for Gaussian f
        return np.asarray(scores / np.sqrt(1 + np.pi / 8 * self._variance(rotated)))

    def _variance(self, rotated: Array) -> Array:
        """Posterior variance (n, C) of the logits."""
        joined = np.hstack([rotated, np.ones((len(rotated), 1))])
        if self.spread_.size:
            return np.asarray(joined**2 @ self.spread_)
        # aᵀΣ_c a for each row and class; Σ_c (r+1, r+1)
        return np.column_stack([np.einsum("nd,nd->n", joined @ one, joined) for one in self.covariance_])

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, C)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The most probable label of each row."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


def _of_most_evidence(problem: SoftmaxProblem, codes: NDArray[np.intp]) -> SoftmaxFit:
    best, most, worse, last = None, -np.inf, 0, None
    strongest = float(problem.values[0]) if len(problem.values) else 1.0
    # from strong to weak penalties, each fit starting from the one before
    for lam in strongest * 10.0**STEPS:
        last = fit_softmax(problem, float(lam), last, 1e-4)
        evidence = _evidence(problem, codes, last)
        if best is None or evidence > most:
            best, most, worse = last, evidence, 0
        else:
            worse += 1
        if worse == PATIENCE:
            break
    return fit_softmax(problem, best.lam if best else strongest, best)


def _evidence(problem: SoftmaxProblem, codes: NDArray[np.intp], fitted: SoftmaxFit) -> float:
    scores = fitted.scores(problem.rows)
    curvature = np.linalg.eigvalsh(_mean_curvature(softmax(scores, axis=1)))
    # adding a constant to all logits changes nothing, so one of the C directions has no curvature and is left out
    # s² ⊗ curvature + λ, (r, C-1): the eigenvalues of the Kronecker-factored Hessian
    precision = problem.values[:, None] * np.maximum(curvature[1:], 0.0) + fitted.lam
    fit = -len(codes) * log_loss(scores, codes) - 0.5 * fitted.lam * float(np.sum(fitted.weight**2))
    # log-likelihood - λ/2‖W‖² + ½ ln(λ^m / det H), m = r (C-1)
    return fit + 0.5 * float(precision.size * np.log(fitted.lam) - np.log(precision).sum())


def _mean_curvature(proba: Array) -> Array:
    """Λ̄ (C, C), the mean of diag(p) - ppᵀ."""
    return np.asarray(np.diag(proba.mean(axis=0)) - proba.T @ proba / len(proba))


def _kronecker_variance(problem: SoftmaxProblem, proba: Array, lam: float) -> Array:
    """(r + 1, C): the variance of each logit per squared coordinate of the row, intercept last."""
    curvature, basis = np.linalg.eigh(_mean_curvature(proba))
    curvature, basis = np.maximum(curvature[1:], 1e-9), basis[:, 1:]
    # the intercept is a column of ones: eigenvalue n, no penalty
    values = np.append(problem.values, len(proba))
    floor = np.append(np.full(len(problem.values), lam), 0.0)
    # in the eigenbasis the Hessian is diagonal: invert it there, then turn back to classes by squared entries
    return np.asarray(1 / (values[:, None] * curvature + floor[:, None]) @ (basis**2).T)


@dataclass(frozen=True)
class LaplaceHead:
    """Last-layer Laplace; one model per label for multi-label tasks.

    Attributes:
        name: ``"laplace"``.
        tasks: the task kinds it supports.
        complexity: 2.

    Examples:
        >>> LAPLACE.make(Task("classification", ("a", "b")), n=10, d=2, seed=0)
        LastLayerLaplace()
    """

    name: str = "laplace"
    tasks: frozenset[str] = frozenset({"classification", "multilabel"})
    complexity: int = 2

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return per_output(LastLayerLaplace(), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:
        """Why ``auto`` skips this head here; empty if it does not."""
        cost = n * min(n, d) * task.num_outputs
        return f"its passes over {n} x {d} rows for {task.num_outputs} classes are slow" if cost > 5e8 else ""


LAPLACE = LaplaceHead()
