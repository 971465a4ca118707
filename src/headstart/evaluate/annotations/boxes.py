"""Metrics of boxes: average precision and recall as COCO defines them, with intervals over pictures.

The detections of a picture are matched once; a resample of the bootstrap only weights the pictures. The values equal
those of COCO's own API (`headstart.decode.average_precision`), which the pictures' boxes of all sizes go into.

Reference: Lin et al. 2014, "Microsoft COCO: Common Objects in Context".
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.annotations import Boxes
from headstart.decode.average_precision import ClassMatches, average_precision, match_boxes
from headstart.evaluate.evaluation import Evaluation, Metric
from headstart.evaluate.gain import Gain, gain_verdict
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.evaluate.intervals.wilson import wilson
from headstart.types import Task, group_codes

__all__ = ["BOX_METRICS", "box_gain", "evaluate_boxes", "frequent_boxes"]

Array = NDArray[np.float64]

BOX_METRICS = ("ap50", "map", "ap75", "ar")
"""Average precision at an overlap of 0.5, over 0.5 to 0.95, at 0.75; recall over 0.5 to 0.95, at most 100 boxes."""

RESAMPLES = 200
AT_75 = 5  # position of 0.75 among the thresholds
NO_WIDTH = 1e-9
TYPICAL = 30  # boxes of the baseline, at most


def evaluate_boxes(
    task: Task,
    truth: Sequence[Boxes],
    found: Sequence[Boxes],
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Every metric of boxes with its 95% interval: the percentile bootstrap over pictures, or over groups.

    Classes without an object count nowhere. Values over all classes are means over the classes. Where all resamples
    agree, as for a detector without mistakes, the interval is Wilson's for a share of the pictures with objects.

    Args:
        task: names the classes.
        truth: n labelled pictures.
        found: what was found in them, with scores, also boxes of low score.
        groups: (n,) of pictures that belong together; then groups are resampled.
        seed: of the resamples.
        resamples: 200.

    Examples:
        >>> true = [Boxes(np.array([[0, 0, 9, 9]]), np.array([0])) for _ in range(4)]
        >>> seen = [Boxes(np.array([[0, 0, 9, 8.0]]), np.array([0]), scores=np.array([0.9])) for _ in range(4)]
        >>> evaluation = evaluate_boxes(Task("box", ("cup",)), true, seen)
        >>> evaluation.metrics["ap50"].value, round(evaluation.metrics["map"].value, 3)
        (1.0, 0.8)
    """
    matches = match_boxes(truth, found, len(task.labels))
    table = _table(matches)
    exact = table(np.ones((1, len(truth))))[0]
    low, high = bootstrap(table, len(truth), groups=groups, resamples=resamples, seed=seed)
    count, per_class = len(BOX_METRICS), dict[str, dict[str, Metric | float]]()
    units = [own for own in _units(matches, groups) for _ in BOX_METRICS]
    every = [_metric(float(value), *two) for value, *two in zip(exact, low, high, units, strict=True)]
    for k, label in enumerate(task.labels):
        own = dict(zip(BOX_METRICS, every[count * (k + 1) : count * (k + 2)], strict=True))
        per_class[label] = {name: own[name] for name in ("ap50", "map", "ar")}
        per_class[label]["support"] = float(matches[k].objects.sum())
    metrics = dict(zip(BOX_METRICS, every[:count], strict=True))
    return Evaluation(task.kind, len(truth), metrics, per_class, None, task.labels)


def _table(matches: Sequence[ClassMatches]) -> Callable[[Array], Array]:
    """From weights (resamples, n) to the metrics of all classes together, then of each class."""

    def table(weights: Array) -> Array:
        rows = []
        for each in np.atleast_2d(weights):
            own = np.array([_of_class(one, each) for one in matches])  # (C, metrics)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # no class has an object in this resample
                rows.append(np.concatenate([np.nanmean(own, axis=0), own.ravel()]))
        return np.array(rows)

    return table


def _units(matches: Sequence[ClassMatches], groups: ArrayLike | None) -> list[int]:
    """How many pictures, or groups of them, hold an object: of any class, then of each."""
    codes, there = group_codes(groups, len(matches[0].objects)), [one.objects > 0 for one in matches]
    return [len(np.unique(codes[one])) for one in (np.any(there, axis=0), *there)]


def _metric(value: float, low: float, high: float, units: int) -> Metric:
    """With an interval that holds the value, and has a width; none for a single picture."""
    below, above = float(np.minimum(low, value)), float(np.maximum(high, value))
    if above - below <= NO_WIDTH and units > 1:
        below, above = wilson(min(max(value, 0.0), 1.0) * units, units)
        below, above = min(below, value), max(above, value)
    return Metric(value, below, above)


def _of_class(matches: ClassMatches, weights: Array) -> list[float]:
    precision, recall = average_precision(matches, weights)
    return [float(precision[0]), float(precision.mean()), float(precision[AT_75]), float(recall.mean())]


def box_gain(
    task: Task,
    truth: Sequence[Boxes],
    found: Sequence[Boxes],
    reference: Sequence[Boxes],
    *,
    name: str,
    groups: ArrayLike | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> Gain:
    """Average precision at an overlap of 0.5 minus that of a reference, with the interval of the paired bootstrap.

    Args:
        task: names the classes.
        truth: n labelled pictures.
        found: by the model.
        reference: by what it is compared with.
        name: of the reference.
        groups: (n,) of pictures that belong together.
        seed: of the resamples.
        level: of the interval, 0.95.

    Examples:
        >>> true = [Boxes(np.array([[0, 0, 9, 9]]), np.array([0])) for _ in range(8)]
        >>> seen = [Boxes(np.array([[0, 0, 9, 8.0]]), np.array([0]), scores=np.array([0.9])) for _ in range(8)]
        >>> box_gain(Task("box", ("cup",)), true, seen, [Boxes.empty()] * 8, name="nothing").value
        1.0
    """
    sides = [match_boxes(truth, one, len(task.labels), thresholds=[0.5]) for one in (found, reference)]

    def difference(weights: Array) -> Array:
        return np.array([_mean_ap50(sides[0], each) - _mean_ap50(sides[1], each) for each in np.atleast_2d(weights)])

    value = float(difference(np.ones(len(truth)))[0])
    low, high = bootstrap(difference, len(truth), groups=groups, resamples=RESAMPLES, seed=seed, level=level)
    below, above = float(np.minimum(low, value)), float(np.maximum(high, value))
    if above - below <= NO_WIDTH:
        units = _units(sides[0], groups)[0]
        below, above = _combined([_mean_ap50(side, np.ones(len(truth))) for side in sides], units, level)
    verdict = gain_verdict(value, below, above, compared=("ap50", name), n=len(truth), level=level)
    return Gain(value, below, above, "ap50", name, verdict)


def _combined(values: Sequence[float], units: int, level: float) -> tuple[float, float]:
    """Bounds of a difference from Wilson's intervals of both sides, as if pictures were hit or missed as a whole.

    For differences that are the same in all resamples. Zou & Donner, Statistics in Medicine 2008.
    """
    (ours, theirs), held = values, [wilson(min(max(one, 0.0), 1.0) * units, units, level) for one in values]
    (low, high), (under, over) = held
    difference = ours - theirs
    return difference - math.hypot(ours - low, over - theirs), difference + math.hypot(high - ours, theirs - under)


def _mean_ap50(matches: Sequence[ClassMatches], weights: Array) -> float:
    values = np.array([average_precision(one, weights)[0][0] for one in matches])
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def frequent_boxes(truth: Sequence[Boxes], classes: int) -> Callable[[tuple[int, int]], Boxes]:
    """The baseline of mean boxes: in each picture the boxes that are most frequent in the training pictures.

    Boxes as shares of their picture are grouped by place and size; a group's mean box has the share of the pictures
    with such a box as its score.

    Args:
        truth: the training pictures; ``size`` of each is known.
        classes: number of classes.

    Returns:
        A function of the (width, height) of a picture.

    Examples:
        >>> found = frequent_boxes([Boxes(np.array([[0, 0, 5, 5]]), np.array([0]), (10, 10))], 1)((20, 40))
        >>> found.xyxy, found.scores
        (array([[ 0.,  0., 10., 20.]]), array([1.]))
    """
    places, labels, scores = [np.empty((0, 4))], [np.empty(0, np.int64)], [np.empty(0)]
    for label in range(classes):
        own = [
            np.clip(one.xyxy[(one.labels == label) & ~one.ignored] / np.tile(np.maximum(one.size, 1), 2), 0, 1)
            for one in truth
        ]
        boxes = np.concatenate(own) if own else np.empty((0, 4))
        if not len(boxes):
            continue
        middle, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
        keys = np.concatenate([np.floor(middle * 4), np.round(np.log2(sides))], axis=1)
        _, group, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        sums = np.zeros((len(count), 4))
        np.add.at(sums, group.ravel(), boxes)
        best = np.argsort(-count, kind="stable")[:TYPICAL]
        places.append((sums / count[:, None])[best])
        labels.append(np.full(len(best), label))
        scores.append(np.minimum(count[best] / len(truth), 1.0))
    every = np.concatenate(places), np.concatenate(labels), np.concatenate(scores)
    order = np.argsort(-every[2], kind="stable")

    def found(size: tuple[int, int]) -> Boxes:
        scale = np.array([size[0], size[1]] * 2, np.float64)
        return Boxes(every[0][order] * scale, every[1][order], size, every[2][order])

    return found
