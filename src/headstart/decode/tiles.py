"""Large pictures in overlapping tiles, and the boxes that were found in them as those of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.decode.nms import nms

__all__ = ["Tile", "merge_tiles", "tiles_of"]

Tile = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture."""

Array = NDArray[Any]
EDGE = 2.0  # pixels within which a box counts as cut by the edge of its tile


def tiles_of(size: tuple[int, int], side: int, overlap: float = 0.25) -> list[Tile]:
    """Tiles that cover a picture, row by row; a picture that fits into one tile is one.

    Neighbours overlap by at least ``overlap``, and all tiles of a picture have the same size.

    Args:
        size: (width, height) of the picture.
        side: largest width and height of a tile, in pixels.
        overlap: least share of a tile that its neighbour covers too, 0.25.

    Examples:
        >>> tiles_of((100, 50), 60)
        [(0, 0, 60, 50), (40, 0, 100, 50)]
    """
    columns, rows = (_starts(length, side, overlap) for length in size)
    width, height = (min(length, side) for length in size)
    return [(x, y, x + width, y + height) for y in rows for x in columns]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    count = 1 + math.ceil((length - side) / (side * (1 - overlap)) - 1e-9)
    starts: list[int] = np.linspace(0, length - side, count).round().astype(int).tolist()
    return starts


def merge_tiles(
    tiles: Sequence[Tile], found: Sequence[Boxes], size: tuple[int, int], *, overlap: float = 0.45, most: int = 0
) -> Boxes:
    """The boxes of a picture from those of its tiles, highest score first.

    A box that an inner edge of its tile cuts goes where a neighbour shows most of it whole; what is left is freed of
    overlapping boxes.

    Args:
        tiles: from `tiles_of`.
        found: the boxes of each tile with scores, in pixels of the tile.
        size: (width, height) of the picture.
        overlap: intersection over union beyond which the lower of two boxes of a class goes.
        most: boxes at most; 0 for no limit.

    Examples:
        >>> tiles = tiles_of((100, 50), 60)
        >>> left = Boxes(np.array([[45, 0, 60, 20]]), np.array([0]), (60, 50), np.array([0.9]))
        >>> right = Boxes(np.array([[5, 0, 30, 20]]), np.array([0]), (60, 50), np.array([0.8]))
        >>> merge_tiles(tiles, [left, right], (100, 50)).xyxy
        array([[45.,  0., 70., 20.]])
    """
    corners = [np.array([x, y, x, y], np.float64) for x, y, _, _ in tiles]
    moved = [boxes.xyxy + corner for boxes, corner in zip(found, corners, strict=True)]
    if not sum(len(boxes) for boxes in moved):
        return Boxes.empty(size)
    places = np.concatenate(moved)
    labels = np.concatenate([boxes.labels for boxes in found])
    scores = np.concatenate([np.ones(len(boxes)) if boxes.scores is None else boxes.scores for boxes in found])
    cut = np.concatenate([_cut(boxes, tile, size) for boxes, tile in zip(moved, tiles, strict=True)])
    kept = ~(cut & _shown_whole(places, labels, cut))
    places, labels, scores = places[kept], labels[kept], scores[kept]
    order = nms(places, scores, labels, threshold=overlap, most=most)
    return Boxes(places[order], labels[order], size, scores[order], shown=max(boxes.shown for boxes in found))


def _cut(boxes: Array, tile: Tile, size: tuple[int, int]) -> Array:
    """(k,) whether an edge of the tile that is no edge of the picture cuts a box."""
    edges = ((0, 0, -1), (1, 0, -1), (2, size[0], 1), (3, size[1], 1))
    cut = np.zeros(len(boxes), bool)
    for side, outer, sign in edges:
        if tile[side] != outer:
            cut |= sign * (tile[side] - boxes[:, side]) <= EDGE
    return cut


def _shown_whole(places: Array, labels: Array, cut: Array) -> Array:
    """(k,) whether a box of the same class that is not cut covers most of a box."""
    low = np.maximum(places[:, None, :2], places[None, :, :2])
    high = np.minimum(places[:, None, 2:], places[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    own = np.prod(np.maximum(places[:, 2:] - places[:, :2], 0), axis=1)
    covers = shared >= 0.6 * np.maximum(own, 1e-9)[:, None]
    return np.asarray((covers & (labels[:, None] == labels) & ~cut).any(axis=1))
