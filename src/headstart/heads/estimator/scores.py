"""Scores of a fitted scikit-learn estimator in the form that every head gives: one column an output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["aligned", "estimator_scores"]

# Where a forest or a neighbourhood has seen no other class, its probability of 0 says less than it seems to.
SMALLEST = 1e-6


def estimator_scores(estimator: Any, rows: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
    """Scores (n, num_outputs) of mapped rows (n, d).

    Args:
        estimator: fitted on class codes (n,), on a 0/1 matrix (n, labels), or on values (n, targets).
        rows: (n, d) as the estimator was fitted on.
        num_outputs: the number of classes, labels or targets of the task.

    Returns:
        The decision function, or else log-probabilities of the classes or log-odds of the labels, or values. A class
        that the fit did not see is as unlikely as the least likely one of the row.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> fitted = GaussianNB().fit([[0.0], [1.0], [4.0], [5.0]], [0, 0, 2, 2])
        >>> estimator_scores(fitted, np.array([[0.5]]), 3).argmax(axis=1)
        array([0])
    """
    classes = getattr(estimator, "classes_", None)
    if hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(rows), dtype=np.float64)
        if scores.ndim == 1 and classes is not None and len(classes) == 2:
            scores = np.column_stack([-scores / 2, scores / 2])  # log-odds of the second class
        return aligned(scores, classes, num_outputs)
    if not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(len(rows), num_outputs)
    proba = estimator.predict_proba(rows)
    if isinstance(proba, list):  # scikit-learn gives a list of (n, 2) where there are several labels
        return _log_odds(
            np.column_stack([_of_label(p, seen) for p, seen in zip(proba, estimator.classes_, strict=True)])
        )
    return aligned(np.log(np.maximum(np.asarray(proba, dtype=np.float64), SMALLEST)), classes, num_outputs)


def aligned(scores: NDArray[np.float64], classes: NDArray[Any] | None, num_outputs: int) -> NDArray[np.float64]:
    """Scores (n, num_outputs) with a column for each class of the task.

    Args:
        scores: (n, c), one column for each class that the fit saw.
        classes: (c,) codes of these classes; None where columns are outputs already.
        num_outputs: of the task.

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
    """The probability (n,) that a label is there, also where the fit saw only rows with it, or only rows without."""
    there = np.flatnonzero(np.asarray(seen) > 0)
    return np.asarray(proba[:, there[0]], dtype=np.float64) if len(there) else np.zeros(len(proba))


def _log_odds(proba: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(proba, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
