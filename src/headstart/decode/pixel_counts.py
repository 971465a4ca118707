"""Counts of pixels by true and found class, and the overlaps that follow from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["dice_of", "iou_of", "mean_iou", "pixel_confusion"]

Array = NDArray[np.float64]


def pixel_confusion(truth: NDArray[np.integer], found: NDArray[np.integer], num_classes: int) -> NDArray[np.int64]:
    """(C, C) pixels by true class (row) and found class (column); pixels with a negative true code are left out.

    Args:
        truth: codes of any shape.
        found: codes of the same shape, in 0 to C - 1.
        num_classes: C.

    Examples:
        >>> pixel_confusion(np.array([0, 1, 1, -1]), np.array([0, 1, 0, 1]), 2)
        array([[1, 0],
               [1, 1]])
    """
    kept = np.asarray(truth) >= 0
    joined = np.asarray(truth)[kept].astype(np.int64) * num_classes + np.asarray(found)[kept]
    return np.bincount(joined, minlength=num_classes**2).reshape(num_classes, num_classes)


def iou_of(confusion: NDArray[np.number]) -> Array:
    """(..., C) intersection over union of each class of (..., C, C) counts; nan for a class neither labelled nor found.

    Examples:
        >>> iou_of(np.array([[1, 0], [1, 1]]))
        array([0.5, 0.5])
    """
    hits, sums = _sums(confusion)
    return _ratio(hits, sums - hits)


def dice_of(confusion: NDArray[np.number]) -> Array:
    """(..., C) Dice coefficients 2TP / (2TP + FP + FN), which are F1; nan for a class neither labelled nor found.

    Examples:
        >>> dice_of(np.array([[1, 0], [1, 1]])).round(3)
        array([0.667, 0.667])
    """
    hits, sums = _sums(confusion)
    return _ratio(2 * hits, sums)


def mean_iou(confusion: NDArray[np.number]) -> Array:
    """The mean of `iou_of` over the classes that are labelled or found; nan if there are none.

    Examples:
        >>> float(mean_iou(np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]])))
        0.5
    """
    each = iou_of(confusion)
    there = ~np.isnan(each)
    return _ratio(np.where(there, each, 0).sum(axis=-1), there.sum(axis=-1))


def _sums(confusion: NDArray[np.number]) -> tuple[Array, Array]:
    counts = np.asarray(confusion, dtype=np.float64)
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1) + counts.sum(axis=-2)


def _ratio(upper: NDArray[np.number], lower: NDArray[np.number]) -> Array:
    ratio = np.divide(upper, lower, out=np.full(np.shape(lower), np.nan), where=np.asarray(lower) > 0)
    return np.asarray(ratio, dtype=np.float64)
