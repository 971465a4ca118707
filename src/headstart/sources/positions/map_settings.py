"""How pictures are read as rows of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headstart.errors import SourceError
from headstart.params import check_choice, check_number

__all__ = ["DEEPEST", "MapSettings"]

DEEPEST = 32  # the largest stride that is read; sides of windows are multiples of it
MOST_NUMBERS = 2**31  # float32 numbers of the cells, or pixels, of the largest picture: 8 GiB


@dataclass(frozen=True)
class MapSettings:
    """How pictures are read as rows of cells.

    Attributes:
        stride: pixels a cell, a power of two up to 32.
        blocks: names of the body's blocks; None for the deepest of each stride; empty for none, and no body runs.
        statistics: whether a cell also has its colour and local statistics (9 columns).
        window: (height, width) of the windows in which the body runs, multiples of 32; None for the body's own size.
        fit: ``"own"`` for the picture's own resolution, ``"stretch"`` for a picture resized to one window.
        scale: factor on the picture's sides, with ``fit="own"``.
        limit: pixels of the longer side, above which a picture is scaled down to it.
        overlap: pixels by which windows overlap.

    Raises:
        ParameterError: for a value that is not allowed.

    Examples:
        >>> MapSettings(stride=4).to_dict()["window"] is None
        True
    """

    stride: int = 2
    blocks: tuple[str, ...] | None = None
    statistics: bool = True
    window: tuple[int, int] | None = None
    fit: str = "own"
    scale: float = 1.0
    limit: int = 1024
    overlap: int = 64

    def __post_init__(self) -> None:
        check_choice(self.fit, "fit", "MapSettings", ("own", "stretch"))
        if self.stride not in (1, 2, 4, 8, 16, 32):
            raise SourceError(
                f"The stride of maps must be 1, 2, 4, 8, 16 or 32 pixels. Got {self.stride!r:.40} instead."
            )
        check_number(self.scale, "scale", "MapSettings", low=0.125, high=8)
        check_number(self.limit, "limit", "MapSettings", low=32, high=8192, integer=True)
        check_number(self.overlap, "overlap", "MapSettings", low=0, high=512, integer=True)
        for side in self.window or ():
            if not isinstance(side, int) or side % DEEPEST or not DEEPEST <= side <= 2048:
                raise SourceError(
                    f"The window of maps must have sides that are multiples of 32, from 32 to 2048. Got {self.window} "
                    "instead."
                )
        if self.blocks == () and not self.statistics:
            raise SourceError("Maps need blocks of a body or the local statistics; name a block.")

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        values = asdict(self)
        return values | {
            "blocks": None if self.blocks is None else list(self.blocks),
            "window": None if self.window is None else list(self.window),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MapSettings:
        """The settings that `to_dict` gave.

        Raises:
            SourceError: or `ParameterError`, if they are not valid; they may come from a file.
        """
        known = set(cls.__dataclass_fields__)
        blocks, window = values.get("blocks"), values.get("window")
        fine = set(values) <= known and isinstance(values.get("statistics", True), bool)
        fine = fine and (blocks is None or (isinstance(blocks, list) and all(isinstance(b, str) for b in blocks)))
        fine = fine and (window is None or (isinstance(window, list) and len(window) == 2))
        if not fine:
            raise SourceError(f"The settings of maps are damaged: {dict(values)!r:.200}; copy the model again.")
        changed = {
            "blocks": None if blocks is None else tuple(blocks),
            "window": None if window is None else tuple(window),
        }
        return cls(**{**values, **changed})

    def check_memory(self, width: int, outputs: int) -> None:
        """Refuse settings under which a single picture would fill the memory; they may come from a file.

        Args:
            width: numbers a cell.
            outputs: numbers a pixel of the picture as it is read.

        Raises:
            SourceError: if the largest picture has more than 2³¹ numbers.

        Examples:
            >>> MapSettings().check_memory(width=500, outputs=20)
        """
        sides = self.window if self.fit == "stretch" and self.window is not None else (self.limit, self.limit)
        pixels = sides[0] * sides[1]
        cells = -(-sides[0] // self.stride) * -(-sides[1] // self.stride)
        if max(cells * width, pixels * outputs) > MOST_NUMBERS:
            raise SourceError(
                f"Pictures of {sides[1]} x {sides[0]} pixels have {cells} cells of {width} numbers, and pixels of "
                f"{outputs} numbers, of which at most {MOST_NUMBERS} are allowed; lower the limit {self.limit} or "
                f"raise the stride {self.stride}."
            )

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) at which a picture of ``width`` x ``height`` pixels is read, with ``fit="own"``."""
        factor = min(self.scale, self.limit / max(width, height))
        return max(1, round(width * factor)), max(1, round(height * factor))
