"""A head of boxes that reads large pictures in overlapping tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.data.media.readers import read_image
from headstart.decode.tiles import merge_tiles, tiles_of
from headstart.engine.options import Engine
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.detections import MOST_BOXES
from headstart.heads.boxes.saved import whole
from headstart.heads.boxes.solved import SolvedBoxes
from headstart.reporting import Progress
from headstart.types import Source, Task

__all__ = ["TILE_SIDES", "TiledBoxes", "cut_tiles"]

TILE_SIDES = (64, 8192)
"""The least and the largest side of a tile, in pixels of the picture."""

KINDS: dict[str, type[SolvedBoxes] | type[DenseBoxes]] = {"solved_boxes": SolvedBoxes, "dense_boxes": DenseBoxes}


def cut_tiles(item: Any, side: int) -> tuple[list[NDArray[np.uint8]], list[tuple[int, int, int, int]], tuple[int, int]]:
    """A picture as overlapping tiles.

    Args:
        item: a picture.
        side: of the tiles, in pixels of the picture.

    Returns:
        The tiles (height, width, 3) uint8, their places, and the (width, height) of the picture.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> tiles, places, size = cut_tiles(np.zeros((64, 150, 3), np.uint8), 100)
        >>> [tile.shape for tile in tiles], places[1], size
        ([(64, 100, 3), (64, 100, 3)], (50, 0, 150, 64), (150, 64))
    """
    pixels = np.asarray(read_image(item).convert("RGB"))
    size = (int(pixels.shape[1]), int(pixels.shape[0]))
    places = tiles_of(size, side)
    return [pixels[top:bottom, left:right] for left, top, right, bottom in places], places, size


@dataclass(frozen=True, eq=False)
class TiledBoxes:
    """Another head of boxes, which is given tiles in place of pictures.

    Attributes:
        inner: the head.
        side: of the tiles, in pixels of the picture.

    Examples:
        >>> TiledBoxes(DenseBoxes((), 256, 2, {}), 600).name
        'tiled_boxes'
    """

    kind: ClassVar[str] = "box"

    inner: SolvedBoxes | DenseBoxes
    side: int
    name: str = "tiled_boxes"

    @property
    def shown(self) -> float:
        """The score from which boxes are shown."""
        return self.inner.shown

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[Boxes]:
        """The boxes of n pictures, in pixels of the pictures.

        Args:
            source: as its user opened it.
            items: n pictures.
            engine: how tiles are encoded.
            progress: receives what is done.

        Raises:
            ItemError: if a picture cannot be read.
        """
        found = list[Boxes]()
        for item in items:
            tiles, places, size = cut_tiles(item, self.side)
            parts = self.inner.annotate(source, tiles, engine=engine)
            found.append(merge_tiles(places, parts, size, most=MOST_BOXES))
            if progress is not None:
                progress(len(found), len(items), "")
        return found

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The arrays of the inner head."""
        return self.inner.tensors()

    def facts(self) -> Mapping[str, Any]:
        """The side of the tiles, and the facts of the inner head."""
        return {"tile": self.side, "inner": {"name": self.inner.name, **self.inner.facts()}}

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> TiledBoxes:
        """The head that a model folder describes.

        Raises:
            ValueError: if tensors and facts do not fit together or to the task.
        """
        inner = facts.get("inner")
        if not isinstance(inner, dict) or inner.get("name") not in KINDS:
            raise ValueError("the tiled head of boxes lacks its inner head")
        made = KINDS[inner["name"]].from_saved(tensors, inner, task)
        return cls(made, whole(facts.get("tile"), "the side of tiles", *TILE_SIDES))
