"""Metrics of order: area under the ROC curve and average precision, with weights and ties.

Scores are sorted once; each vector of weights then costs one cumulative sum, so a whole stack of bootstrap weights is
one array operation. Both metrics need the sums at the positive items only::

    AUC = Σ_{i+} w_i (negatives below i + ½ negatives tied with i) / (Σ_+ w Σ_- w)      (Mann-Whitney)
    AP  = Σ_{i+} w_i (positives at or above i) / (items at or above i) / Σ_+ w
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from headstart.evaluate.metrics.weighted import as_weights, mean_defined, ratio

__all__ = ["average_precision", "class_rankings", "macro_area", "roc_auc"]

Array = NDArray[np.float64]


def roc_auc(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Area under the ROC curve, ties counted half. Larger is better.

    The mean over classes (one against the rest) or labels of those that have both positives and negatives; the plain
    area with two classes; nan where no class has both.

    Args:
        probabilities: (n, C), any scores of which larger means more likely.
        y: (n,) integer codes, or (n, C) of 0 and 1 for multi-label.
        sample_weight: (..., n) weights, or None for ones.

    Returns:
        One value, or (...,) values for a stack of weights.

    References:
        Hanley & McNeil (1982), The Meaning and Use of the Area under a ROC Curve, Radiology 143.

    Examples:
        >>> float(roc_auc([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], [0, 0, 1, 1]))
        0.75
    """
    area, _ = class_rankings(probabilities, y, sample_weight)
    return macro_area(area, np.ndim(y))


def average_precision(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Average precision, the mean over the classes or labels that have positives. Larger is better.

    The step-wise form without interpolation, as in scikit-learn; with two classes it is the mean over both, so that it
    does not depend on which one comes first. nan where no class has positives. Arguments and result are those of
    `roc_auc`.

    Examples:
        >>> float(average_precision([[0.9], [0.6], [0.3]], [[1], [0], [1]]))
        0.8333333333333333
    """
    _, precision = class_rankings(probabilities, y, sample_weight)
    return mean_defined(precision)


def class_rankings(scores: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[Array, Array]:
    """Area under the ROC curve and average precision of each class against the rest.

    Arguments are those of `roc_auc`.

    Returns:
        Two arrays (..., C); nan for the area of a class without positives or without negatives, and for the average
        precision of a class without positives.

    Examples:
        >>> area, precision = class_rankings([[0.9], [0.6], [0.3]], [[1], [0], [1]])
        >>> area, precision
        (array([0.5]), array([0.83333333]))
    """
    columns, truth = np.asarray(scores, np.float64), np.asarray(y)
    n, num_classes = columns.shape
    weights = as_weights(sample_weight, n)
    stack = np.ascontiguousarray(weights.reshape(-1, n).T)  # (n, resamples): items are gathered as whole rows
    area, precision = np.empty((2, stack.shape[1], num_classes))
    for c in range(num_classes):
        positive = truth[:, c] > 0 if truth.ndim == 2 else truth == c
        area[:, c], precision[:, c] = _rank_one(columns[:, c], positive, stack)
    shape = (*weights.shape[:-1], num_classes)
    return area.reshape(shape), precision.reshape(shape)


def macro_area(area: Array, y_dimensions: int) -> Array:
    """Mean of per-class areas (..., C); the plain area for a classification of two classes.

    Examples:
        >>> float(macro_area(np.array([0.75, 0.75]), 1))
        0.75
    """
    two_classes = y_dimensions == 1 and area.shape[-1] == 2
    return mean_defined(area[..., 1:] if two_classes else area)


def _rank_one(score: Array, positive: NDArray[np.bool_], weights: Array) -> tuple[Array, Array]:
    """AUC and AP (resamples,) of one class from scores (n,) and weights (n, resamples)."""
    order = np.argsort(-score, kind="stable")
    descending = -score[order]
    place = np.flatnonzero(positive[order])  # positions of the positives, best first
    first = np.searchsorted(descending, descending[place], side="left")  # how many items score above each positive
    last = np.searchsorted(descending, descending[place], side="right")  # and how many at least as high
    cuts = np.unique(np.concatenate([[0, len(score)], first, last]))  # sums are needed at these places alone
    all_sum = _running_sum(_sums_of(order, cuts, weights))
    weight = weights[order[place]]
    positive_sum = _running_sum(weight)
    all_here, positive_here = all_sum[np.searchsorted(cuts, last)], positive_sum[np.searchsorted(place, last)]
    negative_here = all_here - positive_here
    negative_above = all_sum[np.searchsorted(cuts, first)] - positive_sum[np.searchsorted(place, first)]
    others = np.flatnonzero(~positive)
    positives, negatives = positive_sum[-1], _sums_of(others, np.array([0, len(others)]), weights)[0]
    below = negatives - 0.5 * (negative_here + negative_above)
    share = np.divide(positive_here, all_here, out=np.zeros_like(all_here), where=all_here > 0)
    area = ratio((weight * below).sum(axis=0), positives * negatives)
    return area, ratio((weight * share).sum(axis=0), positives)


def _sums_of(order: NDArray[np.intp], cuts: NDArray[np.intp], weights: Array) -> Array:
    """Sums (len(cuts) - 1, resamples) of the rows ``order[cuts[i]:cuts[i + 1]]``, by one sparse product."""
    runs = csr_array((np.ones(len(order)), order, cuts), shape=(len(cuts) - 1, len(weights)))
    return np.asarray(runs @ weights)


def _running_sum(weights: Array) -> Array:
    """Sums (n + 1, resamples) of the first 0, 1, ..., n rows."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums
