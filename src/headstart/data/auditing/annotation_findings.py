"""What an audit finds in spans, boxes and masks, and what they look like to the checks of classes."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED, Boxes, Mask
from headstart.data.auditing.findings import EXAMPLES, Finding, name_ids
from headstart.data.auditing.sketches import digest
from headstart.errors import ItemError
from headstart.reporting.wording import plural
from headstart.types import ANNOTATION_KINDS, Dataset, Task

__all__ = ["AnnotationCounts", "check_annotations", "count_annotations", "is_annotated", "plain_view", "with_keys"]

SAME = 0.95  # intersection over union of two boxes that are one


@dataclass(frozen=True)
class AnnotationCounts:
    """What a dataset's annotations hold, class by class.

    Attributes:
        labels: the types or classes, without the background.
        counts: (n, k) number of spans or boxes of each class in each item; of pixels for masks.
        objects: (n,) number of numbered objects of masks, -1 where they are not numbered; empty for other kinds.
        ignored: (n,) number of ignored boxes or pixels.
        keys: n digests of the annotations.
        unreadable: by row, why a mask cannot be read.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    objects: NDArray[np.int64]
    ignored: NDArray[np.int64]
    keys: tuple[str, ...]
    unreadable: Mapping[int, str] = field(default_factory=dict)


def is_annotated(dataset: Dataset) -> bool:
    """Whether the labels of a dataset are spans, boxes or masks.

    Examples:
        >>> is_annotated(Dataset(["a"], ("0",), "text"))
        False
    """
    return dataset.task is not None and dataset.y is not None and dataset.task.kind in ANNOTATION_KINDS


def count_annotations(dataset: Dataset) -> AnnotationCounts:
    """Count annotations by class; masks in files are read once, in up to eight threads.

    Args:
        dataset: n items with spans, boxes or masks.

    Examples:
        >>> y = np.array([Boxes(np.array([[0, 0, 2, 2]]), np.array([1]))], object)
        >>> count_annotations(Dataset(["a.jpg"], ("a",), "image", Task("box", ("cat", "dog")), y)).counts
        array([[0, 1]])
    """
    task, y = dataset.labelled()
    labels = task.labels[1:] if task.kind == "mask" else task.labels
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1) if task.kind == "mask" else 1) as pool:
        found = list(pool.map(lambda own: _count_one(own, task, len(labels)), y))
    return AnnotationCounts(
        labels,
        np.array([one[0] for one in found], dtype=np.int64).reshape(len(found), len(labels)),
        np.array([one[1] for one in found], dtype=np.int64) if task.kind == "mask" else np.empty(0, np.int64),
        np.array([one[2] for one in found], dtype=np.int64),
        tuple(one[3] for one in found),
        {row: one[4] for row, one in enumerate(found) if one[4]},
    )


Counted = tuple[list[int], int, int, str, str]


def _count_one(own: Any, task: Task, size: int) -> Counted:
    if isinstance(own, Boxes):
        counts = np.bincount(own.labels[~own.ignored], minlength=size)
        key = digest(own.xyxy.tobytes() + own.labels.tobytes())
        return counts.tolist(), 0, int(own.ignored.sum()), key, ""
    if isinstance(own, tuple):
        code = {label: k for k, label in enumerate(task.labels)}
        tally = Counter(code[span.label] for span in own)
        return [tally[k] for k in range(size)], 0, 0, repr([(one.start, one.end, one.label) for one in own]), ""
    return _count_mask(own, size)


def _count_mask(own: Mask, size: int) -> Counted:
    try:
        classes, objects = own.classes(), own.instances()
    except ItemError as error:
        return [0] * size, -1, 0, "", str(error)
    counts = np.bincount(classes[classes > 0].ravel(), minlength=size + 1)[1 : size + 1]
    numbered = -1 if objects is None else int((np.unique(objects) > 0).sum())
    return counts.tolist(), numbered, int((classes == IGNORED).sum()), digest(classes.tobytes()), ""


def plain_view(dataset: Dataset, counted: AnnotationCounts) -> Dataset:
    """The dataset as the checks of classes see it: an item has each class that it holds an annotation of.

    Sentences become texts.

    Args:
        dataset: n items with spans, boxes or masks.
        counted: as `count_annotations` gave it.

    Examples:
        >>> y = np.array([Boxes(np.array([[0, 0, 2, 2]]), np.array([1]))], object)
        >>> data = Dataset(["a.jpg"], ("a",), "image", Task("box", ("cat", "dog")), y)
        >>> plain_view(data, count_annotations(data)).y
        array([[0., 1.]])
    """
    items = [item.text for item in dataset.items] if dataset.modality == "text" else dataset.items
    return replace(
        dataset, items=items, task=Task("multilabel", counted.labels), y=(counted.counts > 0).astype(np.float64)
    )


def with_keys(dataset: Dataset, counted: AnnotationCounts) -> Dataset:
    """The dataset with a code of all annotations of an item as its label, to compare items of the same content.

    Args:
        dataset: n items.
        counted: as `count_annotations` gave it.

    Examples:
        >>> y = np.frompyfunc(lambda row: (), 1, 1)(np.arange(2))
        >>> data = Dataset(["a", "a"], ("0", "1"), "text", Task("token", ("PER",)), y)
        >>> with_keys(data, count_annotations(data)).y
        array([0, 0])
    """
    codes: dict[str, int] = {}
    return replace(dataset, y=np.array([codes.setdefault(key, len(codes)) for key in counted.keys], dtype=np.int64))


def check_annotations(dataset: Dataset, counted: AnnotationCounts, keep: NDArray[np.bool_]) -> Iterator[Finding]:
    """Surfaces with two types, objects that are drawn twice, items without annotations.

    Args:
        dataset: n items with spans, boxes or masks.
        counted: as `count_annotations` gave it.
        keep: (n,) whether an item can be used.

    Examples:
        >>> from headstart.data import read
        >>> data = read(([["Jordan", "met", "Jordan"]], [["B-PER", "O", "B-LOC"]]), task="token")
        >>> [found.message for found in check_annotations(data, count_annotations(data), np.ones(1, bool))]
        ["1 surface has several types: 'Jordan' (LOC 1, PER 1); if one of them is wrong, correct it."]
    """
    task, _ = dataset.labelled()
    rows = np.flatnonzero(keep)
    if task.kind == "token":
        yield from _surfaces(dataset, rows)
    elif task.kind == "box":
        yield from _doubled(dataset, rows)
    nothing = [int(row) for row in rows if not counted.counts[row].any() and not counted.ignored[row]]
    if nothing and task.kind != "token":
        which = plural(len(nothing), "picture holds no object", "pictures hold no object")
        message = f"{which}; they count as pictures in which there is nothing to find."
        yield Finding("no_annotations", "info", len(nothing), message, name_ids(dataset, nothing))
    if len(rows) and len(nothing) == len(rows):
        yield Finding("nothing_left", "error", 0, "No usable item has an annotation; there is nothing to learn.")


def _surfaces(dataset: Dataset, rows: NDArray[np.intp]) -> Iterator[Finding]:
    types: dict[str, Counter[str]] = defaultdict(Counter)
    _, y = dataset.labelled()
    for row in rows.tolist():
        for span in y[row]:
            types[dataset.items[row].surface(span)][span.label] += 1
    several = {surface: found for surface, found in types.items() if len(found) > 1}
    if several:
        ordered = sorted(several, key=lambda surface: (-several[surface].total(), surface))
        shown = "; ".join(f"'{surface}' ({_tally(several[surface])})" for surface in ordered[:EXAMPLES])
        more = ", ..." if len(ordered) > EXAMPLES else ""
        which = plural(len(several), "surface has several types", "surfaces have several types")
        message = f"{which}: {shown}{more}; if one of them is wrong, correct it."
        yield Finding("surface_with_types", "info", len(several), message, tuple(ordered[:EXAMPLES]))


def _tally(found: Counter[str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _doubled(dataset: Dataset, rows: NDArray[np.intp]) -> Iterator[Finding]:
    """Pictures with boxes that lie on each other: of one class, or of two."""
    task, y = dataset.labelled()
    same, other = list[tuple[int, int]](), list[tuple[int, int]]()
    for row in rows.tolist():
        for a, b in _pairs(y[row]):
            (same if y[row].labels[a] == y[row].labels[b] else other).append((row, a))
    if same:
        which = plural(len(same), "box lies", "boxes lie")
        message = f"{which} on another of the same class; an object that is drawn twice can be found only once."
        yield Finding("doubled_box", "warning", len(same), message, _places(dataset, same, y, task.labels))
    if other:
        which = plural(len(other), "box lies", "boxes lie")
        message = f"{which} on another of a different class; correct the wrong one."
        yield Finding("conflicting_boxes", "warning", len(other), message, _places(dataset, other, y, task.labels))


def _places(
    dataset: Dataset, found: Sequence[tuple[int, int]], y: NDArray[Any], labels: Sequence[str]
) -> tuple[str, ...]:
    shown = []
    for row, box in found[:EXAMPLES]:
        x0, y0, x1, y1 = y[row].xyxy[box].round(1).tolist()
        shown.append(f"{dataset.ids[row]} ({labels[y[row].labels[box]]} at {x0:g}, {y0:g}, {x1:g}, {y1:g})")
    return tuple(shown)


def _pairs(boxes: Boxes) -> list[tuple[int, int]]:
    """Pairs of boxes with an intersection over union of 0.95 or more, among neighbours by their left side."""
    if len(boxes) < 2:
        return []
    xyxy, areas = boxes.xyxy, boxes.areas
    order = np.argsort(xyxy[:, 0], kind="stable")
    found = []
    for step in range(1, min(len(boxes), 20)):
        a, b = order[:-step], order[step:]
        low, high = np.maximum(xyxy[a, :2], xyxy[b, :2]), np.minimum(xyxy[a, 2:], xyxy[b, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        union = areas[a] + areas[b] - shared
        close = shared >= SAME * np.maximum(union, 1e-12)
        found += list(zip(a[close].tolist(), b[close].tolist(), strict=True))
    return found
