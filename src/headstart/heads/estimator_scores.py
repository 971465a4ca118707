"""Scores of a fitted scikit-learn estimator in the form that every head gives: one column an output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["estimator_scores"]

# Where a forest or a neighbourhood has seen no other class, its probability of 0 says less than it seems to.
SMALLEST = 1e-6


def estimator_scores(estimator: Any, rows: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
    """Scores (n, num_outputs) of mapped rows (n, d).

    Args:
        estimator: fitted on class codes (n,), on a 0/1 matrix (n, labels), or on values (n, targets).
        rows: (n, d) as the estimator was fitted on.
        num_outputs: the number of classes, labels or targets of the task.

    Returns:
        Log-probabilities of the classes (of a class that the fit did not see, the log of 1e-6), log-odds of the
        labels, or values.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> fitted = GaussianNB().fit([[0.0], [1.0], [4.0], [5.0]], [0, 0, 2, 2])
        >>> estimator_scores(fitted, np.array([[0.5]]), 3).argmax(axis=1)
        array([0])
    """
    if not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(len(rows), num_outputs)
    proba = estimator.predict_proba(rows)
    if isinstance(proba, list):  # scikit-learn gives a list of (n, 2) where there are several labels
        hit = np.column_stack([_of_label(part, seen) for part, seen in zip(proba, estimator.classes_, strict=True)])
        return _log_odds(hit)
    proba = np.asarray(proba, dtype=np.float64)
    classes = np.asarray(estimator.classes_)
    if classes.ndim == 1 and len(classes) == proba.shape[1] and not getattr(estimator, "multilabel_", False):
        scores = np.full((len(rows), num_outputs), np.log(SMALLEST))
        scores[:, classes.astype(np.intp)] = np.log(np.maximum(proba, SMALLEST))
        return scores
    return _log_odds(proba)


def _of_label(proba: NDArray[Any], seen: NDArray[Any]) -> NDArray[np.float64]:
    """The probability (n,) that a label is there, also where the fit saw only rows with it, or only rows without."""
    there = np.flatnonzero(np.asarray(seen) > 0)
    return np.asarray(proba[:, there[0]], dtype=np.float64) if len(there) else np.zeros(len(proba))


def _log_odds(proba: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(proba, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
