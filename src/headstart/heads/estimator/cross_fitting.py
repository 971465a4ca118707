"""Out-of-fold scores of any estimator: its own leave-one-out scores if it has them, else five-fold cross-validation.

References:
    Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 1974.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.data import folds
from headstart.heads.estimator.protocols import Estimator, LeaveOneOutScores
from headstart.heads.estimator.scores import aligned, classes_of, estimator_scores
from headstart.heads.estimator.threads import threads_for
from headstart.tasks import base_kind, is_classification
from headstart.types import Task, TaskKind

__all__ = ["cross_fitted_scores", "five_folds", "fold_scores", "quietly_fitted"]

Array = NDArray[np.float64]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
NUM_FOLDS = 5


def five_folds(y: NDArray[Any], kind: TaskKind, groups: ArrayLike | None, seed: int) -> list[Fold]:
    """Five stratified folds of rows; rows of a group stay in one fold.

    Args:
        y: labels as in `Dataset`.
        kind: the task's kind.
        groups: (n,) codes of rows that stay together, or None.
        seed: of the shuffle.

    Returns:
        (train, test) positions of each fold.

    Raises:
        DataError: if some fold would have only one class to train on.

    Examples:
        >>> len(five_folds(np.arange(40) % 2, "classification", None, 0))
        5
    """
    return folds(y, kind, np.arange(len(y)) if groups is None else np.asarray(groups), n_folds=NUM_FOLDS, seed=seed)


def quietly_fitted(estimator: Estimator, rows: NDArray[Any], y: NDArray[Any]) -> Estimator:
    """Fit an estimator, with scikit-learn's convergence warning silenced: the out-of-fold loss judges the result.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> quietly_fitted(GaussianNB(), np.eye(2), np.array([0, 1])).classes_
        array([0, 1])
    """
    from sklearn.exceptions import ConvergenceWarning

    with threads_for(len(rows), rows[0].size), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted: Estimator = estimator.fit(rows, _labels(y))
        return fitted


def _labels(y: NDArray[Any]) -> NDArray[Any]:
    """Flatten a single target column (n, 1) to (n,), the shape scikit-learn expects."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def fold_scores(make: Callable[[], Estimator], rows: NDArray[Any], y: NDArray[Any], task: Task, fold: Fold) -> Array:
    """Scores (m, k) of the m test rows of a fold, from the head fitted on the fold's training rows.

    Args:
        make: returns an unfitted estimator.
        rows: (n, d).
        y: labels as in `Dataset`.
        task: the label schema.
        fold: (train, test) positions.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("a", "b"))
        >>> fold_scores(GaussianNB, x, y, task, (np.array([0, 1, 2, 3]), np.array([3]))).argmax(axis=1)
        array([1])
    """
    train, test = fold
    fitted = quietly_fitted(make(), rows[train], y[train])
    with threads_for(len(rows), rows[0].size):
        return estimator_scores(fitted, rows[test], task.num_outputs)


def cross_fitted_scores(
    make: Callable[[], Estimator],
    rows: NDArray[Any],
    y: NDArray[Any],
    task: Task,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    known: Sequence[Array] = (),
) -> tuple[Array, Estimator | None]:
    """Leave-one-out or out-of-fold scores (n, k) of all rows.

    Args:
        make: returns an unfitted estimator.
        rows: (n, d).
        y: labels as in `Dataset`.
        task: the label schema.
        groups: (n,) codes of rows that are left out together, or None.
        seed: of the folds.
        known: scores of the first folds, if already computed.

    Returns:
        The scores, and the estimator fitted on all rows if computing the scores required that, else None.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> x, y = np.array([[0.0], [1.0], [2.0], [7.0], [8.0], [9.0]]), np.array([0, 0, 0, 1, 1, 1])
        >>> task = Task("classification", ("a", "b"))
        >>> cross_fitted_scores(GaussianNB, x, y, task)[0].argmax(axis=1)
        array([0, 0, 0, 1, 1, 1])
    """
    estimator = make()
    # scores of its own cost one fit, folds cost five
    if isinstance(estimator, LeaveOneOutScores):
        with threads_for(len(rows), rows[0].size):
            given = estimator.left_out_scores(rows, _labels(y), groups)
        classes = classes_of(estimator) if is_classification(task) else None
        return aligned(given, classes, task.num_outputs), estimator
    scores = np.empty((len(y), task.num_outputs))
    for i, fold in enumerate(five_folds(y, base_kind(task), groups, seed)):
        scores[fold[1]] = known[i] if i < len(known) else fold_scores(make, rows, y, task, fold)
    return scores, None
