"""Average precision of detections as COCO defines it: matches once for each picture, then any weighting of pictures.

Since the matches of a picture do not depend on other pictures, a bootstrap over pictures only weights them.

Reference: Lin et al. 2014, "Microsoft COCO: Common Objects in Context"; the evaluation of its API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes

__all__ = ["IOU_THRESHOLDS", "MOST_DETECTIONS", "ClassMatches", "average_precision", "match_boxes"]

Array = NDArray[np.float64]

IOU_THRESHOLDS = tuple(0.5 + 0.05 * k for k in range(10))
"""The overlaps from which a detection is a hit: 0.5, 0.55, ... 0.95."""

MOST_DETECTIONS = 100
"""Detections of one class in one picture that count, those with the highest scores."""

RECALLS = np.linspace(0, 1, 101)
MOST_IOU = 1 - 1e-10


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """The detections of one class in all pictures, highest score first, and what each of them hit.

    Attributes:
        pictures: (k,) number of each detection's picture.
        scores: (k,).
        hits: (thresholds, k) whether it hit an object.
        ignored: (thresholds, k) whether it counts neither as a hit nor as a false alarm.
        objects: (pictures,) number of objects that are to be found.
    """

    pictures: NDArray[np.intp]
    scores: Array
    hits: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: NDArray[np.int64]


def match_boxes(
    truth: Sequence[Boxes],
    found: Sequence[Boxes],
    classes: int,
    *,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
    most: int = MOST_DETECTIONS,
) -> list[ClassMatches]:
    """Match the detections of each picture with its objects, for each class.

    Highest score first, a detection takes the free object of its class with the largest overlap, from the threshold on.
    What overlaps an ignored region instead counts neither way. Regions are matched as COCO's crowds: by the share of
    the detection that lies in the region, and any number of detections may. Pascal VOC's own tool matches ``difficult``
    objects by intersection over union instead, so its figures may be slightly lower where there are many.

    Args:
        truth: the n labelled pictures.
        found: the n detected ones, with scores.
        classes: number of classes.
        thresholds: intersections over union from which a detection is a hit.
        most: detections of a class in a picture that count, 100.

    Returns:
        One entry for each class.

    Examples:
        >>> true = Boxes(np.array([[0, 0, 10, 10]]), np.array([0]))
        >>> seen = Boxes(np.array([[0, 0, 10, 9], [20, 20, 30, 30]]), np.array([0, 0]), scores=np.array([0.6, 0.9]))
        >>> [matches] = match_boxes([true], [seen], 1, thresholds=[0.5])
        >>> matches.scores, matches.hits
        (array([0.9, 0.6]), array([[False,  True]]))
    """
    levels = np.minimum(np.asarray(thresholds, np.float64), MOST_IOU)
    return [_match_class(truth, found, label, levels, most) for label in range(classes)]


def _match_class(truth: Sequence[Boxes], found: Sequence[Boxes], label: int, levels: Array, most: int) -> ClassMatches:
    pictures, scores = [np.empty(0, np.intp)], [np.empty(0)]
    hits, ignored = ([np.empty((len(levels), 0), bool)] for _ in range(2))
    objects = np.zeros(len(truth), np.int64)
    for number, (true, seen) in enumerate(zip(truth, found, strict=True)):
        wanted = true.take(true.labels == label)
        wanted = wanted.take(np.argsort(wanted.ignored, kind="stable"))  # ignored regions last
        objects[number] = int((~wanted.ignored).sum())
        own = np.flatnonzero(seen.labels == label)
        given = np.ones(len(own)) if seen.scores is None else seen.scores[own]
        order = np.argsort(-given, kind="stable")[:most]
        hit, aside = _match_picture(wanted, seen.xyxy[own[order]], levels)
        pictures.append(np.full(len(order), number))
        scores.append(given[order])
        hits.append(hit)
        ignored.append(aside)
    every = np.concatenate(scores)
    order = np.argsort(-every, kind="stable")
    return ClassMatches(
        np.concatenate(pictures)[order].astype(np.intp),
        every[order],
        np.concatenate(hits, axis=1)[:, order],
        np.concatenate(ignored, axis=1)[:, order],
        objects,
    )


def _match_picture(true: Boxes, boxes: Array, levels: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(thresholds, k) hits and ignored detections of one class in one picture, highest score first."""
    hits, aside = np.zeros((2, len(levels), len(boxes)), bool)
    if not len(true) or not len(boxes):
        return hits, aside
    overlaps = _overlaps(boxes, true)
    crowd = true.ignored
    taken = np.zeros((len(levels), len(true)), bool)
    rows = np.arange(len(levels))
    for k in range(len(boxes)):
        free = ~taken & ~crowd & (overlaps[k] >= levels[:, None])  # (thresholds, objects)
        regions = crowd & (overlaps[k] >= levels[:, None])
        for mask, into in ((free, hits), (regions & ~free.any(axis=1, keepdims=True), aside)):
            # of equal overlaps the last object counts, as in COCO's API
            last = len(true) - 1 - np.argmax(np.where(mask, overlaps[k], -1.0)[:, ::-1], axis=1)
            into[:, k] = mask.any(axis=1)
            if into is hits:
                chosen = into[:, k]
                taken[rows[chosen], last[chosen]] = True
    return hits, aside


def _overlaps(boxes: Array, true: Boxes) -> Array:
    """(k, objects) intersection over union; with an ignored region, intersection over the detection's own area."""
    low = np.maximum(boxes[:, None, :2], true.xyxy[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], true.xyxy[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    own = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)[:, None]
    union = np.where(true.ignored, own, own + true.areas - shared)
    found: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def average_precision(matches: ClassMatches, weights: Array | None = None) -> tuple[Array, Array]:
    """Average precision and recall of a class at each threshold; nan where it has no objects.

    The precision at each of 101 recalls is the largest that is reached there or beyond.

    Args:
        matches: of the class, from `match_boxes`.
        weights: (pictures,) how often each picture counts; by default once.

    Returns:
        (thresholds,) average precision, (thresholds,) recall.

    Examples:
        >>> true = Boxes(np.array([[0, 0, 10, 10]]), np.array([0]))
        >>> seen = Boxes(np.array([[0, 0, 10, 9], [20, 20, 30, 30]]), np.array([0, 0]), scores=np.array([0.6, 0.9]))
        >>> [matches] = match_boxes([true], [seen], 1, thresholds=[0.5, 0.95])
        >>> average_precision(matches)
        (array([0.5, 0. ]), array([1., 0.]))
    """
    counts = np.ones(len(matches.objects)) if weights is None else weights
    wanted = float(counts @ matches.objects)
    levels = len(matches.hits)
    if wanted <= 0:
        return np.full(levels, np.nan), np.full(levels, np.nan)
    if not len(matches.scores):
        return np.zeros(levels), np.zeros(levels)
    each = counts[matches.pictures]
    right = np.cumsum(each * matches.hits, axis=1)
    wrong = np.cumsum(each * (~matches.hits & ~matches.ignored), axis=1)
    recall = right / wanted
    precision = right / (right + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    values = np.zeros(levels)
    for k in range(levels):
        at = np.searchsorted(recall[k], RECALLS, side="left")
        values[k] = precision[k, at[at < len(each)]].sum() / len(RECALLS)
    return values, recall[:, -1]
