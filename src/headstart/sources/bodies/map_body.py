"""What a body of pictures offers whose blocks are read as maps: the module, and a forward function of its maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from headstart.engine.body.recipe import Forward
from headstart.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["HasMaps", "MapBody", "to_map"]


@dataclass(frozen=True)
class MapBody:
    """A body whose blocks are read as maps.

    Attributes:
        key: digest of its weights, architecture and normalisation.
        lasting: whether a later process can open the same body.
        size: (height, width) of the pictures that it was trained on, in pixels.
        build: returns the module (evaluation mode, on the CPU) and a function of (module, pictures (n, height, width,
            3) uint8) that gives a map (n, channels, rows, columns) for each named block; all blocks for no names.
            Layers above the deepest named block do not run.
        names: returns the names of all blocks, first to last, of the module.
    """

    key: str
    lasting: bool
    size: tuple[int, int]
    build: Callable[[tuple[str, ...]], tuple[nn.Module, Forward]]
    names: Callable[[nn.Module], Sequence[str]]


@runtime_checkable
class HasMaps(Protocol):
    """A source whose blocks can be read as maps.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:image"), HasMaps), isinstance(open_source("toy"), HasMaps)
        (True, False)
    """

    def map_body(self) -> MapBody:
        """The body as maps; raises `SourceError` if it has none."""
        ...


def to_map(output: Any, *, channels_first: bool = True, prefix: int = 0, size: tuple[int, int] = (0, 0)) -> Tensor:
    """The output of a block as a map (n, channels, rows, columns), float32.

    Args:
        output: (n, channels, rows, columns) or, with ``channels_first=False``, (n, rows, columns, channels); or
            (n, tokens, channels) of square patches, row by row. Of a tuple or list, the first entry.
        channels_first: whether a 4-dimensional output has its channels on axis 1.
        prefix: number of tokens before those of the patches, such as 1 for a class token.
        size: (height, width) of the pictures, from which the grid of the patches follows.

    Raises:
        SourceError: for any other shape.

    Examples:
        >>> import torch
        >>> to_map(torch.ones(2, 9, 8), prefix=1, size=(32, 64)).shape
        torch.Size([2, 8, 2, 4])
    """
    tensor = output[0] if isinstance(output, tuple | list) else output
    dimensions = getattr(tensor, "ndim", 0)
    if dimensions == 4:
        found: Tensor = tensor.float() if channels_first else tensor.permute(0, 3, 1, 2).float()
        return found
    count = int(tensor.shape[1]) - prefix if dimensions == 3 else 0
    side = round((size[0] * size[1] / count) ** 0.5) if count > 0 else 0
    if not side or (size[0] // side) * (size[1] // side) != count:
        shape = tuple(getattr(tensor, "shape", ())) or type(tensor).__name__
        raise SourceError(
            f"A block that is read as a map must return (n, channels, height, width) or one token for each square "
            f"patch. Got {shape} instead; name other blocks."
        )
    rows: Tensor = tensor[:, prefix:].float().transpose(1, 2)
    patches: Tensor = rows.reshape(len(rows), -1, size[0] // side, size[1] // side)
    return patches
