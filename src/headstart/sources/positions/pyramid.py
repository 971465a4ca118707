"""Maps of a picture at several strides: what detectors read of any convolutional body.

The picture is resized to a square, its proportions are not kept, and nothing is cropped. The maps of all levels,
flattened, are the blocks of one row, so that the engine runs the body as it runs any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key
from headstart.engine.capabilities import with_all_blocks
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import SourceError
from headstart.sources.bodies.body_source import BodySource
from headstart.sources.bodies.pooling import collect_outputs
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key, trainable
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.types import Block, FeatureMatrix, Source

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["HasStrides", "Level", "PyramidSource", "levels_of", "read_maps", "square"]

VERSION = 1  # to be raised when the same body and picture give other maps
USED = (4, 8, 16, 32)  # strides that are looked for
LEAST, MOST = 64, 2048  # sides of pictures, in pixels
MOST_LEVELS = 8


@runtime_checkable
class HasStrides(Protocol):
    """A source that knows which of its submodules to read at each stride.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> isinstance(ToySource(), HasStrides)
        False
    """

    @property
    def strides(self) -> Mapping[int, str]:
        """The submodule whose output is the map of each stride."""
        ...


@dataclass(frozen=True)
class Level:
    """A map that is read of a body.

    Attributes:
        stride: pixels of the picture for each cell.
        name: the submodule whose output it is.
        width: its channels.

    Examples:
        >>> Level(8, "layer2", 96).stride
        8
    """

    stride: int
    name: str
    width: int


def square(side: int) -> PictureTransform:
    """The resizing of pictures to a square.

    Args:
        side: in pixels.

    Examples:
        >>> square(64).prepare(np.zeros((10, 20, 3), np.uint8)).shape
        (64, 64, 3)
    """
    return PictureTransform((side, side), (side, side), "stretch", "bilinear")


def read_maps(module: nn.Module, forward: Forward, names: Sequence[str], batch: Tensor) -> list[Tensor]:
    """The outputs (n, channels, height, width) of submodules.

    Args:
        module: the body.
        forward: runs it, of (module, batch).
        names: the submodules.
        batch: (n, height, width, 3) uint8.

    Raises:
        SourceError: if an output is no map with its channels first.

    Examples:
        >>> from headstart.sources import open_source
        >>> import torch
        >>> body = trainable(open_source("headstart:image"))
        >>> pictures = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
        >>> read_maps(body.module, body.forward, ["layer2"], pictures)[0].shape
        torch.Size([1, 96, 8, 8])
    """
    _, found = collect_outputs(module, names, lambda: forward(module, batch))
    for name in names:
        if getattr(found.get(name), "ndim", 0) != 4:
            raise SourceError(f"The layer '{name}' has no map (n, channels, height, width); use a convolutional body.")
    return [found[name] for name in names]


def levels_of(source: Source, side: int) -> tuple[Level, ...]:
    """The deepest block of each stride 4, 8, 16 and 32 that a body has, finest first.

    Args:
        source: of pictures, with a convolutional body that can be trained.
        side: of the pictures, in pixels.

    Raises:
        SourceError: if the body gives no maps at strides of 8 to 32.

    Examples:
        >>> from headstart.sources import open_source
        >>> [(level.stride, level.name) for level in levels_of(open_source("headstart:image"), 128)]
        [(4, 'layer1'), (8, 'layer2'), (16, 'layer3'), (32, 'layer4')]
    """
    body = trainable(with_all_blocks(source))
    wanted = source.strides if isinstance(source, HasStrides) else {}
    names = list(wanted.values()) or [b.name for b in with_all_blocks(source).info.blocks]
    known = dict(body.module.named_modules())
    names = [name for name in names if name in known]
    sizes = _map_sizes(body, names, side)
    found = {}
    for name in names:  # the last of each stride counts
        width, tall, wide = sizes.get(name, (0, 0, 0))
        if tall == wide and tall and side % tall == 0 and side // tall in USED:
            found[side // tall] = Level(side // tall, name, width)
    if not {8, 16, 32} & set(found):
        raise SourceError(
            f"The source '{source.info.name}' gives no maps at strides of 8 to 32 pixels; boxes need a convolutional "
            "body, such as headstart:photo, headstart:image or one of timm."
        )
    return tuple(found[stride] for stride in sorted(found))


def _map_sizes(body: Trainable, names: Sequence[str], side: int) -> dict[str, tuple[int, int, int]]:
    import torch

    picture = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    try:
        with torch.inference_mode():
            _, found = collect_outputs(body.module, names, lambda: body.forward(body.module, picture))
    except (RuntimeError, AssertionError, ValueError):  # raised by bodies of a fixed size
        return {}
    maps = {name: output for name, output in found.items() if getattr(output, "ndim", 0) == 4}
    return {name: (int(output.shape[1]), int(output.shape[2]), int(output.shape[3])) for name, output in maps.items()}


class PyramidSource(BodySource[NDArray[np.uint8]]):
    """The maps of a body as the blocks of a row.

    Args:
        source: whose body is read.
        levels: the maps, finest first.
        side: of the square that pictures are resized to, in pixels.

    Attributes:
        body: runs the module on a backend.
        levels: as given.
        side: as given.

    Raises:
        SourceError: if the body cannot be run by the training loop, since its maps are read the same way.

    Examples:
        >>> from headstart.sources import open_source
        >>> image = open_source("headstart:image")
        >>> made = PyramidSource(image, levels_of(image, 64)[-1:], 64)
        >>> [tuple(level.shape) for level in made.maps(made.encode([np.zeros((9, 9, 3), np.uint8)]))]
        [(1, 384, 2, 2)]
    """

    def __init__(self, source: Source, levels: Sequence[Level], side: int) -> None:
        if not isinstance(source, TrainableSource):
            trainable(source)  # raises
        if not LEAST <= side <= MOST or not 1 <= len(levels) <= MOST_LEVELS:
            raise SourceError(f"Pictures for boxes are resized to {LEAST} to {MOST} pixels. Got {side} instead.")
        self._source, self.levels, self.side = with_all_blocks(source), tuple(levels), side
        self._transform = square(side)
        parts = [(level.stride, level.name, level.width) for level in levels]
        key = recipe_key("pyramid", VERSION, body_key(self._source), parts, side)
        self.body = FrozenBody(Recipe(key, self._build, self._example, lasting=False))
        blocks = tuple(Block(f"{level.name}", level.width * self._cells(level) ** 2) for level in levels)
        self._info = replace(self._source.info, blocks=blocks, num_features=blocks[-1].width)

    def prepare(self, item: object) -> NDArray[np.uint8]:
        """The picture as a square, (side, side, 3) uint8.

        Raises:
            ItemError: if it cannot be read.
        """
        return self._transform.prepare(item)

    def forward(self, prepared: Sequence[NDArray[np.uint8]]) -> Any:
        """The rows of n prepared pictures, (n, sum of block widths) float32."""
        return self.body(np.stack(prepared))

    def maps(self, rows: FeatureMatrix) -> list[NDArray[np.float32]]:
        """Rows as maps (n, channels, height, width), one for each level.

        Args:
            rows: (n, sum of block widths).
        """
        ends = np.cumsum([block.width for block in self.info.blocks])
        parts = np.split(np.asarray(rows, np.float32), ends[:-1], axis=1)
        sides = [self._cells(level) for level in self.levels]
        return [part.reshape(len(rows), -1, cells, cells) for part, cells in zip(parts, sides, strict=True)]

    def untrained(self, seed: int) -> PyramidSource | None:
        """The same maps of the body with random weights."""
        other = self._source.untrained(seed)
        return None if other is None else PyramidSource(other, self.levels, self.side)

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002
        """Refused: the source that it reads is what is saved."""
        _never_saved(self.info.name)

    def _cells(self, level: Level) -> int:
        return self.side // level.stride

    def _build(self) -> tuple[nn.Module, Forward]:
        body = trainable(self._source)
        names = [level.name for level in self.levels]

        def rows(module: nn.Module, batch: Tensor) -> list[Tensor]:
            return [level.flatten(1).float() for level in read_maps(module, body.forward, names, batch)]

        return body.module.eval(), rows

    def _example(self) -> Batch:
        return np.stack([self.prepare(picture) for picture in example_pictures()])

    def _compared(self, prepared: Sequence[NDArray[np.uint8]]) -> Batch:
        return np.stack(prepared)

    def _rows_key(self, form: str) -> str | None:  # noqa: ARG002
        return None  # maps are large, and computing them anew costs little more than reading them


def _never_saved(name: str) -> NoReturn:
    raise SourceError(f"The maps of '{name}' are not saved; save the source itself.")
