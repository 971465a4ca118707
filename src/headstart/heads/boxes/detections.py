"""From what a dense head says of each cell to the boxes of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.decode.nms import nms

__all__ = ["LEAST_SCORE", "MOST_BOXES", "as_boxes"]

LEAST_SCORE = 0.005  # cells with less are left out
MOST_CELLS = 1000  # of a picture, before overlapping boxes are left out
MOST_BOXES = 100  # of a picture, after that


def as_boxes(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    size: tuple[int, int],
    *,
    overlap: float = 0.45,
    least: float = LEAST_SCORE,
) -> Boxes:
    """The boxes of one picture, highest score first, in its pixels, cut at its edges.

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
    kept = nms(places, values, labels, threshold=overlap, most=MOST_BOXES)
    return Boxes(places[kept], labels[kept], size, values[kept])
