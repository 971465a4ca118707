"""Nearest class mean: by Euclidean distance or cosine similarity, with exact leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from headstart.heads.estimator.inputs import checked_rows, class_codes
from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.linear.calibration import fit_temperature, log_loss
from headstart.linear.checks import unit_rows
from headstart.params import check_choice
from headstart.types import Task, group_codes

__all__ = ["NEAREST_MEAN", "NearestMean", "NearestMeanHead"]

Array = NDArray[np.float64]
METRICS = ("euclidean", "cosine")


class NearestMean(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predict the class whose mean is nearest.

    Leave-one-out is exact: without a row x, the mean of its class is (n_c μ_c - x) / (n_c - 1).

    Args:
        metric: ``"euclidean"``, ``"cosine"``, or ``"auto"`` for the one with the lowest leave-one-out log-loss, each
            at its best temperature.

    Attributes:
        classes_: (C,) sorted labels.
        means_: (C, d); means of unit rows for the cosine.
        metric_: the metric used.
        temperature_: of the softmax, fitted on leave-one-out scores.

    References:
        Mensink et al., "Distance-Based Image Classification: Generalizing to New Classes at Near-Zero Cost", TPAMI
        2013; Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017.

    Examples:
        >>> head = NearestMean().fit([[0.0], [0.2], [2.0], [2.2]], ["low", "low", "high", "high"])
        >>> head.predict([[0.3], [1.9]]).tolist(), head.metric_
        (['low', 'high'], 'euclidean')
    """

    def __init__(self, metric: str = "auto") -> None:
        self.metric = metric

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 (scikit-learn's name)
        """Fit rows (n, d) with labels (n,)."""
        self.left_out_scores(X, y)
        return self

    def left_out_scores(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Array:  # noqa: N803 (scikit-learn's name)
        """Fit, and return the scores (n, C) of each row for class means without the row, or without its group."""
        check_choice(self.metric, "metric", type(self).__name__, ("auto", *METRICS))
        rows, codes = class_codes(self, X, y)
        best = np.inf
        for metric in METRICS if self.metric == "auto" else (self.metric,):
            mapped = _mapped(rows, metric)
            scores = _left_out(mapped, codes, groups, len(self.classes_), metric)
            temperature = fit_temperature(scores, codes)
            loss = log_loss(scores / temperature, codes)
            if loss < best:
                best, left_out, self.metric_, self.temperature_ = loss, scores / temperature, metric, temperature
        self.means_ = _sums(_mapped(rows, self.metric_), codes, len(self.classes_))
        self.means_ /= np.bincount(codes, minlength=len(self.classes_))[:, None]
        return left_out

    def chosen_params(self) -> dict[str, Any]:
        """The chosen parameters, for a refit on more rows without a new search."""
        return {"metric": self.metric_}

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Cosines (n, C), or -½‖x - μ‖² up to a constant per row, divided by the temperature.

        The temperature makes scores comparable between folds that choose different metrics.
        """
        return _scores(_mapped(checked_rows(self, X), self.metric_), self.means_, self.metric_) / self.temperature_

    def predict_proba(self, X: ArrayLike) -> Array:  # noqa: N803 (scikit-learn's name)
        """Probabilities (n, C)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The label of the nearest mean."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


def _mapped(rows: NDArray[Any], metric: str) -> Array:
    rows = np.asarray(rows, dtype=np.float64)
    if metric == "euclidean":
        return rows
    return unit_rows(rows)


def _sums(rows: Array, codes: NDArray[np.intp], classes: int) -> Array:
    sums = np.zeros((classes, rows.shape[1]))
    # np.add.at is unbuffered, so rows with the same code all count
    np.add.at(sums, codes, rows)
    return sums


def _scores(rows: Array, means: Array, metric: str) -> Array:
    if metric == "euclidean":
        # xᵀμ - ½‖μ‖² = -½‖x - μ‖² + ½‖x‖², and ‖x‖² is the same for all classes
        return np.asarray(rows @ means.T - 0.5 * np.einsum("cd,cd->c", means, means))
    return np.asarray(rows @ unit_rows(means).T)


def _left_out(rows: Array, codes: NDArray[np.intp], groups: ArrayLike | None, classes: int, metric: str) -> Array:
    """Leave-one-group-out scores (n, C): without a group, only the means of the classes it contains change."""
    sums, counts = _sums(rows, codes, classes), np.bincount(codes, minlength=classes)
    scores = _scores(rows, sums / counts[:, None], metric)
    unit = group_codes(groups, len(rows))
    # the (group, class) pairs that occur: one changed mean for each
    pairs, inverse = np.unique(np.column_stack([unit, codes]), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    members = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[members], np.arange(unit.max() + 2))
    order = np.argsort(inverse, kind="stable")
    edges = np.searchsorted(inverse[order], np.arange(len(pairs) + 1))
    for i, (group, c) in enumerate(pairs):
        out = order[edges[i] : edges[i + 1]]
        judged = members[starts[group] : starts[group + 1]]
        rest = counts[c] - len(out)
        if rest > 0:
            # class mean without the group, used for all rows of the group
            mean = (sums[c] - rows[out].sum(axis=0)) / rest
            scores[judged, c] = _scores(rows[judged], mean[None], metric)[:, 0]
        else:  # no other rows of this class: give it the lowest score of any other class
            scores[judged, c] = np.delete(scores[judged], c, axis=1).min(axis=1)
    return scores


@dataclass(frozen=True)
class NearestMeanHead:
    """Nearest class mean; one model per label for multi-label tasks.

    Attributes:
        name: ``"nearest_mean"``.
        tasks: the task kinds it supports.
        complexity: 1.

    Examples:
        >>> NEAREST_MEAN.make(Task("classification", ("a", "b")), n=10, d=2, seed=0)
        NearestMean()
    """

    name: str = "nearest_mean"
    tasks: frozenset[str] = frozenset({"classification", "multilabel"})
    complexity: int = 1

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return per_output(NearestMean(), task)


NEAREST_MEAN = NearestMeanHead()
