"""Multinomial logistic regression: with an L2 penalty chosen by approximate leave-one-out or cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from headstart.heads.estimator.cross_fitting import five_folds
from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.softmax_path import SoftmaxFit, SoftmaxProblem, approximate_leave_one_out, fit_softmax
from headstart.linear.calibration import log_loss
from headstart.params import check_number
from headstart.types import Task

__all__ = ["LOGISTIC", "LogisticHead", "MultinomialLogisticRegression"]

Array = NDArray[np.float64]
# Powers of ten of λ, relative to the largest eigenvalue, in half decades. DINOv2's linear probe spans the same range
# with 45 values, which changes losses only in the third digit.
STRONGEST, WEAKEST, STEP = 0.0, -8.0, -0.5
PATIENCE = 2  # consecutive λ without a clear gain before the path stops; separable rows improve without end
ENOUGH = 1e-3  # nats; a smaller gain does not count
MAX_SIDE = 2000  # of the Hessian, for approximate leave-one-out
MAX_COST = 4e9  # n times that side squared; one or two seconds per λ
LOOSE, TIGHT = 1e-4, 1e-7  # tolerances along the path and of the final fit
NEVER_SEEN = -15.0  # bias of a class without training rows, relative to the smallest bias


class MultinomialLogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression: Σ log-loss + λ/2 ‖W‖², with a free intercept.

    Args:
        lam: λ; ``"auto"`` takes the one with the lowest log-loss on a path from strong to weak penalties, by
            approximate leave-one-out if the Hessian is small (side up to 2,000) and rows are ungrouped, else by
            five-fold cross-validation.
        tol: of the final fit: the scaled gradient relative to that at zero weights, default 1e-7.
        seed: of the folds, default 0.

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
        """Fit, and return the leave-one-out or out-of-fold logits (n, C).

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
        # back from the eigenbasis: (d, r)(r, C); the intercept absorbs the mean that was subtracted from the rows
        self.coef_ = (spectrum.vectors @ fitted.weight).T
        self.intercept_ = fitted.bias - self.coef_ @ spectrum.mean
        return left_out

    def chosen_params(self) -> dict[str, Any]:
        """The chosen parameters, for a refit on more rows without a new search."""
        return {"lam": self.lam_}

    def linear_map(self, num_outputs: int) -> tuple[Array, Array]:
        """Weight (d, num_outputs) and bias (num_outputs,) where the labels are codes below ``num_outputs``."""
        weight = np.zeros((self.coef_.shape[1], num_outputs))
        # classes of the task without training rows
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
        """The most probable label of each row."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


LeftOutAt = Callable[[float], Array]


def _path_of(problem: SoftmaxProblem, codes: NDArray[np.intp], groups: ArrayLike | None, seed: int) -> LeftOutAt:
    """A function from λ to leave-one-out or out-of-fold logits (n, C); each call starts from the last solution."""
    n, classes = problem.onehot.shape
    side = (len(problem.values) + 1) * classes
    alone = groups is None or len(np.unique(groups)) == n
    if alone and side <= MAX_SIDE and n * side**2 <= MAX_COST:
        all_rows = _Warm(problem)
        return lambda lam: approximate_leave_one_out(problem, all_rows.at(lam))
    parts = five_folds(codes, "classification", groups, seed)
    warm = [(_Warm(problem.take(train)), test) for train, test in parts]

    def folded(lam: float) -> Array:
        scores = np.empty((n, classes))
        for fold, test in warm:
            scores[test] = fold.at(lam).scores(problem.rows[test])
        return scores

    return folded


@dataclass
class _Warm:
    """Warm-started fits of one problem: each starts from the last solution."""

    problem: SoftmaxProblem
    last: SoftmaxFit | None = None

    def at(self, lam: float) -> SoftmaxFit:
        self.last = fit_softmax(self.problem, lam, self.last, LOOSE)
        return self.last


def _best_on(path: LeftOutAt, codes: NDArray[np.intp], strongest: float) -> tuple[float, Array]:
    # from strong to weak penalties, stopping early: fits are slowest at the weak end
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
    """Multinomial logistic regression; one model per label for multi-label tasks.

    Attributes:
        name: ``"logistic"``.
        tasks: the task kinds it supports.
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
        return per_output(MultinomialLogisticRegression(seed=seed), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:
        """Why ``auto`` skips this head here; empty if it does not."""
        cost = n * min(n, d) * task.num_outputs
        return f"its passes over {n} x {d} rows for {task.num_outputs} classes are slow" if cost > 2e10 else ""


LOGISTIC = LogisticHead()
