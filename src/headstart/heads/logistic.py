"""Multinomial logistic regression: with an L2 penalty that is chosen by (approximate) leave-one-out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from headstart.heads.estimator.cross_fitting import few_folds
from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.per_output import one_by_one
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.softmax_path import SoftmaxFit, SoftmaxProblem, approximate_leave_one_out, fit_softmax
from headstart.linear.calibration import log_loss
from headstart.params import check_number
from headstart.types import Task

__all__ = ["LOGISTIC", "LogisticHead", "MultinomialLogisticRegression"]

Array = NDArray[np.float64]
# λ from the largest eigenvalue down by half decades: the 45 values of DINOv2's linear probe span as much, three times
# as densely, for losses that differ in the third digit.
STRONGEST, WEAKEST, STEP = 0.0, -8.0, -0.5
PATIENCE = 2  # λ in a row that hardly improved before the path stops: rows that are separable have no end of it
ENOUGH = 1e-3  # nats
MAX_SIDE = 2000  # of the Hessian, for approximate leave-one-out
MAX_COST = 4e9  # n times its side squared; a second or two for each λ
LOOSE, TIGHT = 1e-4, 1e-7
NEVER_SEEN = -15.0  # logit, against the least of a row, of a class that the fit saw no row of


class MultinomialLogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression: Σ log-loss + λ/2 ‖W‖², with a free intercept.

    Args:
        lam: λ, or ``"auto"`` for the one of least left-out log-loss on a path from strong to weak: by approximate
            leave-one-out where the Hessian is small (side up to 2,000) and rows stand alone, else by five folds.
        tol: of the final fit, the scaled gradient relative to that of zero weights, 1e-7.
        seed: of the folds, 0.

    Attributes:
        classes_: (C,) sorted labels.
        coef_: (C, d).
        intercept_: (C,).
        lam_: the λ of the fit.

    References:
        Böhning, 1992; Rad & Maleki, JRSS B 2020. scikit-learn's ``LogisticRegression(C=1/λ)`` has the same minimiser
        for three classes and more; for two, where it keeps one column, ``C=2/λ``.

    Examples:
        >>> x, y = [[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], ["low"] * 3 + ["high"] * 3
        >>> head = MultinomialLogisticRegression(lam=0.1).fit(x, y)
        >>> head.predict([[0.1], [2.1]]).tolist(), head.coef_.shape
        (['low', 'high'], (2, 1))
    """

    def __init__(self, lam: float | str = "auto", *, tol: float = TIGHT, seed: int = 0) -> None:
        self.lam = lam
        self.tol = tol
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        self._fit(X, y, None, scored=self.lam == "auto")
        return self

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Fit, and give the logits (n, C) of each row as if it, or its group, had not been fitted.

        Args:
            X: (n, d) rows.
            y: (n,) labels.
            groups: (n,) codes of rows that are left out together, or None.
        """
        return self._fit(X, y, groups, scored=True)

    def _fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None, *, scored: bool) -> Array:  # noqa: N803
        rows, codes = class_codes(self, X, y)
        problem, spectrum = SoftmaxProblem.of(rows, codes, len(self.classes_))
        left_out = np.empty((0, len(self.classes_)))
        if self.lam == "auto":
            path = _path_of(problem, codes, groups, self.seed)
            strongest = float(spectrum.values[0]) if len(spectrum.values) else 1.0
            self.lam_, left_out = _best_on(path, codes, strongest)
        else:
            check_number(self.lam, "lam", type(self).__name__, low=0.0, open_low=True)
            self.lam_ = float(self.lam)
            if scored:
                left_out = _path_of(problem, codes, groups, self.seed)(self.lam_)
        fitted = fit_softmax(problem, self.lam_, tol=self.tol)
        # back from the eigenbasis: (d, r)(r, C), and the intercept of rows that are not centred
        self.coef_ = (spectrum.vectors @ fitted.weight).T
        self.intercept_ = fitted.bias - self.coef_ @ spectrum.mean
        return left_out

    def chosen_params(self) -> dict[str, Any]:
        """The parameters to fit with again, on more rows, without a new choice."""
        return {"lam": self.lam_}

    def linear_map(self, num_outputs: int) -> tuple[Array, Array]:
        """Weight (d, num_outputs) and bias (num_outputs,) where the labels are codes below ``num_outputs``."""
        weight = np.zeros((self.coef_.shape[1], num_outputs))
        # classes of the task that the fit saw no row of
        bias = np.full(num_outputs, float(self.intercept_.min()) + NEVER_SEEN)
        seen = np.asarray(self.classes_, dtype=np.intp)
        weight[:, seen], bias[seen] = self.coef_.T, self.intercept_
        return weight, bias

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Logits (n, C)."""
        return np.asarray(checked_rows(self, X) @ self.coef_.T + self.intercept_)

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, C)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The likeliest label of each row."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


LeftOutAt = Callable[[float], Array]


def _path_of(problem: SoftmaxProblem, codes: NDArray[np.intp], groups: ArrayLike | None, seed: int) -> LeftOutAt:
    """Left-out logits (n, C) at one λ after another, each warm from the one before."""
    n, classes = problem.onehot.shape
    side = (len(problem.values) + 1) * classes
    alone = groups is None or len(np.unique(groups)) == n
    if alone and side <= MAX_SIDE and n * side**2 <= MAX_COST:
        whole = _Warm(problem)
        return lambda lam: approximate_leave_one_out(problem, whole.at(lam))
    parts = few_folds(codes, "classification", groups, seed)
    warm = [(_Warm(problem.take(train)), test) for train, test in parts]

    def folded(lam: float) -> Array:
        scores = np.empty((n, classes))
        for fold, test in warm:
            scores[test] = fold.at(lam).scores(problem.rows[test])
        return scores

    return folded


@dataclass
class _Warm:
    """Fits of one problem, each started from the last."""

    problem: SoftmaxProblem
    last: SoftmaxFit | None = None

    def at(self, lam: float) -> SoftmaxFit:
        self.last = fit_softmax(self.problem, lam, self.last, LOOSE)
        return self.last


def _best_on(path: LeftOutAt, codes: NDArray[np.intp], strongest: float) -> tuple[float, Array]:
    best, least, worse = (strongest, np.empty((0, 0))), np.inf, 0
    for lam in _penalties(strongest):
        scores = path(lam)
        loss = log_loss(scores, codes)
        worse = 0 if loss < least - ENOUGH else worse + 1
        if loss < least:
            best, least = (lam, scores), loss
        if worse == PATIENCE:
            break
    return best


def _penalties(strongest: float) -> Iterator[float]:
    yield from strongest * 10.0 ** np.arange(STRONGEST, WEAKEST + STEP / 2, STEP)


@dataclass(frozen=True)
class LogisticHead:
    """Multinomial logistic regression; one label at a time where there are several.

    Attributes:
        name: ``"logistic"``.
        tasks: the task kinds that it serves.
        complexity: 1, linear.

    Examples:
        >>> LOGISTIC.make(Task("classification", ("a", "b")), n=10, d=2, seed=0)
        MultinomialLogisticRegression()
    """

    name: str = "logistic"
    tasks: frozenset[str] = frozenset({"classification", "multilabel"})
    complexity: int = 1

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return one_by_one(MultinomialLogisticRegression(seed=seed), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:
        """Why ``auto`` does not try it here; empty where it does."""
        cost = n * min(n, d) * task.num_outputs
        return f"its passes over {n} x {d} rows for {task.num_outputs} classes are slow" if cost > 2e10 else ""


LOGISTIC = LogisticHead()
