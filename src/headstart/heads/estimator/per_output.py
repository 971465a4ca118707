"""One copy of an estimator per label or target, for estimators that support only one at a time.

References:
    Binary relevance: Tsoumakas & Katakis, "Multi-Label Classification: An Overview", 2007. scikit-learn's
    ``OneVsRestClassifier`` and ``MultiOutputRegressor`` do the same, but warn about a label that is constant.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from headstart.heads.estimator.protocols import Estimator, Linear
from headstart.heads.estimator.scores import scoring
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["OneByOne", "per_output"]

Array = NDArray[np.float64]
ALWAYS = 16.0  # log-odds, before calibration, of a label that all rows have; negated for one that no row has


def per_output(estimator: Estimator, task: Task) -> Estimator:
    """The estimator itself for classification or a single target, else one copy per output in a `OneByOne`.

    Args:
        estimator: an unfitted classifier, or a regressor for regression.
        task: the label schema.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> per_output(GaussianNB(), Task("classification", ("a", "b")))
        GaussianNB()
        >>> per_output(GaussianNB(), Task("multilabel", ("a", "b")))
        OneByOne(estimator=GaussianNB())
    """
    single = is_classification(task) or (is_regression(task) and task.num_outputs == 1)
    return estimator if single else OneByOne(estimator)


def _classifies(self: OneByOne) -> bool:
    return scoring(self.estimator)[0] != "predict"


class OneByOne(BaseEstimator):  # type: ignore[misc]
    """One copy of an estimator for each column of y.

    Args:
        estimator: a classifier for 0/1 columns (it needs ``decision_function`` or ``predict_proba``), or a regressor.

    Attributes:
        estimators_: one fitted copy per column; None for a constant column.
        constant_: (k,) the value of constant columns, nan for others.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([[0, 1], [0, 1], [1, 1], [1, 1]])
        >>> (OneByOne(GaussianNB()).fit(x, y).decision_function([[0.5], [4.5]]) > 0).tolist()
        [[False, True], [True, True]]
    """

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with columns (n, k)."""
        columns = _columns(y)
        classifies = _classifies(self)
        same = (columns == columns[:1]).all(axis=0)
        self.constant_ = np.where(same, columns[0], np.nan)
        self.estimators_ = [
            None if constant else clone(self.estimator).fit(X, column.astype(np.intp) if classifies else column)
            for column, constant in zip(columns.T, same, strict=True)
        ]
        return self

    def _joined(self, rows: int, parts: list[Array | None], shift: float, factor: float) -> Array:
        constant = (self.constant_ - shift) * factor
        given = [np.full(rows, c) if part is None else part for part, c in zip(parts, constant, strict=True)]
        return np.column_stack(given)

    def predict(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Values (n, k) for a regressor, 0 or 1 for a classifier."""
        check_is_fitted(self)
        parts = [None if one is None else np.asarray(one.predict(X), dtype=np.float64) for one in self.estimators_]
        return self._joined(len(np.asarray(X)), parts, 0.0, 1.0)

    @available_if(_classifies)  # type: ignore[untyped-decorator]
    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Log-odds (n, k) of a classifier; ±16 for a label that was constant in training."""
        check_is_fitted(self)
        parts = [None if one is None else _log_odds(one, X) for one in self.estimators_]
        return self._joined(len(np.asarray(X)), parts, 0.5, 2 * ALWAYS)

    def linear_map(self, num_outputs: int) -> tuple[Array, Array] | None:
        """Weight (d, k) and bias (k,) if the copies are linear, else None."""
        maps = [one.linear_map(2) if isinstance(one, Linear) else None for one in self.estimators_]
        width = next((found[0].shape[0] for found in maps if found is not None), None)
        if width is None:
            return None
        weight, bias = np.zeros((width, num_outputs)), (self.constant_ - 0.5) * 2 * ALWAYS
        for j, found in enumerate(maps):
            if found is not None:
                both, biases = found  # (d, 2) and (2,): the log-odds of the second class are the difference
                weight[:, j], bias[j] = both[:, 1] - both[:, 0], biases[1] - biases[0]
        return weight, bias


def _columns(y: ArrayLike) -> NDArray[Any]:
    columns = np.asarray(y)
    return columns.reshape(len(columns), -1)


def _log_odds(fitted: Estimator, rows: ArrayLike) -> Array:
    """Log-odds (n,) of the second class of a binary classifier."""
    method, score = scoring(fitted)
    if method == "decision_function":
        scores = np.asarray(score(rows), dtype=np.float64)
        return scores if scores.ndim == 1 else scores[:, 1] - scores[:, 0]
    there = np.clip(score(rows)[:, 1], 1e-6, 1 - 1e-6)
    return np.asarray(np.log(there) - np.log1p(-there))
