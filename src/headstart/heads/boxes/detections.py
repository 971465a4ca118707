"""From what a dense head says of each cell to the boxes of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.decode.nms import nms
from headstart.reporting.wording import plural

__all__ = ["LEAST_SCORE", "MOST_BOXES", "MOST_OF_A_CLASS", "as_boxes", "limit_note"]

LEAST_SCORE = 0.005  # cells with less are left out
MOST_CELLS = 3000  # of a picture, before overlapping boxes are left out

MOST_OF_A_CLASS = 100
"""Boxes of a class in a picture, or in a tile of one, after that: as many as COCO counts."""

MOST_BOXES = 1000
"""Boxes of all classes in a picture; of all tiles together where a picture is cut."""


def as_boxes(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    size: tuple[int, int],
    *,
    overlap: float = 0.45,
    least: float = LEAST_SCORE,
) -> Boxes:
    """The boxes of one picture, highest score first, in its pixels, cut at its edges: 100 of a class, 1,000 in all.

    Args:
        boxes: (P, 4) left, top, right and bottom as shares of the picture.
        scores: (P, C) of each class.
        size: (width, height) of the picture.
        overlap: intersection over union beyond which the lower of two boxes of a class goes.
        least: the least score.

    Examples:
        >>> boxes = np.array([[0.0, 0, 0.5, 0.5], [0, 0, 0.5, 0.49], [0.5, 0.5, 1.2, 1]])
        >>> found = as_boxes(boxes, np.array([[0.9], [0.8], [0.3]]), (100, 200))
        >>> found.xyxy, found.scores
        (array([[  0.,   0.,  50., 100.],
               [ 50., 100., 100., 200.]]), array([0.9, 0.3]))
    """
    cells, labels = np.nonzero(scores > least)
    values = scores[cells, labels]
    if len(values) > MOST_CELLS:
        best = np.sort(np.argpartition(-values, MOST_CELLS)[:MOST_CELLS])
        cells, labels, values = cells[best], labels[best], values[best]
    scale = np.array([size[0], size[1], size[0], size[1]], np.float64)
    places = boxes[cells].clip(0, 1) * scale
    whole = (places[:, 2:] > places[:, :2]).all(axis=1)
    places, labels, values = places[whole], labels[whole].astype(np.int64), values[whole].astype(np.float64)
    kept = nms(places, values, labels, threshold=overlap, most=MOST_BOXES, most_each=MOST_OF_A_CLASS)
    return Boxes(places[kept], labels[kept], size, values[kept])


def limit_note(found: Iterable[Any]) -> str:
    """A sentence where pictures show as many boxes as a head gives at most, so that more may have been left out.

    Args:
        found: annotations of pictures; those that are no boxes are passed over.

    Examples:
        >>> corners = np.tile([0.0, 0.0, 9.0, 9.0], (100, 1))
        >>> limit_note([Boxes(corners, np.zeros(100, int), scores=np.ones(100)), Boxes.empty()])
        '1 picture shows 100 boxes of a class, the most that are given; objects beyond them may be missing.'
    """
    shown = [one.visible() for one in found if isinstance(one, Boxes) and len(one) >= MOST_OF_A_CLASS]
    full = sum(np.bincount(one.labels, minlength=1).max() == MOST_OF_A_CLASS for one in shown)
    all_in = sum(len(one) == MOST_BOXES for one in shown)
    if not full and not all_in:
        return ""
    count, what = (full, f"{MOST_OF_A_CLASS} boxes of a class") if full else (all_in, f"{MOST_BOXES:,} boxes")
    which = plural(int(count), "picture shows", "pictures show")
    return f"{which} {what}, the most that are given; objects beyond them may be missing."
