"""Metrics of order: area under the ROC curve and average precision, with weights and ties.

Scores are sorted once; each vector of weights then costs one cumulative sum, so a stack of bootstrap weights is
one array operation. Both metrics need the sums at the positive items only::

    AUC = Σ_{i+} w_i (negatives below i + ½ negatives tied with i) / (Σ_+ w Σ_- w)      (Mann-Whitney)
    AP  = Σ_{i+} w_i (positives at or above i) / (items at or above i) / Σ_+ w
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from headstart.evaluate.metrics.weighted import as_weights, mean_defined, ratio

__all__ = ["average_precision", "class_ranker", "class_rankings", "macro_area", "roc_auc"]

Array = NDArray[np.float64]
# A difference of weights below this share of their sum is rounding error, and counts as zero.
_ROUNDING = 1e-12


def roc_auc(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """ROC-AUC: area under the ROC curve, ties counted half. Larger is better.

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
    """Average precision: the mean over the classes or labels that have positives. Larger is better.

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
    return class_ranker(scores, y)(as_weights(sample_weight, len(np.asarray(y))))


def class_ranker(scores: ArrayLike, y: ArrayLike) -> Callable[[Array], tuple[Array, Array]]:
    """The function from weights (..., n) to `class_rankings`, for many weights: the items are sorted once.

    Args:
        scores: (n, C), any scores of which larger means more likely.
        y: as in `roc_auc`.

    Examples:
        >>> rank = class_ranker([[0.9], [0.6], [0.3]], [[1], [0], [1]])
        >>> rank(np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]))[0]
        array([[0.5],
               [1. ]])
    """
    columns, truth = np.asarray(scores, np.float64), np.asarray(y)
    n, num_classes = columns.shape
    positives = [truth[:, c] > 0 if truth.ndim == 2 else truth == c for c in range(num_classes)]
    ranked = [_Ranked.of(columns[:, c], positive) for c, positive in enumerate(positives)]

    def rank(weights: Array) -> tuple[Array, Array]:
        stack = np.ascontiguousarray(weights.reshape(-1, n).T)  # (n, resamples): items are gathered as whole rows
        total = stack.sum(axis=0)
        shape = (*weights.shape[:-1], num_classes)
        area, precision = np.stack([one.weigh(stack, total) for one in ranked], axis=-1)
        return area.reshape(shape), precision.reshape(shape)

    return rank


def macro_area(area: Array, y_dimensions: int) -> Array:
    """Mean of per-class areas (..., C); the plain area for a classification of two classes.

    Examples:
        >>> float(macro_area(np.array([0.75, 0.75]), 1))
        0.75
    """
    two_classes = y_dimensions == 1 and area.shape[-1] == 2
    return mean_defined(area[..., 1:] if two_classes else area)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """The order of the items by the score of one class, best first, as runs between the places of its positives.

    The longest run is not summed: its weight is the total minus that of the others. For a class that is ranked well it
    has nearly all items, namely those below the last positive.
    """

    place: NDArray[np.intp]  # the positives, best first
    runs: csr_array[np.float64]  # (runs, n) the items of each run, without the longest
    longest: int
    above: NDArray[np.intp]  # how many runs score above each positive
    upto: NDArray[np.intp]  # how many runs score at least as high
    positives_above: NDArray[np.intp]
    positives_upto: NDArray[np.intp]

    @classmethod
    def of(cls, score: Array, positive: NDArray[np.bool_]) -> _Ranked:
        n, lowest = len(score), score[positive].min(initial=np.inf)
        kept = np.flatnonzero(score >= lowest)
        order = kept[np.argsort(-score[kept], kind="stable")]
        descending = -score[order]
        place = np.flatnonzero(positive[order])
        first = np.searchsorted(descending, descending[place], side="left")
        last = np.searchsorted(descending, descending[place], side="right")
        # run boundaries: the start and the end of every group of ties that has a positive
        cuts = np.unique(np.concatenate([[0], first, last, [n]]))
        lengths = np.diff(cuts)
        longest = int(lengths.argmax())
        order = np.concatenate([order, np.flatnonzero(score < lowest)])
        summed = np.delete(order, slice(cuts[longest], cuts[longest + 1]))
        lengths[longest] = 0
        edges = np.concatenate([[0], np.cumsum(lengths)])
        runs = csr_array((np.ones(len(summed)), summed, edges), shape=(len(lengths), n))
        above, upto = np.searchsorted(cuts, first), np.searchsorted(cuts, last)
        within = np.searchsorted(place, first), np.searchsorted(place, last)
        return cls(order[place], runs, longest, above, upto, *within)

    def weigh(self, weights: Array, total: Array) -> tuple[Array, Array]:
        """AUC and AP (resamples,) from weights (n, resamples) and their sums (resamples,)."""
        run_sum = np.asarray(self.runs @ weights)
        run_sum[self.longest] = _without_rounding(total - run_sum.sum(axis=0), total)
        all_sum = _running_sum(run_sum)
        weight = weights[self.place]
        positive_sum = _running_sum(weight)
        all_here, positive_here = all_sum[self.upto], positive_sum[self.positives_upto]
        negative_here = all_here - positive_here
        negative_above = all_sum[self.above] - positive_sum[self.positives_above]
        positives = positive_sum[-1]
        negatives = _without_rounding(total - positives, total)
        # negatives below i plus half of those tied with it: all - (at or above + above) / 2
        below = negatives - 0.5 * (negative_here + negative_above)
        share = np.divide(positive_here, all_here, out=np.zeros_like(all_here), where=all_here > 0)
        area = ratio((weight * below).sum(axis=0), positives * negatives)
        return area, ratio((weight * share).sum(axis=0), positives)


def _without_rounding(difference: Array, total: Array) -> Array:
    return np.where(difference > _ROUNDING * total, difference, 0.0)


def _running_sum(weights: Array) -> Array:
    """Sums (n + 1, resamples) of the first 0, 1, ..., n rows."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums
