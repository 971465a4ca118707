"""Scores of a fitted scikit-learn estimator as a matrix with one column per output of the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.heads.estimator.protocols import Estimator

__all__ = ["ScoringMethod", "accuracy_or_r2", "aligned", "classes_of", "estimator_scores", "scoring"]

ScoringMethod = Literal["decision_function", "predict_proba", "predict"]

# Floor of probabilities: a forest or a neighbourhood gives exactly 0 to a class it did not meet, from few rows.
SMALLEST = 1e-6


def scoring(estimator: Estimator) -> tuple[ScoringMethod, Callable[[Any], Any]]:
    """The method that gives an estimator's scores: the first it has of three, as a name and a bound method.

    The object is inspected, not its class, since scikit-learn hides methods that an instance does not support: a
    pipeline has the methods of its last step, and ``SVC`` has probabilities only on request.

    Args:
        estimator: of scikit-learn, of this package or of a user.

    Raises:
        ParameterError: if it has none of the three.

    Examples:
        >>> from sklearn.linear_model import Ridge
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from sklearn.svm import SVC
        >>> [scoring(one)[0] for one in (SVC(), GaussianNB(), Ridge())]
        ['decision_function', 'predict_proba', 'predict']
    """
    names: tuple[ScoringMethod, ...] = ("decision_function", "predict_proba", "predict")
    for name in names:
        method = getattr(estimator, name, None)
        if method is not None:
            return name, method
    raise ParameterError(
        "An estimator used as a head needs a decision_function, predict_proba or predict method. Got a "
        f"{type(estimator).__name__} with none of them; add one."
    )


def classes_of(estimator: Estimator) -> Any:
    """The class codes (c,) that a classifier was fitted on; None for regressors.

    scikit-learn's multi-label classifiers have a list instead, with an array (2,) or (1,) for each label.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> classes_of(GaussianNB().fit([[0.0], [1.0], [4.0], [5.0]], [0, 0, 2, 2]))
        array([0, 2])
    """
    return getattr(estimator, "classes_", None)


def estimator_scores(estimator: Estimator, rows: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
    """Scores (n, num_outputs) of mapped rows (n, d).

    Args:
        estimator: fitted on class codes (n,), on a 0/1 matrix (n, labels), or on values (n, targets).
        rows: (n, d) as the estimator was fitted on.
        num_outputs: the number of classes, labels or targets of the task.

    Returns:
        The decision function, or else log-probabilities of the classes, log-odds of the labels, or values. A class
        without training rows gets the lowest score of its row.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> fitted = GaussianNB().fit([[0.0], [1.0], [4.0], [5.0]], [0, 0, 2, 2])
        >>> estimator_scores(fitted, np.array([[0.5]]), 3).argmax(axis=1)
        array([0])
    """
    classes = classes_of(estimator)
    method, score = scoring(estimator)
    if method == "decision_function":
        scores = np.asarray(score(rows), dtype=np.float64)
        if scores.ndim == 1 and classes is not None and len(classes) == 2:
            scores = np.column_stack([-scores / 2, scores / 2])  # log-odds of the second class
        return aligned(scores, classes, num_outputs)
    if method == "predict":
        return np.asarray(score(rows), dtype=np.float64).reshape(len(rows), num_outputs)
    proba = score(rows)
    if isinstance(proba, list):  # multi-label: scikit-learn returns a list with one (n, 2) per label
        return _log_odds(np.column_stack([_of_label(p, seen) for p, seen in zip(proba, classes, strict=True)]))
    return aligned(np.log(np.maximum(np.asarray(proba, dtype=np.float64), SMALLEST)), classes, num_outputs)


def aligned(scores: NDArray[np.float64], classes: NDArray[Any] | None, num_outputs: int) -> NDArray[np.float64]:
    """Scores (n, num_outputs) with a column for each class of the task; missing classes get the lowest score.

    Args:
        scores: (n, c), one column for each class in the training data.
        classes: (c,) codes of these classes; None if columns are the task's outputs already.
        num_outputs: number of outputs of the task.

    Examples:
        >>> aligned(np.array([[1.0, 0.0]]), np.array([0, 2]), 3).round(1).tolist()
        [[1.0, 0.0, 0.0]]
    """
    if classes is None or len(classes) == num_outputs:
        return np.asarray(scores, dtype=np.float64).reshape(len(scores), num_outputs)
    wide = np.repeat(scores.min(axis=1, keepdims=True), num_outputs, axis=1)
    wide[:, np.asarray(classes, dtype=np.intp)] = scores
    return wide


def _of_label(proba: NDArray[Any], seen: NDArray[Any]) -> NDArray[np.float64]:
    """The probability (n,) that a label is present, also if all training rows had it or none had."""
    there = np.flatnonzero(np.asarray(seen) > 0)
    return np.asarray(proba[:, there[0]], dtype=np.float64) if len(there) else np.zeros(len(proba))


def _log_odds(proba: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(proba, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def accuracy_or_r2(kind: str, truth: ArrayLike, predicted: ArrayLike) -> float:
    """What ``score`` of an estimator for several kinds of task gives: R² of a regression, else the accuracy.

    Args:
        kind: of the task.
        truth: (n,) or (n, k) labels or values.
        predicted: the same for the predictions.

    Examples:
        >>> accuracy_or_r2("classification", [0, 1, 1, 0], [0, 1, 0, 0]), accuracy_or_r2("regression", [1, 2], [1, 2])
        (0.75, 1.0)
    """
    from sklearn.metrics import accuracy_score, r2_score

    return float((r2_score if kind == "regression" else accuracy_score)(truth, predicted))
