"""Stacking: a weighted mean of the calibrated outputs of several heads, with weights fitted on out-of-fold outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from scipy.special import expit
from sklearn.base import BaseEstimator, clone

from headstart.heads.contenders.closed_form import ClosedForm
from headstart.heads.estimator.cross_fitting import cross_fitted_scores, quietly_fitted
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.scores import accuracy_or_r2, estimator_scores
from headstart.heads.registry import HEADS, EstimatorHead, SpectralHead
from headstart.tasks import Calibration, base_kind, task_methods
from headstart.types import Task, TaskKind

__all__ = ["STACKING", "HeadStacking", "StackingHead", "mixture_weights"]

Array = NDArray[np.float64]
MEMBERS: dict[TaskKind, tuple[str, ...]] = {
    "classification": ("lda", "logistic", "knn", "forest"),
    "multilabel": ("ridge", "knn", "forest"),
    "regression": ("ridge", "knn", "forest"),
}
STEPS = 200
SMALLEST = 1e-9


class HeadStacking(BaseEstimator):  # type: ignore[misc]
    """A weighted mean of heads of different kinds, weighted by their out-of-fold predictions.

    For probabilities, the weights (≥ 0, sum 1) minimise the out-of-fold log-loss, a convex problem solved by EM. For
    values they minimise the out-of-fold squared error.

    Args:
        members: unfitted estimators.
        kind: ``"classification"``, ``"multilabel"`` or ``"regression"``.
        seed: of the folds, default 0.

    Attributes:
        classes_: (C,) sorted labels of a classification, else None.
        weights_: (members,) the weight of each member.
        members_: the members, fitted on all rows.
        calibrations_: the calibration parameters of each member.

    References:
        Wolpert, "Stacked generalization", 1992; Breiman, "Stacked regressions", 1996.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> x, y = np.arange(40.0).reshape(20, 2), np.arange(20) // 10
        >>> HeadStacking([GaussianNB(), DecisionTreeClassifier()]).fit(x, y).predict([[1.0, 2.0], [30.0, 31.0]])
        array([0, 1])
    """

    classes_: Any

    def __init__(self, members: Sequence[Any], kind: TaskKind = "classification", *, seed: int = 0) -> None:
        self.members = members
        self.kind = kind
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,), 0/1 columns (n, k) or values (n,) or (n, k)."""
        self.left_out_scores(X, y)
        return self

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Fit, and return the mixed out-of-fold scores (n, k)."""
        rows, labels = np.asarray(X), self._encoded(y)
        outputs, self.calibrations_, self.members_ = [], [], []
        methods = task_methods(self._task())
        for member in self.members:
            scores, fitted = cross_fitted_scores(
                partial(clone, member), rows, labels, self._task(), groups=groups, seed=self.seed
            )
            calibration = methods.calibrate(scores, labels)
            outputs.append(methods.outputs(scores, calibration))
            self.calibrations_.append({name: np.asarray(value) for name, value in calibration.items()})
            self.members_.append(quietly_fitted(clone(member), rows, labels) if fitted is None else fitted)
        joined = np.stack(outputs)
        self.weights_ = _weights(joined, labels, self.kind)
        return self._mixed(joined)

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Mixed scores (n, k): log-probabilities of classes, log-odds of labels, or values."""
        task, rows = self._task(), np.asarray(X)
        return self._mixed(np.stack([
            _outputs(task, estimator_scores(member, rows, self.width_), calibration)
            for member, calibration in zip(self.members_, self.calibrations_, strict=True)
        ]))  # fmt: skip

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Labels (n,), 0/1 columns or values."""
        scores = self.decision_function(X)
        if self.kind == "classification":
            return np.asarray(self.classes_[scores.argmax(axis=1)])
        if self.kind == "multilabel":
            return np.asarray(scores >= 0, dtype=int)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, C) of the classes, or (n, k) of the labels."""
        scores = self.decision_function(X)
        return np.asarray(np.exp(scores) if self.kind == "classification" else expit(scores))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803 (scikit-learn's name)
        """Accuracy, or R² of a regression."""
        return accuracy_or_r2(self.kind, y, self.predict(X))

    def _encoded(self, y: ArrayLike) -> NDArray[Any]:
        labels = np.asarray(y)
        if self.kind == "classification":
            self.classes_, codes = np.unique(labels, return_inverse=True)
            self.width_ = len(self.classes_)
            return codes.ravel()
        self.classes_ = None
        columns = labels.astype(np.float64).reshape(len(labels), -1)
        self.width_ = columns.shape[1]
        return columns

    def _task(self) -> Task:
        return Task(self.kind, tuple(str(i) for i in range(self.width_)))

    def _mixed(self, outputs: Array) -> Array:
        mixed = np.tensordot(self.weights_, outputs, axes=1)
        if self.kind == "regression":
            return np.asarray(mixed)
        # probabilities are mixed, not logits; clipped to keep their logarithms finite
        mixed = np.clip(mixed, SMALLEST, 1 - SMALLEST)
        return np.asarray(np.log(mixed) if self.kind == "classification" else np.log(mixed) - np.log1p(-mixed))


def _outputs(task: Task, scores: Array, calibration: Calibration) -> Array:
    return task_methods(task).outputs(scores, calibration)


def _weights(outputs: Array, y: NDArray[Any], kind: str) -> Array:
    if kind == "regression":
        scale = np.where(y.std(axis=0) > 0, y.std(axis=0), 1.0)
        # non-negative least squares, (n·k, members) against (n·k,): one weight per member for all targets
        found = nnls((outputs / scale).reshape(len(outputs), -1).T, (y / scale).ravel())[0]
        return found / found.sum() if found.sum() > 0 else np.full(len(outputs), 1 / len(outputs))
    if kind == "classification":
        return mixture_weights(outputs[:, np.arange(len(y)), y])
    # multi-label: every label of every row is one binary outcome
    return mixture_weights(np.where(y > 0.5, outputs, 1 - outputs).reshape(len(outputs), -1))


def mixture_weights(likelihoods: Array) -> Array:
    """Weights (M,) ≥ 0 of sum 1 that maximise Σ_i ln Σ_m w_m L_mi, by EM from equal weights.

    Args:
        likelihoods: (M, n) the probability that each of M members gave to the true outcome of row i.

    References:
        Dempster, Laird & Rubin, JRSS B 1977.

    Examples:
        >>> mixture_weights(np.array([[0.9, 0.8, 0.9], [0.1, 0.2, 0.3]])).round(3)
        array([1., 0.])
    """
    given = np.maximum(likelihoods, SMALLEST)
    weights = np.full(len(given), 1 / len(given))
    for _ in range(STEPS):
        # E step: responsibility of each member for row i; M step: its mean over rows
        share = weights[:, None] * given
        weights = (share / share.sum(axis=0)).mean(axis=1)
    return weights


@dataclass(frozen=True)
class StackingHead:
    """A mixture of LDA or ridge, logistic regression, neighbours and a forest.

    Attributes:
        name: ``"stacking"``.
        tasks: the task kinds it supports.
        complexity: 4, the most: it holds several heads.

    Examples:
        >>> len(STACKING.make(Task("regression", ("price",)), n=10, d=2, seed=0).members)
        3
    """

    name: str = "stacking"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 4

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:
        """An unfitted estimator."""
        members = [_member(name, task, n=n, d=d, seed=seed) for name in MEMBERS[base_kind(task)]]
        return HeadStacking(members, base_kind(task), seed=seed)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` always skips it."""
        return "it refits several heads; select it by name"


def _member(name: str, task: Task, *, n: int, d: int, seed: int) -> Any:
    head = HEADS[name]
    if isinstance(head, SpectralHead):
        return ClosedForm(name, base_kind(task))
    if not isinstance(head, EstimatorHead):
        raise TypeError(f"'{name}' cannot be stacked")
    return head.make(task, n=n, d=d, seed=seed)


STACKING = StackingHead()
