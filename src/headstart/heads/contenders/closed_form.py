"""Closed-form heads (ridge, LDA) as scikit-learn estimators on arrays."""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from headstart.heads.contenders.contender import Contender
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.estimator.inputs import FLOATS, checked_rows, class_codes
from headstart.heads.estimator.scores import accuracy_or_r2
from headstart.heads.feature_map import FeatureMap
from headstart.heads.problem import Problem
from headstart.heads.registry import HEADS, SpectralHead
from headstart.heads.spectral.spectra import solve_spectrum
from headstart.linear.leave_out import leave_one_group_out, leave_one_out
from headstart.params import check_choice
from headstart.types import Task, TaskKind

__all__ = ["ClosedForm"]

Array = NDArray[np.float64]


class ClosedForm(BaseEstimator):  # type: ignore[misc]
    """Ridge or LDA at the λ with the lowest exact leave-one-out loss.

    Args:
        head: ``"ridge"``, ``"lda"`` or another closed-form head.
        kind: ``"classification"``, ``"multilabel"`` or ``"regression"``.

    Attributes:
        classes_: (C,) sorted labels of a classification, else None.
        coef_: (k, d).
        intercept_: (k,).
        lam_: the λ used.

    References:
        Hoerl & Kennard, Technometrics 1970; Hastie, Tibshirani & Buja, JASA 1994.

    Examples:
        >>> x, y = [[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], ["low"] * 3 + ["high"] * 3
        >>> ClosedForm("lda").fit(x, y).predict([[0.1], [2.1]]).tolist()
        ['low', 'high']
    """

    classes_: Any

    def __init__(self, head: str = "ridge", kind: TaskKind = "classification") -> None:
        self.head = head
        self.kind = kind

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,), 0/1 columns (n, k) or values (n,) or (n, k)."""
        self._keep(self._solved(*self._problem(X, y, None)))
        return self

    def fit_left_out(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803
        """Fit, and return the exact leave-one-out scores (n, k) at the λ that was chosen.

        Args:
            X: (n, d) rows.
            y: labels as in ``fit``.
            groups: (n,) codes of rows that are left out together, or None.
        """
        codes = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
        problem, head = self._problem(X, y, codes)
        found = self._solved(problem, head)
        self._keep(found)
        if len(found.evidence.scores) == len(problem.y):
            return found.evidence.scores
        # the λ was chosen on some of the rows
        rows, targets, lam = problem.rows[:], problem.targets[:], [self.lam_]
        spectrum, _ = solve_spectrum(rows, targets, found.feature_map)
        alone = codes is None or len(np.unique(codes)) == len(codes)
        left_out = (
            leave_one_out(spectrum, rows, targets, lam)
            if alone or codes is None
            else leave_one_group_out(spectrum, rows, targets, codes, lam)
        )
        return head.left_out_scores(spectrum, next(iter(left_out)), targets, None if alone else codes)

    def _keep(self, found: Contender) -> None:
        solution = found.solve()
        self.coef_, self.intercept_, self.lam_ = solution.weight.T, solution.bias, found.candidate.lam

    def _problem(
        self, rows: ArrayLike, labels: ArrayLike, groups: NDArray[np.int64] | None
    ) -> tuple[Problem, SpectralHead]:
        solved = [name for name in HEADS if isinstance(HEADS[name], SpectralHead)]
        check_choice(self.head, "head", type(self).__name__, solved)
        head = HEADS[self.head]
        check_choice(self.kind, "kind", type(self).__name__, sorted(head.tasks))
        rows, labels = self._read(rows, labels)
        width = len(self.classes_) if self.classes_ is not None else labels.shape[1]
        task = Task(self.kind, tuple(str(i) for i in range(width)))
        return Problem(rows, labels, task, (), groups, 0), cast("SpectralHead", head)  # checked above

    def _solved(self, problem: Problem, head: SpectralHead) -> Contender:
        identity = FeatureMap("rows", ((0, problem.rows.shape[1]),), "none")
        return spectral_contenders(problem, [identity], [head])[0][0]

    def _read(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:  # noqa: N803
        if self.kind == "classification":
            return class_codes(self, X, y)
        rows, labels = validate_data(self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True)
        self.classes_ = None
        return rows, np.asarray(labels, dtype=np.float64).reshape(len(rows), -1)

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Scores (n, k): least-squares values, or log-posteriors of LDA up to a constant per row."""
        return np.asarray(checked_rows(self, X) @ self.coef_.T + self.intercept_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Labels (n,), 0/1 columns or values."""
        scores = self.decision_function(X)
        if self.kind == "classification":
            return np.asarray(self.classes_[scores.argmax(axis=1)])
        if self.kind == "multilabel":
            return np.asarray(scores >= 0.5, dtype=int)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803 (scikit-learn's name)
        """Accuracy, or R² of a regression."""
        return accuracy_or_r2(self.kind, y, self.predict(X))
