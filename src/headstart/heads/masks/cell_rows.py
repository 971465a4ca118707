"""Rows and targets of the cells of labelled pictures, a few pictures at a time, so that memory does not grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Mask
from headstart.data.annotations.picture_files import picture_facts
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads.masks.cells import CellTargets, cell_targets, pixel_codes, resized_codes
from headstart.reporting import Progress
from headstart.sources.positions.maps import MapSource
from headstart.sources.preprocessing.decode import open_picture
from headstart.types import Dataset

__all__ = [
    "PictureCells",
    "batches",
    "item_size",
    "picture_batches",
    "read_cells",
    "size_batches",
    "tells_objects_apart",
]

BATCH_BYTES = 128 * 2**20  # of rows that are held at once
SOME = 8  # masks that are opened to see whether they tell objects apart


@dataclass(frozen=True, eq=False)
class PictureCells:
    """The cells of one picture.

    Attributes:
        index: its position in the data set.
        rows: (cells, d) float32.
        targets: what they show.
        grid: (rows, columns) of the cells.

    Examples:
        >>> targets = CellTargets(np.array([[1.0, 0.0]]), np.ones(1))
        >>> PictureCells(0, np.zeros((1, 9), np.float32), targets, (1, 1)).rows.shape
        (1, 9)
    """

    index: int
    rows: NDArray[np.float32]
    targets: CellTargets
    grid: tuple[int, int]


def tells_objects_apart(dataset: Dataset) -> bool:
    """Whether masks of a data set number their objects; the first few that have any decide.

    Args:
        dataset: of masks.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> from headstart.types import Task
        >>> y = np.empty(1, object)
        >>> y[0] = MaskArray(np.ones((2, 2), np.int16))
        >>> tells_objects_apart(Dataset([None], ("a",), "image", Task("mask", ("background", "cell")), y))
        False
    """
    spread = np.linspace(0, len(dataset.items) - 1, min(SOME, len(dataset.items))).round().astype(int)
    return all(_mask(dataset, int(k)).instances() is not None for k in np.unique(spread))


def picture_batches(maps: MapSource, dataset: Dataset, index: Sequence[int]) -> Iterator[list[int]]:
    """Positions of pictures whose rows fit into memory together; a large picture is alone.

    Args:
        maps: the source of cells.
        dataset: of masks, whose sizes are those of the pictures.
        index: positions, in order.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))
        >>> list(picture_batches(maps, toy_masks(3), range(3)))
        [[0, 1, 2]]
    """
    for batch in size_batches(maps, (_mask(dataset, position).size for position in index)):
        yield [index[k] for k in batch]


def size_batches(maps: MapSource, sizes: Iterable[tuple[int, int]], most: int | None = None) -> Iterator[list[int]]:
    """Positions of pictures of these sizes whose rows fit into memory together; a large picture is alone.

    Args:
        maps: the source of cells.
        sizes: (width, height) of the pictures.
        most: pictures of a batch; None for any number.

    Examples:
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=1, limit=4096))
        >>> list(size_batches(maps, [(2000, 1500), (2000, 1500), (8, 8), (8, 8)], most=2))
        [[0], [1, 2], [3]]
    """
    grids = (maps.grid(each) for each in sizes)
    yield from batches((4 * rows * columns * maps.width for rows, columns in grids), most)


def batches(sizes: Iterable[int], most: int | None = None) -> Iterator[list[int]]:
    """Positions of pictures that fit into 128 MiB together, by their bytes; a larger picture is alone.

    Args:
        sizes: bytes of each picture.
        most: pictures of a batch; None for any number.

    Examples:
        >>> list(batches([2**27, 2**20, 2**20, 2**20], most=2))
        [[0], [1, 2], [3]]
    """
    batch: list[int] = []
    size = 0
    for position, own in enumerate(sizes):
        if batch and (size + own > BATCH_BYTES or len(batch) == most):
            yield batch
            batch, size = [], 0
        batch.append(position)
        size += own
    if batch:
        yield batch


def item_size(item: object) -> tuple[int, int]:
    """(width, height) of a picture, upright; of a file only the header is read where that suffices.

    Raises:
        ItemError: if it cannot be read.

    Examples:
        >>> item_size(np.zeros((2, 3, 3), np.uint8))
        (3, 2)
    """
    return picture_facts(item).size if isinstance(item, str | Path | bytes) else open_picture(item).size


def read_cells(
    maps: MapSource,
    dataset: Dataset,
    index: Sequence[int],
    *,
    engine: Engine,
    boundary: bool,
    progress: Progress | None = None,
) -> Iterator[PictureCells]:
    """The cells of labelled pictures, one picture after the other.

    Args:
        maps: the source of cells.
        dataset: of masks.
        index: positions of the pictures.
        engine: how they are encoded.
        boundary: whether outlines of objects are a class of their own.
        progress: called with (pictures done, pictures in total, details).

    Raises:
        ItemError: for a picture that cannot be read.
        DataError: if a mask has another shape than its picture.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))
        >>> cells = next(read_cells(maps, toy_masks(1), [0], engine=Engine(), boundary=True))
        >>> cells.grid, cells.rows.shape, cells.targets.shares.shape
        ((12, 12), (144, 9), (144, 3))
    """
    classes = dataset.labelled()[0].num_outputs
    stride, done = maps.settings.stride, 0
    for batch in picture_batches(maps, dataset, index):
        found = extract(maps, [dataset.items[k] for k in batch], engine=engine, on_error="raise")
        offsets = found.offsets if found.offsets is not None else np.array([0, len(found.rows)])
        for position, begin, end in zip(batch, offsets[:-1], offsets[1:], strict=True):
            mask = _mask(dataset, position)
            grid = maps.grid(mask.size)
            if grid[0] * grid[1] != end - begin:
                raise DataError(
                    f"The mask of '{dataset.ids[position]}' is {mask.size[0]} x {mask.size[1]} pixels, but its picture "
                    "has another size; give a mask of the picture's size."
                )
            codes = pixel_codes(mask, classes, boundary=boundary, width=max(1, min(2, stride)))
            scale = maps.scale_of(mask.size)
            size = round(mask.size[1] * scale[1]), round(mask.size[0] * scale[0])
            targets = cell_targets(resized_codes(codes, size), classes + boundary, stride)
            yield PictureCells(position, found.rows[begin:end], targets, grid)
        done += len(batch)
        if progress is not None:
            progress(done, len(index), f"{found.backend} {found.precision}".strip())


def _mask(dataset: Dataset, position: int) -> Mask:
    mask = None if dataset.y is None else dataset.y[position]
    if not isinstance(mask, Mask):
        raise DataError(f"Item '{dataset.ids[position]}' has no mask; label it, or leave it out.")
    return mask
