"""Metrics of masks, with intervals over pictures or groups.

Pixels are counted in one confusion matrix over all pictures; ignored pixels count nowhere. ``miou`` is the mean over
all classes, the background among them, and ``dice`` the mean over all classes but the background; a class that is
neither labelled nor found counts nowhere. ``boundary_f1`` is the mean over pictures and classes of the F1 of their
outlines, where a pair without either is left out (Csurka et al. 2013). Objects are hits above an intersection over
union t: ``instance_f1`` is 2TP / (2TP + FP + FN) at t = 0.5 of all pictures together, and ``instance_map`` the mean
over pictures of the mean over t = 0.5, 0.55, ..., 0.95 of TP / (TP + FP + FN), as in the Data Science Bowl 2018. A
picture without labelled and found objects counts 1 there, and nowhere in the F1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.annotations import IGNORED, Mask
from headstart.decode.object_matches import matches_by_class
from headstart.decode.pixel_counts import dice_of, iou_of, mean_iou, pixel_confusion
from headstart.errors import DataError
from headstart.evaluate.evaluation import Evaluation, Metric
from headstart.evaluate.gain import Gain, bounded_gain
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.types import Task

__all__ = ["THRESHOLDS", "TOLERANCE", "boundary_f1", "evaluate_masks", "mask_gain", "picture_scores"]

Array = NDArray[np.float64]

THRESHOLDS = tuple(np.arange(0.5, 1.0, 0.05).round(2).tolist())
"""Intersections over union above which an object counts as found."""

TOLERANCE = 2
"""Pixels by which an outline may be off in ``boundary_f1``."""


@dataclass(frozen=True, eq=False)
class _Counts:
    """What pictures add to the metrics, each of the first axis a picture."""

    confusion: Array  # (n, C, C)
    boundaries: Array  # (n, C - 1) F1 of the outlines, nan where there are none
    hits: Array  # (n, thresholds); empty without objects
    objects: Array  # (n,) labelled and found objects together

    @property
    def has_objects(self) -> bool:
        return bool(self.hits.shape[1] > 0)


def evaluate_masks(
    task: Task,
    truth: Sequence[Mask],
    found: Sequence[Mask],
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Evaluation:
    """Every metric of masks with its 95% interval: the percentile bootstrap over pictures, or over groups.

    Args:
        task: names the classes; the first is the background.
        truth: n labelled masks.
        found: n masks of the same sizes.
        groups: (n,) of pictures that belong together; then groups are resampled.
        seed: of the resamples.
        resamples: 1000.

    Raises:
        DataError: if there are no pictures, or a mask has another size than the labelled one.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> true = [MaskArray(np.array([[0, 1, 1, 1]], np.int16))] * 3
        >>> seen = [MaskArray(np.array([[0, 0, 1, 1]], np.int16))] * 3
        >>> evaluation = evaluate_masks(Task("mask", ("background", "cell")), true, seen)
        >>> {name: round(metric.value, 3) for name, metric in evaluation.metrics.items()}
        {'miou': 0.583, 'dice': 0.8, 'boundary_f1': 1.0}
    """
    counts = _counted(truth, found, len(task.labels))
    names, statistic = _statistic(counts, len(task.labels))
    exact = statistic(np.ones((1, len(truth))))[0]
    low, high = bootstrap(statistic, len(truth), groups=groups, resamples=resamples, seed=seed)
    every = dict(zip(names, map(_metric, exact, low, high), strict=True))
    support = counts.confusion.sum(axis=(0, 2))
    per_class: dict[str, dict[str, Metric | float]] = {
        label: {"iou": every[f"iou {k}"], "dice": every[f"dice {k}"], "support": float(support[k])}
        for k, label in enumerate(task.labels)
    }
    metrics = {name: metric for name, metric in every.items() if " " not in name}
    return Evaluation(task.kind, len(truth), metrics, per_class, None, task.labels)


def mask_gain(
    task: Task,
    truth: Sequence[Mask],
    found: Sequence[Mask],
    reference: Sequence[Mask],
    *,
    name: str,
    metric: str = "miou",
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> Gain:
    """A metric minus that of a reference on the same pictures, with the interval of the paired bootstrap.

    Args:
        task: names the classes.
        truth: n labelled masks.
        found: by the model.
        reference: by what it is compared with.
        name: of the reference.
        metric: of `evaluate_masks`.
        groups: (n,) of pictures that belong together.
        seed: of the resamples.
        resamples: 1000.
        level: of the interval, 0.95.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> true = [MaskArray(np.array([[0, 1, 1, 1]], np.int16))] * 8
        >>> empty = [MaskArray(np.zeros((1, 4), np.int16))] * 8
        >>> round(mask_gain(Task("mask", ("background", "cell")), true, true, empty, name="empty").value, 3)
        0.875
    """
    sides = [_statistic(_counted(truth, side, len(task.labels)), len(task.labels)) for side in (found, reference)]
    places = [names.index(metric) for names, _ in sides]

    def difference(weights: Array) -> Array:
        first, second = (statistic(weights)[:, k] for (_, statistic), k in zip(sides, places, strict=True))
        return np.asarray(first - second)

    value = float(difference(np.ones((1, len(truth))))[0])
    low, high = bootstrap(difference, len(truth), groups=groups, resamples=resamples, seed=seed, level=level)
    return bounded_gain(value, float(low), float(high), compared=(metric, name), n=len(truth), level=level)


def picture_scores(task: Task, truth: Sequence[Mask], found: Sequence[Mask]) -> Array:
    """(n,) a score of each picture, by which the worst are shown first: its F1 of objects, else its mean IoU.

    A picture without labelled and found objects has 1.

    Args:
        task: names the classes.
        truth: n labelled masks.
        found: n masks.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> true, seen = MaskArray(np.array([[0, 1]], np.int16)), MaskArray(np.array([[1, 1]], np.int16))
        >>> picture_scores(Task("mask", ("background", "cell")), [true, true], [true, seen])
        array([1.  , 0.25])
    """
    counts = _counted(truth, found, len(task.labels))
    if not counts.has_objects:
        return np.nan_to_num(mean_iou(counts.confusion), nan=1.0)
    there = counts.objects > 0
    return np.asarray(np.where(there, 2 * counts.hits[:, 0] / np.maximum(counts.objects, 1), 1.0))


def boundary_f1(
    truth: NDArray[np.bool_], found: NDArray[np.bool_], ignored: NDArray[np.bool_], tolerance: int = TOLERANCE
) -> float:
    """F1 of the outline of a region: a pixel of an outline is a hit if the other outline has one within ``tolerance``.

    Args:
        truth: (height, width) the labelled region.
        found: the found one.
        ignored: pixels whose outlines do not count.
        tolerance: in pixels, along rows and columns.

    Returns:
        The F1; nan if neither has an outline, 0 if one has none.

    Examples:
        >>> region = np.zeros((9, 9), bool)
        >>> region[2:6, 2:6] = True
        >>> boundary_f1(region, np.roll(region, 1, 0), np.zeros((9, 9), bool), 1)
        1.0
    """
    from scipy.ndimage import binary_dilation

    first, second = (_outline(region) & ~ignored for region in (truth, found))
    if not first.any() and not second.any():
        return float("nan")
    if not first.any() or not second.any():
        return 0.0
    square = np.ones((2 * tolerance + 1,) * 2, bool)
    precision = (second & binary_dilation(first, square)).sum() / second.sum()
    recall = (first & binary_dilation(second, square)).sum() / first.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _outline(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    return np.asarray(region & ~binary_erosion(region, border_value=1))


def _metric(value: float, low: float, high: float) -> Metric:
    below, above = float(np.minimum(low, value)), float(np.maximum(high, value))
    return Metric(float(value), below, above) if above - below > 1e-12 else Metric(float(value), np.nan, np.nan)


def _counted(truth: Sequence[Mask], found: Sequence[Mask], classes: int) -> _Counts:
    if not len(truth) or len(truth) != len(found):
        raise DataError(f"Masks are judged picture by picture. Got {len(truth)} labelled and {len(found)} found ones.")
    objects = all(mask.instances() is not None for side in (truth, found) for mask in side)
    each = [_of_picture(true, seen, classes, objects=objects) for true, seen in zip(truth, found, strict=True)]
    return _Counts(*(np.array(part, dtype=np.float64) for part in zip(*each, strict=True)))


def _of_picture(
    truth: Mask, found: Mask, classes: int, *, objects: bool
) -> tuple[NDArray[np.int64], list[float], list[int], int]:
    codes, seen = _codes(truth, found)
    ignored = codes == IGNORED
    outlines = [boundary_f1(codes == code, seen == code, ignored) for code in range(1, classes)]
    confusion = pixel_confusion(codes, seen, classes)
    if not objects:
        return confusion, outlines, [], 0
    hits, count = np.zeros(len(THRESHOLDS), int), 0
    numbers, others = np.asarray(truth.instances()), np.asarray(found.instances())
    for matches in matches_by_class((codes, numbers), (seen, others), classes, ignored):
        hits += [matches.hits(threshold) for threshold in THRESHOLDS]
        count += len(matches.truth) + len(matches.found)
    return confusion, outlines, hits.tolist(), count


def _codes(truth: Mask, found: Mask) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    codes, seen = np.asarray(truth.classes()), np.asarray(found.classes())
    if codes.shape != seen.shape:
        raise DataError(f"A labelled mask has {truth.size} pixels, and the found one {found.size}; give equal sizes.")
    return codes, seen


def _statistic(counts: _Counts, classes: int) -> tuple[list[str], Callable[[Array], Array]]:
    """The names of the metrics, and a function from weights (resamples, n) to their values (resamples, metrics)."""
    names = ["miou", "dice", "boundary_f1", *(["instance_f1", "instance_map"] if counts.has_objects else [])]
    names += [f"{name} {k}" for name in ("iou", "dice") for k in range(classes)]

    def statistic(weights: Array) -> Array:
        confusion = np.tensordot(weights, counts.confusion, axes=1)
        dice = dice_of(confusion)
        columns = [mean_iou(confusion), _mean(dice[:, 1:]), _boundary(weights, counts.boundaries)]
        if counts.has_objects:
            columns += _objects(weights, counts)
        return np.column_stack([*columns, iou_of(confusion), dice])

    return names, statistic


def _boundary(weights: Array, boundaries: Array) -> Array:
    there = ~np.isnan(boundaries)
    sums = weights @ np.where(there, boundaries, 0).sum(axis=1)
    return _ratio(sums, weights @ there.sum(axis=1))


def _objects(weights: Array, counts: _Counts) -> list[Array]:
    f1 = _ratio(2 * (weights @ counts.hits[:, 0]), weights @ counts.objects)
    union = counts.objects[:, None] - counts.hits  # TP + FP + FN
    precision = np.where(union > 0, counts.hits / np.maximum(union, 1), 1.0).mean(axis=1)
    return [f1, (weights @ precision) / weights.sum(axis=1)]


def _mean(values: Array) -> Array:
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0).sum(axis=1), there.sum(axis=1))


def _ratio(upper: Array, lower: NDArray[np.number]) -> Array:
    return np.asarray(np.divide(upper, lower, out=np.full(np.shape(lower), np.nan), where=np.asarray(lower) > 0))
