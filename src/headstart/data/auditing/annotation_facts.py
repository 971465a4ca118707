"""What the annotations of a dataset are like: how many of each class, how large, in which items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.annotation_findings import AnnotationCounts, count_annotations
from headstart.reporting.wording import plural
from headstart.types import Dataset

__all__ = ["annotation_facts", "describe_annotations"]

SMALL = 32  # pixels of a side below which COCO calls an object small
ROUNDING = 1e-4  # of an area whose sides were written as fractions


def annotation_facts(dataset: Dataset) -> dict[str, Any]:
    """Counts and sizes as plain JSON values.

    Args:
        dataset: n items with spans, boxes or masks.

    Returns:
        ``counts`` by class (spans, boxes; pixels for masks), ``items`` that hold each class, ``per_item`` and, for
        sentences, ``words`` and ``span_words``; for boxes, ``box_sides`` and ``small``; for masks, ``objects`` and
        ``shares`` of pixels; for pictures, ``sizes``. Quantities have their least, median and largest value.

    Examples:
        >>> from headstart.data import read
        >>> facts = annotation_facts(read(([["Ada", "met", "Bob"]], [["B-PER", "O", "B-PER"]]), task="token"))
        >>> facts["counts"], facts["words"]
        ({'PER': 2}, {'least': 3, 'median': 3, 'largest': 3})
    """
    counted = count_annotations(dataset)
    task, y = dataset.labelled()
    totals, held = counted.counts.sum(axis=0), (counted.counts > 0).sum(axis=0)
    facts: dict[str, Any] = {
        "counts": dict(zip(counted.labels, totals.tolist(), strict=True)),
        "items": dict(zip(counted.labels, held.tolist(), strict=True)),
        "without": int((counted.counts.sum(axis=1) == 0).sum()),
        "ignored": int(counted.ignored.sum()),
    }
    if task.kind == "token":
        return facts | _of_sentences(dataset, counted)
    if task.kind == "box":
        sides = [own.xyxy[:, 2:] - own.xyxy[:, :2] for own in y if len(own)]
        joined = np.concatenate(sides) if sides else np.empty((0, 2))
        small = int((joined.prod(axis=1) < SMALL**2 * (1 - ROUNDING)).sum())
        facts |= {"per_item": _range(counted.counts.sum(axis=1)), "box_sides": _range(joined.ravel()), "small": small}
    else:
        pixels = sum(own.size[0] * own.size[1] for own in y)
        shares = {
            label: round(int(count) / max(pixels, 1), 6) for label, count in zip(counted.labels, totals, strict=True)
        }
        numbered = counted.objects[counted.objects >= 0]
        facts |= {"shares": shares, "objects": int(numbered.sum()) if len(numbered) else None}
        facts |= {"per_item": _range(numbered)} if len(numbered) else {}
    return facts | {"sizes": _range(np.array([own.size for own in y]).ravel())}


def _of_sentences(dataset: Dataset, counted: AnnotationCounts) -> dict[str, Any]:
    _, y = dataset.labelled()
    return {
        "per_item": _range(counted.counts.sum(axis=1)),
        "words": _range([len(item) for item in dataset.items]),
        "span_words": _range([span.end - span.start for spans in y for span in spans]),
    }


def _range(values: Sequence[float] | NDArray[Any]) -> dict[str, float] | None:
    found = np.asarray(values, dtype=np.float64)
    if not found.size:
        return None
    ends = {"least": found.min(), "median": np.median(found), "largest": found.max()}
    return {name: int(value) if value == int(value) else round(float(value), 2) for name, value in ends.items()}


def describe_annotations(facts: dict[str, Any], kind: str) -> tuple[list[str], list[str]]:
    """`annotation_facts` as lines for the terminal: those of the classes, and the others.

    Args:
        facts: of a dataset.
        kind: of its task.

    Examples:
        >>> facts = {"counts": {"PER": 7}, "items": {"PER": 5}, "words": {"least": 3, "median": 4, "largest": 9}}
        >>> describe_annotations(facts, "token")
        (['PER: 7 spans in 5 sentences'], ['words of a sentence: 3 to 9, median 4'])
    """
    one, item = {"token": ("span", "sentence"), "box": ("box", "picture"), "mask": ("", "picture")}[kind]
    labels = [
        f"{name}: {_amount(facts, name, count, one)} in {plural(facts['items'][name], item)}"
        for name, count in facts["counts"].items()
    ]
    names = {
        "per_item": {"token": "spans of a sentence", "box": "boxes of a picture", "mask": "objects of a picture"}[kind],
        "words": "words of a sentence", "span_words": "words of a span", "box_sides": "sides of boxes in pixels",
        "sizes": "sides of pictures in pixels",
    }  # fmt: skip
    lines = [
        f"{name}: {found['least']} to {found['largest']}, median {found['median']}"
        for key, name in names.items()
        if (found := facts.get(key)) is not None
    ]
    if facts.get("small"):
        lines.append(f"boxes of less than {SMALL} x {SMALL} pixels: {facts['small']}")
    if facts.get("ignored"):
        lines.append(f"ignored {'pixels' if kind == 'mask' else 'boxes'}: {facts['ignored']}")
    if facts.get("without"):
        lines.append(f"{item}s without any: {facts['without']}")
    return labels, lines


def _amount(facts: dict[str, Any], name: str, count: int, one: str) -> str:
    if not one:
        return f"{facts['shares'][name]:.1%} of the pixels"
    return f"{count} boxes" if one == "box" and count != 1 else plural(count, one)
