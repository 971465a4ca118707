"""Non-maximum suppression: of boxes that overlap, the one with the highest score stays; each class on its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_iou", "nms"]

Array = NDArray[np.float64]


def box_iou(first: Array, second: Array) -> Array:
    """Intersection over union of each pair of boxes; 0 where both have no area.

    Args:
        first: (a, 4) left, top, right, bottom.
        second: (b, 4).

    Returns:
        (a, b).

    Examples:
        >>> box_iou(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [0, 0, 2, 2]])).round(3)
        array([[0.333, 1.   ]])
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = _areas(first)[:, None] + _areas(second)[None, :] - shared
    found: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def _areas(boxes: Array) -> Array:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def nms(
    boxes: Array,
    scores: Array,
    labels: NDArray[np.int64],
    *,
    threshold: float = 0.45,
    most: int = 0,
    most_each: int = 0,
) -> NDArray[np.intp]:
    """Positions of the boxes that stay, highest score first.

    A box goes if it overlaps a box of its class that stays, and has a higher score, by more than ``threshold``. Of
    equal scores the earlier box counts as the higher.

    Args:
        boxes: (k, 4) left, top, right, bottom.
        scores: (k,).
        labels: (k,) class codes.
        threshold: intersection over union, 0.45.
        most: boxes at most, over all classes; 0 for no limit.
        most_each: boxes of each class at most; 0 for no limit.

    References:
        Girshick et al. 2014, "Rich feature hierarchies for accurate object detection".

    Examples:
        >>> boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10]])
        >>> nms(boxes, np.array([0.9, 0.8, 0.7]), np.array([0, 0, 1]))
        array([0, 2])
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) == 0:
        return order
    ordered, classes = boxes[order], labels[order]
    kept: list[int] = []
    alive, of_class = np.ones(len(order), bool), dict[int, int]()
    for k in range(len(order)):
        if not alive[k]:
            continue
        kept.append(k)
        if most and len(kept) == most:
            break
        rest = k + 1 + np.flatnonzero(alive[k + 1 :] & (classes[k + 1 :] == classes[k]))
        label = int(classes[k])
        of_class[label] = of_class.get(label, 0) + 1
        if of_class[label] == most_each:
            alive[rest] = False
        elif len(rest):
            alive[rest[box_iou(ordered[k : k + 1], ordered[rest])[0] > threshold]] = False
    return np.asarray(order[kept])
