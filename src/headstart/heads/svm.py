"""Support vector machine: linear or Gaussian (RBF) kernel; kernel and C are chosen by three-fold cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.svm import SVC, SVR
from sklearn.utils.validation import validate_data

from headstart.data import folds
from headstart.errors import DataError
from headstart.heads.estimator.inputs import FLOATS, checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.scores import aligned
from headstart.linear.calibration import fit_temperature, log_loss
from headstart.params import check_choice
from headstart.tasks import is_classification, is_regression
from headstart.types import Task, TaskKind

__all__ = ["SVM", "SupportVectorClassifier", "SupportVectorHead", "SupportVectorRegressor"]

Array = NDArray[np.float64]
GRID = (("linear", 3.0), ("linear", 30.0), ("rbf", 1.0), ("rbf", 10.0))  # on rows of total variance 1
NUM_FOLDS = 3
MOST_ROWS = 20_000  # a kernel matrix of 3 GiB
CHUNK = 2048


class SupportVectorClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """scikit-learn's ``SVC`` on centred rows of total variance 1, with kernel and C chosen jointly.

    Its decision function becomes probabilities by the head's temperature, fitted on out-of-fold scores.

    Args:
        kernel: ``"linear"``, ``"rbf"`` (with gamma 1) or ``"auto"``.
        C: the cost of margin violations; None takes the one with the lowest log-loss over three folds.
        seed: of the folds, default 0.

    Attributes:
        classes_: (C,) sorted labels.
        kernel_: the kernel used.
        C_: the cost used.

    References:
        Cortes & Vapnik, "Support-Vector Networks", Machine Learning 1995.

    Examples:
        >>> x, y = [[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], ["low"] * 3 + ["high"] * 3
        >>> SupportVectorClassifier().fit(x, y).predict([[0.3], [2.1]]).tolist()
        ['low', 'high']
    """

    def __init__(self, kernel: str = "auto", C: float | None = None, *, seed: int = 0) -> None:  # noqa: N803 (the name of the literature)
        self.kernel = kernel
        self.C = C
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        rows, codes = class_codes(self, X, y)
        _fit(self, rows, codes, "classification")
        return self

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Scores (n, C), or (n,) of the second of two classes."""
        return _in_chunks(self, self.machine_.decision_function, checked_rows(self, X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The label with the largest score."""
        scores = self.decision_function(X)
        codes = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[codes])


class SupportVectorRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """scikit-learn's ``SVR`` on centred rows of total variance 1 and standardised values, kernel and C chosen jointly.

    Args:
        kernel: ``"linear"``, ``"rbf"`` (with gamma 1) or ``"auto"``.
        C: the cost of margin violations; None takes the one with the lowest squared error over three folds.
        seed: of the folds, default 0.

    Attributes:
        kernel_: the kernel used.
        C_: the cost used.

    References:
        Drucker et al., "Support Vector Regression Machines", NeurIPS 1996.

    Examples:
        >>> x = np.linspace(0, 1, 20)[:, None]
        >>> SupportVectorRegressor().fit(x, 3 * x[:, 0]).predict([[0.5]]).round(1)
        array([1.5])
    """

    def __init__(self, kernel: str = "auto", C: float | None = None, *, seed: int = 0) -> None:  # noqa: N803 (the name of the literature)
        self.kernel = kernel
        self.C = C
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with values (n,)."""
        rows, values = validate_data(self, X, y, dtype=FLOATS, y_numeric=True)
        self.centre_value_, self.spread_ = float(values.mean()), float(values.std()) or 1.0
        _fit(self, rows, (values - self.centre_value_) / self.spread_, "regression")
        return self

    def predict(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Values (n,)."""
        found = _in_chunks(self, self.machine_.predict, checked_rows(self, X))
        return np.asarray(self.centre_value_ + self.spread_ * found)


def _fit(
    estimator: SupportVectorClassifier | SupportVectorRegressor, rows: NDArray[Any], y: NDArray[Any], kind: TaskKind
) -> None:
    check_choice(estimator.kernel, "kernel", type(estimator).__name__, ("auto", "linear", "rbf"))
    if len(rows) > MOST_ROWS:
        raise DataError(f"The 'svm' head takes at most {MOST_ROWS} rows. Got {len(rows)}; choose another head.")
    estimator.mean_ = rows.mean(axis=0, dtype=np.float64)
    # one divisor for all columns: with total variance 1, gamma and C mean the same for every source
    estimator.scale_ = float(np.sqrt(rows.var(axis=0, dtype=np.float64).sum())) or 1.0
    mapped = (rows - estimator.mean_) / estimator.scale_
    grid = [one for one in GRID if estimator.kernel in ("auto", one[0])]
    if estimator.C is not None:
        grid = list({(kernel, float(estimator.C)): None for kernel, _ in grid})
    estimator.kernel_, estimator.C_ = _best(mapped, y, kind, grid, estimator.seed) if len(grid) > 1 else grid[0]
    machine = _machine(kind, estimator.C_).fit(_kernel(mapped, mapped, estimator.kernel_), y)
    estimator.machine_, estimator.support_rows_ = machine, mapped[machine.support_]
    estimator.num_rows_ = len(mapped)


def _machine(kind: str, cost: float) -> Any:
    return SVC(C=cost, kernel="precomputed") if kind == "classification" else SVR(C=cost, kernel="precomputed")


def _kernel(a: Array, b: Array, kernel: str) -> Array:
    dots = a @ b.T
    if kernel == "linear":
        return np.asarray(dots)
    # ‖a - b‖² = ‖a‖² + ‖b‖² - 2a·b; rounding can make it slightly negative
    square = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("nd,nd->n", b, b) - 2 * dots
    return np.asarray(np.exp(-np.maximum(square, 0.0)))


def _best(rows: Array, y: NDArray[Any], kind: TaskKind, grid: list[tuple[str, float]], seed: int) -> tuple[str, float]:
    """The kernel and C with the lowest loss over three folds; the first of the grid if rows are too few for folds."""
    try:
        parts = folds(
            y if kind == "classification" else y[:, None], kind, np.arange(len(y)), n_folds=NUM_FOLDS, seed=seed
        )
    except DataError:  # for example a class with a single row
        return grid[0]
    # compute each kernel matrix once; folds and costs index into it
    grams = {kernel: _kernel(rows, rows, kernel) for kernel, _ in grid}
    losses = [sum(_loss(grams[kernel], y, part, cost=cost, kind=kind) for part in parts) for kernel, cost in grid]
    return grid[int(np.argmin(losses))]


def _loss(
    kernel: Array, y: NDArray[Any], fold: tuple[NDArray[np.intp], NDArray[np.intp]], *, cost: float, kind: str
) -> float:
    train, test = fold
    machine = _machine(kind, cost).fit(kernel[np.ix_(train, train)], y[train])
    seen = kernel[np.ix_(test, train)]
    if kind == "regression":
        return float(((machine.predict(seen) - y[test]) ** 2).sum())
    scores = machine.decision_function(seen)
    # binary SVC gives one signed distance; two columns make it a softmax problem
    scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    scores = aligned(scores, machine.classes_, int(y.max()) + 1)
    return len(test) * log_loss(scores / fit_temperature(scores, y[test]), y[test])


def _in_chunks(
    estimator: SupportVectorClassifier | SupportVectorRegressor, scored: Callable[[Array], Array], rows: NDArray[Any]
) -> Array:
    """Outputs of the SVM for rows, in chunks; only kernel values with the support vectors are computed."""
    parts = []
    for i in range(0, len(rows), CHUNK):
        mapped = (rows[i : i + CHUNK] - estimator.mean_) / estimator.scale_
        kernel = np.zeros((len(mapped), estimator.num_rows_))
        # with a precomputed kernel, scikit-learn expects a column for every training row; it ignores the others
        kernel[:, estimator.machine_.support_] = _kernel(mapped, estimator.support_rows_, estimator.kernel_)
        parts.append(scored(kernel))
    return np.concatenate(parts)


@dataclass(frozen=True)
class SupportVectorHead:
    """Support vector machine, with one model per label or target.

    Attributes:
        name: ``"svm"``.
        tasks: the task kinds it supports.
        complexity: 3.

    Examples:
        >>> SVM.make(Task("regression", ("price",)), n=10, d=2, seed=0)
        SupportVectorRegressor()
    """

    name: str = "svm"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        kind = SupportVectorRegressor if is_regression(task) else SupportVectorClassifier
        return per_output(kind(seed=seed), task)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        fits = 1 if is_classification(task) else task.num_outputs
        return f"its kernel matrix of {n} x {n} rows is slow" if n**2 * fits > 4e7 else ""


SVM = SupportVectorHead()
