"""Large pictures with tiny objects: whether they are cut into tiles, and the tiles as pictures to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from headstart.annotations import Boxes
from headstart.heads.boxes.tiled import TILE_SIDES, cut_tiles
from headstart.sources.positions.pyramid import square
from headstart.types import Dataset, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["tile_side", "tiled_pictures"]

TINY, WANTED = 12.0, 24.0  # pixels of the square: the smaller boxes are below TINY, and are to have WANTED
LARGER = 1.5  # a picture is cut if its longer side is this many times the side of a tile
VISIBLE = 0.5  # share of a box that a tile must show; with less it is an ignored region
MOST_TILES = 2000  # to learn from
EMPTY = 1.0  # tiles without a box for each with one, at most


def tile_side(truth: Sequence[Boxes], side: int) -> int:
    """The side of tiles in pixels of the pictures, where a tenth of the boxes is tiny in resized pictures; else 0.

    Args:
        truth: the training pictures; ``size`` of each is known.
        side: of the square that pictures are resized to.

    Examples:
        >>> tiny = Boxes(np.array([[0, 0, 20, 20]]), np.array([0]), (3000, 2000))
        >>> tile_side([tiny], 352), tile_side([Boxes(np.array([[0, 0, 90, 90]]), np.array([0]), (640, 480))], 352)
        (352, 0)
    """
    own = [np.sqrt(one.areas[~one.ignored]) for one in truth]
    longer = [max(one.size) for one in truth]
    if not sum(map(len, own)):
        return 0
    seen = np.concatenate([sides / length * side for sides, length in zip(own, longer, strict=True)])
    if np.quantile(seen, 0.1) >= TINY:
        return 0
    pixels = float(np.quantile(np.concatenate(own), 0.1))
    wanted = int(np.clip(round(pixels * side / WANTED), max(side, TILE_SIDES[0]), TILE_SIDES[1]))
    return wanted if np.median(longer) >= LARGER * wanted else 0


def tiled_pictures(dataset: Dataset, truth: Sequence[Boxes], tile: int, side: int, *, seed: int = 0) -> Dataset:
    """The tiles of pictures with their boxes, resized to the square; the tiles of a picture are one group.

    Tiles without a box are as many as those with one at most, and there are 2,000 tiles at most, both drawn at random.

    Args:
        dataset: n pictures.
        truth: their boxes.
        tile: side of the tiles, in pixels of the pictures.
        side: of the square, in pixels.
        seed: of what is drawn.

    Raises:
        ItemError: if a picture cannot be read.

    Examples:
        >>> y = np.empty(1, object)
        >>> y[0] = Boxes(np.array([[2, 2, 12, 12]]), np.array([0]), (150, 64))
        >>> data = Dataset([np.zeros((64, 150, 3), np.uint8)], ("a",), "image", Task("box", ("cup",)), y)
        >>> made = tiled_pictures(data, list(y), 100, 64)
        >>> len(made), made.groups, made.y[0].size
        (2, array([0, 0]), (100, 64))
    """
    task, _ = dataset.labelled()
    codes = dataset.group_codes
    groups = np.arange(len(dataset)) if codes is None else codes
    rng, resize = np.random.default_rng(seed), square(side)
    items: list[NDArray[np.uint8]] = []
    boxes: list[Boxes] = []
    owners: list[int] = []
    for position in rng.permutation(len(dataset)).tolist():
        if len(items) >= MOST_TILES:
            break
        tiles, places, _ = cut_tiles(dataset.items[position], tile)
        own = [_in_tile(truth[position], place) for place in places]
        full = [k for k, one in enumerate(own) if len(one)]
        empty = [k for k in range(len(own)) if k not in full]
        allowed = max(1, round(EMPTY * len(full)))
        chosen = full + rng.permutation(empty).astype(int).tolist()[:allowed]
        items += [resize.prepare(tiles[k]) for k in chosen]
        boxes += [own[k] for k in chosen]
        owners += [int(groups[position])] * len(chosen)
    y = np.empty(len(items), object)
    y[:] = boxes
    names = tuple(f"tile {k}" for k in range(len(items)))
    return Dataset(items, names, "image", Task(task.kind, task.labels), y, groups=np.array(owners))


def _in_tile(true: Boxes, place: tuple[int, int, int, int]) -> Boxes:
    """The boxes of a picture that a tile shows, in its pixels."""
    left, top, right, bottom = place
    corner = np.array([left, top, left, top], np.float64)
    limits = np.array([right - left, bottom - top] * 2, np.float64)
    cut = np.clip(true.xyxy - corner, 0, limits)
    areas = np.prod(np.maximum(cut[:, 2:] - cut[:, :2], 0), axis=1)
    shown = areas / np.maximum(true.areas, 1e-9)
    made = replace(true, xyxy=cut, ignored=true.ignored | (shown < VISIBLE), size=(right - left, bottom - top))
    return made.take(np.flatnonzero(areas > 1.0))
