"""Metrics of predicted classes: accuracy, precision, recall, F1 and the confusion matrix.

Truth is codes (n,) for classification, where the prediction is the class of the largest probability, or 0/1 (n, labels)
for multi-label, where a label is predicted when its probability is 0.5 or more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, hstack

from headstart.evaluate.metrics.weighted import as_weights, mean_defined, ratio, weighted_mean

__all__ = [
    "ClassCounts",
    "accuracy",
    "balanced_accuracy",
    "class_counter",
    "class_counts",
    "confusion_matrix",
    "f1",
    "hamming_loss",
    "hits",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "micro_f1",
    "precision",
    "recall",
    "subset_accuracy",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClassCounts:
    """Weighted counts for each class or label, from which precision, recall and F1 follow.

    Attributes:
        correct: (..., C) true positives.
        predicted: (..., C) items for which the class was predicted.
        support: (..., C) items that have the class.

    Examples:
        >>> counts = ClassCounts(np.array([2.0, 0.0]), np.array([3.0, 0.0]), np.array([2.0, 1.0]))
        >>> counts.recall
        array([1., 0.])
        >>> counts.precision  # the second class was never predicted
        array([0.66666667,        nan])
    """

    correct: Array
    predicted: Array
    support: Array

    @property
    def precision(self) -> Array:
        """(..., C) share of the predictions of a class that are correct; nan where it was never predicted."""
        return ratio(self.correct, self.predicted)

    @property
    def recall(self) -> Array:
        """(..., C) share of a class's items that were found; nan where it has none."""
        return ratio(self.correct, self.support)

    @property
    def f1(self) -> Array:
        """(..., C) harmonic mean 2 correct / (predicted + support); nan where both are zero."""
        return ratio(2 * self.correct, self.predicted + self.support)

    @property
    def micro_f1(self) -> Array:
        """(...,) F1 of the counts summed over the classes."""
        return ratio(2 * self.correct.sum(axis=-1), (self.predicted + self.support).sum(axis=-1))

    def macro(self, values: Array) -> Array:
        """Mean (...,) of per-class values (..., C) over the classes that occur or are predicted; 0/0 counts as 0."""
        occurs = self.predicted + self.support > 0
        return mean_defined(np.where(occurs, np.nan_to_num(values), np.nan))


def class_counts(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> ClassCounts:
    """Count correct predictions, predictions and items of each class or label.

    Args:
        outputs: (n, C) probabilities.
        y: (n,) integer codes, or (n, C) of 0 and 1 for multi-label.
        sample_weight: (..., n) weights, or None for ones.

    Returns:
        Counts of the shape (..., C).

    Examples:
        >>> class_counts([[0.9, 0.1], [0.6, 0.4]], [0, 1]).correct
        array([1., 0.])
    """
    return class_counter(outputs, y)(as_weights(sample_weight, len(np.asarray(y))))


def class_counter(outputs: ArrayLike, y: ArrayLike) -> Callable[[Array], ClassCounts]:
    """The function from weights (..., n) to `class_counts`, for many weights: the predictions are compared once.

    Args:
        outputs: (n, C) probabilities.
        y: as in `class_counts`.

    Examples:
        >>> class_counter([[0.9, 0.1], [0.6, 0.4]], [0, 1])(np.array([[1.0, 1.0], [2.0, 0.0]])).support
        array([[1., 1.],
               [2., 0.]])
    """
    scores, truth = np.asarray(outputs, np.float64), np.asarray(y)
    n, num_classes = scores.shape
    if truth.ndim == 2:
        has, decided = csr_array((truth > 0).astype(float)), csr_array((scores >= 0.5).astype(float))
        hit = csr_array(((truth > 0) & (scores >= 0.5)).astype(float))
    else:
        best = scores.argmax(axis=1)
        has, decided = _one_hot(truth, np.ones(n), num_classes), _one_hot(best, np.ones(n), num_classes)
        hit = _one_hot(truth, (best == truth).astype(float), num_classes)
    # one sparse matrix (3 C, n): a product with the weights sums all three counts of every class
    table = hstack([hit, decided, has], format="csc").T

    def count(weights: Array) -> ClassCounts:
        sums = np.asarray(table @ weights.reshape(-1, n).T).T.reshape(*weights.shape[:-1], 3, num_classes)
        return ClassCounts(sums[..., 0, :], sums[..., 1, :], sums[..., 2, :])

    return count


def _one_hot(codes: NDArray[np.int64], values: Array, num_classes: int) -> csr_array[np.float64]:
    return csr_array((values, (np.arange(len(codes)), codes)), shape=(len(codes), num_classes))


def accuracy(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Accuracy: share of items whose most probable class is correct. Larger is better.

    Args:
        probabilities: (n, C).
        y: (n,) integer codes.
        sample_weight: (..., n) weights, or None for ones.

    Returns:
        One value, or (...,) values for a stack of weights.

    Examples:
        >>> float(accuracy([[0.9, 0.1], [0.6, 0.4]], [0, 1]))
        0.5
        >>> accuracy([[0.9, 0.1], [0.6, 0.4]], [0, 1], [[1, 1], [2, 0]])
        array([0.5, 1. ])
    """
    return weighted_mean(hits(probabilities, y), sample_weight)


def hits(probabilities: ArrayLike, y: ArrayLike) -> Array:
    """Whether the most probable class of each item is correct, (n,) of 0 and 1.

    Args:
        probabilities: (n, C).
        y: (n,) integer codes.

    Examples:
        >>> hits([[0.9, 0.1], [0.6, 0.4]], [0, 1])
        array([1., 0.])
    """
    right: Array = (np.asarray(probabilities).argmax(axis=1) == np.asarray(y)).astype(np.float64)
    return right


def balanced_accuracy(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Balanced accuracy: mean recall of the classes that occur in ``y``. Larger is better.

    Reference: Brodersen, Ong, Stephan & Buhmann, "The Balanced Accuracy and Its Posterior Distribution", ICPR 2010.

    Arguments and result are those of `accuracy`.

    Examples:
        >>> float(balanced_accuracy([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]], [0, 0, 1]))
        0.5
    """
    return mean_defined(class_counts(probabilities, y, sample_weight).recall)


def precision(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Precision: of each class, (..., C); nan for one that was never predicted. Larger is better.

    Arguments are those of `class_counts`.

    Examples:
        >>> precision([[0.9, 0.1], [0.6, 0.4]], [0, 1])
        array([0.5, nan])
    """
    return class_counts(outputs, y, sample_weight).precision


def recall(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Recall: of each class, (..., C); nan for one without items. Larger is better.

    Arguments are those of `class_counts`.

    Examples:
        >>> recall([[0.9, 0.1], [0.6, 0.4]], [0, 1])
        array([1., 0.])
    """
    return class_counts(outputs, y, sample_weight).recall


def f1(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """F1: of each class, (..., C); nan for one that neither occurs nor is predicted. Larger is better.

    Reference: van Rijsbergen, "Information Retrieval", 1979.

    Arguments are those of `class_counts`.

    Examples:
        >>> f1([[0.9, 0.1], [0.2, 0.8]], [0, 1])
        array([1., 1.])
    """
    return class_counts(outputs, y, sample_weight).f1


def macro_precision(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Macro precision: mean over the classes that occur or are predicted. Larger is better.

    A class that occurs but is never predicted counts as 0; one that does neither is left out. That is scikit-learn's
    rule for classification; for multi-label it counts such a label as 0. Arguments are those of `class_counts`.

    Examples:
        >>> float(macro_precision([[0.9, 0.1], [0.6, 0.4]], [0, 1]))
        0.25
    """
    counts = class_counts(outputs, y, sample_weight)
    return counts.macro(counts.precision)


def macro_recall(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Macro recall: mean over the classes that occur or are predicted, as in `macro_precision`. Larger is better.

    Examples:
        >>> float(macro_recall([[0.9, 0.1], [0.6, 0.4]], [0, 1]))
        0.5
    """
    counts = class_counts(outputs, y, sample_weight)
    return counts.macro(counts.recall)


def macro_f1(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Macro F1: mean over the classes that occur or are predicted, as in `macro_precision`. Larger is better.

    Examples:
        >>> float(macro_f1([[0.9, 0.1], [0.2, 0.8]], [0, 1]))
        1.0
    """
    counts = class_counts(outputs, y, sample_weight)
    return counts.macro(counts.f1)


def micro_f1(outputs: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Micro F1: of the counts summed over labels; nan where nothing occurs and nothing is predicted. Larger is better.

    Arguments are those of `class_counts`.

    Examples:
        >>> float(micro_f1([[0.9, 0.8], [0.2, 0.4]], [[1, 0], [0, 0]]))
        0.6666666666666666
    """
    return class_counts(outputs, y, sample_weight).micro_f1


def subset_accuracy(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Subset accuracy: share of items whose labels are all correct. Larger is better.

    Args:
        probabilities: (n, labels).
        y: (n, labels) of 0 and 1.
        sample_weight: (..., n) weights, or None for ones.

    Returns:
        One value, or (...,) values for a stack of weights.

    Examples:
        >>> float(subset_accuracy([[0.9, 0.8], [0.2, 0.4]], [[1, 0], [0, 0]]))
        0.5
    """
    return weighted_mean(((np.asarray(probabilities) >= 0.5) == (np.asarray(y) > 0)).all(axis=1), sample_weight)


def hamming_loss(probabilities: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Hamming loss: share of labels that are wrong, over all items and labels. Smaller is better.

    Arguments and result are those of `subset_accuracy`.

    Examples:
        >>> float(hamming_loss([[0.9, 0.8], [0.2, 0.4]], [[1, 0], [0, 0]]))
        0.25
    """
    return weighted_mean(((np.asarray(probabilities) >= 0.5) != (np.asarray(y) > 0)).mean(axis=1), sample_weight)


def confusion_matrix(probabilities: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
    """Confusion matrix: counts (C, C) of items by true class (row) and predicted class (column).

    Args:
        probabilities: (n, C).
        y: (n,) integer codes.

    Returns:
        The counts, with a row and a column also for classes that do not occur.

    Examples:
        >>> confusion_matrix([[0.9, 0.1], [0.6, 0.4]], [0, 1])
        array([[1, 0],
               [1, 0]])
    """
    scores = np.asarray(probabilities)
    num_classes = scores.shape[1]
    cells = np.asarray(y, np.int64) * num_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes).astype(np.int64)
