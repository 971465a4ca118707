"""Pictures with their boxes for the report, as plain JSON values."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.annotations import Boxes
from headstart.decode.average_precision import match_boxes
from headstart.decode.nms import box_iou
from headstart.errors import ItemError
from headstart.sources.preprocessing.decode import open_picture
from headstart.types import Dataset

__all__ = ["box_examples"]

SIDE = 480  # pixels of the longer side of a thumbnail
QUALITY = 78
MOST = 200  # boxes of a picture that are drawn


def box_examples(truth: Dataset, found: Sequence[Boxes], count: int) -> list[dict[str, Any]]:
    """Pictures with hits, misses and false alarms, most mistakes first.

    Args:
        truth: labelled pictures.
        found: their boxes; those that are shown count.
        count: pictures at most.

    Returns:
        For each picture its ``name``, ``size``, ``picture`` (a JPEG file in base64), ``boxes`` (each with ``kind``:
        ``"hit"``, ``"missed"`` or ``"false alarm"``, ``label``, ``score`` and corners as shares of the picture), and
        the number of each kind.

    Examples:
        >>> from headstart.types import Task
        >>> y = np.empty(1, object)
        >>> y[0] = Boxes(np.array([[0, 0, 8, 8]]), np.array([0]), (16, 16))
        >>> data = Dataset([np.zeros((16, 16, 3), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> [shown] = box_examples(data, [Boxes.empty((16, 16))], 5)
        >>> shown["missed"], shown["boxes"][0]["box"]
        (1, [0.0, 0.0, 0.5, 0.5])
    """
    task, y = truth.labelled()
    sorted_out = [_sorted_out(true, seen.visible(), task.labels) for true, seen in zip(y, found, strict=True)]
    wrong = [sum(box["kind"] != "hit" for box in boxes) for boxes in sorted_out]
    order = np.argsort(-np.array(wrong), kind="stable")[:count].tolist()
    return [_example(truth, int(k), y[k], sorted_out[k]) for k in order]


def _example(truth: Dataset, position: int, true: Boxes, boxes: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = [box["kind"] for box in boxes]
    try:
        opened = open_picture(truth.items[position], (SIDE, SIDE))
    except ItemError as error:
        return {"name": truth.ids[position], "missing": str(error), "boxes": [], "size": list(true.size)}
    image = opened.image.convert("RGB")
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    scale = np.array([*opened.size, *opened.size], np.float64)
    for box in boxes:
        box["box"] = np.round(np.clip(np.array(box["box"]) / scale, 0, 1), 4).tolist()
    return {
        "name": truth.ids[position],
        "size": [int(side) for side in opened.size],
        "picture": base64.b64encode(file.getvalue()).decode(),
        "boxes": boxes[:MOST],
        "hits": kinds.count("hit"),
        "missed": kinds.count("missed"),
        "false_alarms": kinds.count("false alarm"),
    }


def _sorted_out(true: Boxes, seen: Boxes, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The boxes of a picture as misses, false alarms and hits, in pixels."""
    boxes = []
    for label, name in enumerate(labels):
        own = true.take((true.labels == label) & ~true.ignored)
        given = seen.take(seen.labels == label)
        order = np.argsort(-(np.ones(len(given)) if given.scores is None else given.scores), kind="stable")
        given = given.take(order)
        matches = match_boxes([true], [given], len(labels), thresholds=[0.5])[label]
        for k in np.flatnonzero(~matches.ignored[0]).tolist():
            kind = "hit" if matches.hits[0, k] else "false alarm"
            boxes.append(_box(kind, name, given.xyxy[k], float(matches.scores[k])))
        boxes += [_box("missed", name, own.xyxy[k], None) for k in _missed(own, given, matches.hits[0])]
    rank = {"missed": 0, "false alarm": 1, "hit": 2}
    return sorted(boxes, key=lambda box: rank[box["kind"]])


def _missed(true: Boxes, given: Boxes, hits: Any) -> list[int]:
    """Objects that no hit takes, in the order in which `match_boxes` gives them away."""
    free = np.ones(len(true), bool)
    for k in np.flatnonzero(hits).tolist():
        overlaps = np.where(free, box_iou(given.xyxy[k : k + 1], true.xyxy)[0], -1.0)
        free[len(true) - 1 - int(np.argmax(overlaps[::-1]))] = False
    return np.flatnonzero(free).tolist()


def _box(kind: str, label: str, corners: Any, score: float | None) -> dict[str, Any]:
    return {
        "kind": kind, "label": label, "score": None if score is None else round(score, 4),
        "box": np.asarray(corners, np.float64).tolist(),
    }  # fmt: skip
