"""A row for each cell of a picture: hypercolumns of a convolutional body, with colour and local statistics.

The maps of blocks at several strides are brought bilinearly to one stride, so that a cell has a column of every block
(Hariharan et al. 2015, "Hypercolumns for Object Segmentation and Fine-grained Localization"). Pictures of every size
run in windows of one size, so that each backend has one shape to convert, and memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key, rows_key
from headstart.engine.capabilities import Runtime
from headstart.engine.extract import encode
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.errors import HeadstartError, SourceError
from headstart.sources.bodies.map_body import HasMaps, MapBody
from headstart.sources.bodies.seeded import example_pictures, spread
from headstart.sources.positions.map_settings import DEEPEST, MapSettings
from headstart.sources.preprocessing.bilinear import at_grid
from headstart.sources.preprocessing.decode import open_picture
from headstart.sources.preprocessing.local_statistics import local_statistics
from headstart.sources.preprocessing.windows import Windows
from headstart.types import Block, FeatureMatrix, Source, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["STATISTICS", "MapSource", "maps_of"]

VERSION = 1  # to be raised when the same body, settings and picture give other rows
SAME_STRIDE = 4  # blocks that are read of a body whose blocks have one stride
PASS_BYTES = 128 * 2**20  # of rows that leave the body at once
KEPT_BYTES = 2**20  # rows of a window that are larger are not stored: computing them again is cheaper than the disk
USUAL = MapSettings()
STATISTICS = "statistics"  # the name of the block of colour and local statistics


def maps_of(source: Source, settings: MapSettings = USUAL) -> MapSource:
    """A source that gives a row for each cell of a picture, row by row.

    Args:
        source: an image source whose blocks can be read as maps.
        settings: how pictures are read.

    Raises:
        SourceError: if the source has no maps, or its body does not read windows of that size.

    Examples:
        >>> from headstart.sources import open_source
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(stride=8, window=(64, 64)))
        >>> maps.grid((100, 60)), len(maps.prepare(np.zeros((60, 100, 3), np.uint8))["windows"])
        ((8, 13), 3)
    """
    if settings.blocks == ():
        return MapSource(source, settings, None)
    if not isinstance(source, HasMaps):
        raise SourceError(
            f"The source '{source.info.name}' gives no maps of pictures, which cells and pixels need; use "
            "'headstart:photo', 'headstart:image', or an image body of timm such as 'timm:resnet18'."
        )
    body = source.map_body()
    if settings.window is None:
        tall, wide = (-(-side // DEEPEST) * DEEPEST for side in body.size)
        settings = replace(settings, window=(tall, wide))
    return MapSource(source, settings, body)


class MapSource:
    """Rows of cells; made by `maps_of`.

    Examples:
        >>> from headstart.sources import open_source
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(stride=2, window=(64, 64)))
        >>> [(block.name, block.width, maps.strides.get(block.name)) for block in maps.info.blocks][::5]
        [('act1', 32, 2.0), ('statistics', 9, None)]

    Args:
        source: the source that is read.
        settings: how; with a window where a body runs.
        maps: its body as maps; None for the local statistics alone.

    Attributes:
        source: as given.
        settings: the same, with the names of the blocks and the window filled in.
        strides: pixels a cell of each block's own map, by the block's name.
    """

    positions = True

    def __init__(self, source: Source, settings: MapSettings, maps: MapBody | None) -> None:
        self.source = source
        self.body: FrozenBody | None = None
        blocks, self.strides = [], dict[str, float]()
        self._shapes: list[tuple[int, int, int]] = []
        if maps is not None:
            found = _measured(source, maps, settings)
            chosen = settings.blocks or _default_blocks(found, settings.window)
            _check_names(source, chosen, found)
            settings = replace(settings, blocks=tuple(name for name in found if name in chosen))
            self._shapes = [found[name] for name in settings.blocks or ()]
            self.strides = {name: _stride(found[name], settings.window) for name in settings.blocks or ()}
            blocks = [Block(name, found[name][2]) for name in settings.blocks or ()]
            build = partial(self._build, maps, settings.blocks or ())
            key = recipe_key("maps", VERSION, maps.key, settings.blocks, settings.window)
            self.body = FrozenBody(Recipe(key, build, self._example, lasting=maps.lasting))
        self.settings = settings
        if settings.statistics:
            blocks.append(Block(STATISTICS, 9, numbers=True))
        name = f"{source.info.name} at stride {settings.stride}"
        self._info = replace(source.info, name=name, blocks=tuple(blocks), num_features=blocks[-1].width)

    @property
    def info(self) -> SourceInfo:
        """The facts about the source; ``blocks`` are the columns of a cell."""
        return self._info

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """(rows, columns, channels) of the map of each of the body's blocks in a window."""
        return list(self._shapes)

    @property
    def width(self) -> int:
        """Numbers a cell."""
        return sum(block.width for block in self._info.blocks)

    @property
    def runtime(self) -> Runtime:
        """The runtime of its body."""
        return Runtime() if self.body is None else self.body.runtime

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """Choose the backend; returns the key of stored rows, None where rows are too large to be worth storing."""
        if self.body is None:
            return None

        def batch() -> Batch | None:
            prepared = few()
            return np.stack([item["windows"][0] for item in prepared]) if prepared else None

        form = self.body.choose(engine.backend, count, batch)
        key = rows_key("image", self.body.recipe.key, self.settings.to_dict(), form)
        return key if self._window_bytes <= KEPT_BYTES else None

    def prepare(self, item: object) -> dict[str, Any]:
        """The windows (k, height, width, 3) uint8 of a picture, its statistics and its size.

        Raises:
            ItemError: if the picture cannot be read.
        """
        pixels = self.pixels(item)
        size = pixels.shape[0], pixels.shape[1]
        prepared: dict[str, Any] = {"size": np.array(size)}
        if self.body is not None:
            prepared["windows"] = self.windows(size).cut(pixels)
        if self.settings.statistics:
            prepared["statistics"] = local_statistics(pixels, self.settings.stride)
        return prepared

    def pixels(self, item: object) -> NDArray[np.uint8]:
        """The picture (height, width, 3) uint8 at the size at which it is read.

        Raises:
            ItemError: if it cannot be read.
        """
        from PIL import Image

        opened = open_picture(item)
        image = opened.image.convert("RGB")
        if self.settings.fit == "stretch" and self.settings.window is not None:
            size = self.settings.window[::-1]
        else:
            size = self.settings.resized(*opened.size)
        if image.size != size:
            image = image.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(image)

    def forward(self, prepared: Sequence[Mapping[str, Any]]) -> Any:
        """A list of the rows (rows * columns, sum of block widths) float32 of each of n prepared pictures."""
        if self.body is None:
            return [self._rows(item, None) for item in prepared]
        read = self._run(self.body, [item["windows"] for item in prepared])
        return [self._rows(item, own) for item, own in zip(prepared, read, strict=True)]

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of the cells of a picture of ``size`` (width, height) in pixels."""
        if self.settings.fit == "stretch" and self.settings.window is not None:
            tall, wide = self.settings.window
        else:
            wide, tall = self.settings.resized(*size)
        return -(-tall // self.settings.stride), -(-wide // self.settings.stride)

    def scale_of(self, size: tuple[int, int]) -> tuple[float, float]:
        """Along x and y, the pixels that are read for each pixel of a picture of ``size`` (width, height)."""
        if self.settings.fit == "stretch" and self.settings.window is not None:
            tall, wide = self.settings.window
        else:
            wide, tall = self.settings.resized(*size)
        return wide / size[0], tall / size[1]

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """The rows of all cells of n pictures, one picture after the other."""
        return encode(self, items)

    def untrained(self, seed: int) -> MapSource | None:
        """The same rows of the body with random weights; None if it has none."""
        other = self.source.untrained(seed) if self.body is not None else None
        return None if other is None else maps_of(other, self.settings)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write what opens the source again that is read; the settings are kept by the head."""
        return self.source.save(folder)

    def with_settings(self, settings: MapSettings) -> MapSource:
        """The same source read in another way."""
        return maps_of(self.source, settings)

    @property
    def _window_bytes(self) -> int:
        tall, wide = self.settings.window or (0, 0)
        return 4 * self.width * (tall // self.settings.stride) * (wide // self.settings.stride)

    def windows(self, size: tuple[int, int]) -> Windows:
        """The windows over a picture of ``size`` (height, width) as it is read."""
        return Windows(size, self.settings.window or size, self.settings.overlap, DEEPEST)

    def _run(self, body: FrozenBody, windows: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """For each picture its windows' maps, (k, numbers of all maps) float32."""
        together = np.concatenate(windows)
        step = max(1, PASS_BYTES // max(1, self._window_bytes))
        parts = [body(together[begin : begin + step]) for begin in range(0, len(together), step)]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return np.split(rows, np.cumsum([len(own) for own in windows])[:-1])

    def unpacked(self, row: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """The maps (rows, columns, channels) of the body's blocks in one window, from their numbers side by side."""
        begin = 0
        for shape in self._shapes:
            end = begin + int(np.prod(shape))
            yield row[begin:end].reshape(shape)
            begin = end

    def _rows(self, item: Mapping[str, Any], read: NDArray[np.float32] | None) -> FeatureMatrix:
        stride = self.settings.stride
        size = int(item["size"][0]), int(item["size"][1])
        grid = np.empty((-(-size[0] // stride), -(-size[1] // stride), self.width), np.float32)
        if read is not None:
            tall, wide = (side // stride for side in self.settings.window or size)
            for row, (outer, inner) in zip(read, self.windows(size).owned(stride), strict=True):
                begin = 0
                for block in self.unpacked(row):
                    end = begin + block.shape[2]
                    grid[(*outer, slice(begin, end))] = at_grid(block, (tall, wide), inner)
                    begin = end
        if self.settings.statistics:
            grid[..., self.width - 9 :] = item["statistics"]
        return grid.reshape(-1, self.width)

    @staticmethod
    def _build(maps: MapBody, blocks: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        module, read = maps.build(blocks)

        def forward(body: nn.Module, pictures: Tensor) -> list[Tensor]:
            return [found.permute(0, 2, 3, 1).flatten(1) for found in read(body, pictures)]

        return module, forward

    def _example(self) -> Batch:
        tall, wide = self.settings.window or (DEEPEST, DEEPEST)
        return _examples(tall, wide, 4)


def _examples(tall: int, wide: int, count: int) -> NDArray[np.uint8]:
    return np.stack([
        np.resize(picture, (max(tall, 256), max(wide, 256), 3))[:tall, :wide] for picture in example_pictures(count)
    ])  # fmt: skip


def _measured(source: Source, maps: MapBody, settings: MapSettings) -> dict[str, tuple[int, int, int]]:
    """(rows, columns, channels) of each block's map in a window, first to last."""
    tall, wide = settings.window or maps.size
    key = recipe_key("map shapes", VERSION, maps.key, (tall, wide))
    body = FrozenBody(Recipe(key, lambda: maps.build(()), lambda: _examples(tall, wide, 1), lasting=maps.lasting))

    def measure(module: nn.Module, run: Forward) -> dict[str, Any]:
        import torch

        with torch.inference_mode():
            found = run(module, torch.from_numpy(_examples(tall, wide, 1)))
        names = maps.names(module)
        shapes = [[int(f.shape[axis]) for axis in (2, 3, 1)] for f in found]
        return {"blocks": [[name, *shape] for name, shape in zip(names, shapes, strict=True)]}

    try:
        facts = body.facts(measure)
    except HeadstartError:
        raise
    except (AssertionError, RuntimeError, ValueError) as error:  # raised by bodies of a fixed size
        raise SourceError(
            f"The source '{source.info.name}' cannot read windows of {tall} x {wide} pixels "
            f"({' '.join(str(error).split())[:200]}); leave the window out, or use a convolutional body."
        ) from error
    return {str(name): (int(rows), int(columns), int(width)) for name, rows, columns, width in facts["blocks"]}


def _stride(shape: tuple[int, int, int], window: tuple[int, int] | None) -> float:
    return 0.0 if window is None else window[0] / shape[0]


def _default_blocks(found: Mapping[str, tuple[int, int, int]], window: tuple[int, int] | None) -> list[str]:
    """The deepest block of each stride up to 32; a few of a body whose blocks have one stride."""
    strides = {name: _stride(shape, window) for name, shape in found.items()}
    if len(set(strides.values())) == 1:
        return spread(list(found), SAME_STRIDE)
    deepest = {stride: name for name, stride in strides.items() if stride <= DEEPEST}
    return list(deepest.values())


def _check_names(source: Source, chosen: Sequence[str], found: Mapping[str, object]) -> None:
    for name in chosen:
        if name not in found:
            raise SourceError(
                f"The source '{source.info.name}' has no block '{name:.80}' that is read as a map; its blocks are "
                f"{', '.join(found)}."
            )
