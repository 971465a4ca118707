"""Gaussian process: with a Gaussian (RBF) kernel; beyond 1,000 rows a Bayesian linear model instead.

Reference: Rasmussen & Williams, "Gaussian Processes for Machine Learning", MIT Press 2006.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge
from sklearn.utils.validation import validate_data

from headstart.heads.estimator.inputs import FLOATS, checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.heads.laplace import LAPLACE
from headstart.params import check_choice
from headstart.tasks import base_kind, is_regression
from headstart.types import Task

__all__ = ["GAUSSIAN_PROCESS", "GaussianProcess", "GaussianProcessHead"]

Array = NDArray[np.float64]
MOST_ROWS = 1000
ROWS_FOR_EVIDENCE = 300  # rows used to fit the kernel's parameters; each step costs their number cubed


class GaussianProcess(BaseEstimator):  # type: ignore[misc]
    """scikit-learn's Gaussian process regression, on values or on the 0/1 columns of classes and labels.

    Classification is by regression on one-hot columns with a shared kernel (least-squares classification). The
    posterior is then exact and needs a single factorisation for any number of classes. The head's temperature turns
    the scores into probabilities.

    Args:
        kind: ``"classification"``, ``"multilabel"`` or ``"regression"``.
        seed: of the subset on which the kernel's parameters are fitted, if there are more than 300 rows; default 0.

    Attributes:
        classes_: (C,) sorted labels of a classification, else None.
        process_: the fitted ``GaussianProcessRegressor``.

    References:
        Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 6.5.

    Examples:
        >>> x = np.linspace(0, 6, 30)[:, None]
        >>> GaussianProcess("regression").fit(x, np.sin(x[:, 0])).predict([[1.5]]).round(1)
        array([1.])
    """

    classes_: Any

    def __init__(self, kind: str = "classification", *, seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,), 0/1 columns (n, k) or values (n,) or (n, k)."""
        check_choice(self.kind, "kind", type(self).__name__, ("classification", "multilabel", "regression"))
        if self.kind == "classification":
            rows, codes = class_codes(self, X, y)
            targets = np.eye(len(self.classes_))[codes]
        else:
            rows, labels = validate_data(self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True)
            self.classes_ = None
            targets = np.asarray(labels, dtype=np.float64).reshape(len(rows), -1)
        rows = np.asarray(rows, dtype=np.float64)
        # one divisor for all columns (total variance 1), so that the bounds of the length scale fit every source
        self.mean_, self.scale_ = rows.mean(axis=0), float(np.sqrt(rows.var(axis=0).sum())) or 1.0
        self.centre_ = targets.mean(axis=0)
        spread = targets.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        mapped, standard = (rows - self.mean_) / self.scale_, (targets - self.centre_) / self.spread_
        # each step on the marginal likelihood costs n³: fit the kernel's parameters on a subset, then fix them
        few = np.sort(np.random.default_rng(self.seed).permutation(len(rows))[:ROWS_FOR_EVIDENCE])
        kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(1.0, (1e-2, 1e2)) + WhiteKernel(0.1, (1e-6, 10.0))
        with warnings.catch_warnings():  # scikit-learn warns of a parameter at its bound, which is fine here
            warnings.simplefilter("ignore", ConvergenceWarning)
            kernel = GaussianProcessRegressor(kernel).fit(mapped[few], standard[few]).kernel_
        # exact posterior on all rows, one Cholesky factorisation (n, n) for all columns
        self.process_ = GaussianProcessRegressor(kernel, optimizer=None).fit(mapped, standard)
        return self

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Posterior mean (n, k), one column per class, label or target."""
        mapped = (checked_rows(self, X) - self.mean_) / self.scale_
        found = np.asarray(self.process_.predict(mapped)).reshape(len(mapped), -1)
        return np.asarray(self.centre_ + self.spread_ * found)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Labels, 0/1 columns or values."""
        found = self.decision_function(X)
        if self.kind == "classification":
            return np.asarray(self.classes_[found.argmax(axis=1)])
        if self.kind == "multilabel":
            return np.asarray(found >= 0.5, dtype=int)
        return found[:, 0] if found.shape[1] == 1 else found

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803 (scikit-learn's name)
        """Accuracy, or R² of a regression."""
        from sklearn.metrics import accuracy_score, r2_score

        return float((r2_score if self.kind == "regression" else accuracy_score)(y, self.predict(X)))


@dataclass(frozen=True)
class GaussianProcessHead:
    """Gaussian process up to 1,000 rows; beyond, its linear counterpart: Bayesian ridge or last-layer Laplace.

    Attributes:
        name: ``"gaussian_process"``.
        tasks: the task kinds it supports.
        complexity: 3.

    Examples:
        >>> GAUSSIAN_PROCESS.make(Task("regression", ("price",)), n=5000, d=2, seed=0)
        BayesianRidge()
    """

    name: str = "gaussian_process"
    tasks: frozenset[str] = frozenset({"classification", "multilabel", "regression"})
    complexity: int = 3

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:
        """An unfitted estimator."""
        if n <= MOST_ROWS:
            return GaussianProcess(base_kind(task), seed=seed)
        if is_regression(task):
            return per_output(BayesianRidge(), task)
        return LAPLACE.make(task, n=n, d=d, seed=seed)

    def skipped(self, task: Task, *, n: int, d: int) -> str:  # noqa: ARG002
        """Why ``auto`` skips this head here; empty if it does not."""
        return f"beyond {MOST_ROWS} rows it is replaced by a linear head" if n > MOST_ROWS else ""


GAUSSIAN_PROCESS = GaussianProcessHead()
