"""The maps of a body in windows of one size: a row for each window, which holds all its maps side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.sources.positions.maps import MapSource

__all__ = ["WindowMaps"]


class WindowMaps(MapSource):
    """As `MapSource`, with a row for each window in place of one for each cell.

    Examples:
        >>> import numpy as np
        >>> from headstart.engine.extract import extract
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(window=(64, 64), blocks=("layer3", "layer4")))
        >>> windows = WindowMaps.of(maps)
        >>> rows = extract(windows, [np.zeros((64, 90, 3), np.uint8)], engine=Engine(cache=False)).rows
        >>> rows.shape, [found.shape for found in windows.unpacked(rows[0])]
        ((2, 4608), [(4, 4, 192), (2, 2, 384)])
        >>> windows.picture_bytes((90, 64)) == rows.nbytes
        True
    """

    @classmethod
    def of(cls, maps: MapSource) -> WindowMaps:
        """The windows of a source of cells; its body is shared.

        Raises:
            SourceError: if it has no body.
        """
        if maps.body is None:
            raise SourceError("Windows have maps only where a body gives blocks; name a block.")
        other = cls.__new__(cls)
        other.__dict__.update(maps.__dict__)
        return other

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Any]]) -> str | None:
        """Choose the backend; maps are never stored."""
        super().choose(engine, count, few)
        return None

    def picture_bytes(self, size: tuple[int, int]) -> int:
        """Bytes of the maps of all windows of a picture of ``size`` (width, height) in pixels."""
        x, y = self.scale_of(size)
        windows = self.windows((round(size[1] * y), round(size[0] * x)))
        return 4 * len(windows.starts) * sum(math.prod(shape) for shape in self._shapes)

    def forward(self, prepared: Sequence[Mapping[str, Any]]) -> Any:
        """A list of the maps (windows, numbers) float32 of each of n prepared pictures."""
        if self.body is None:
            return []
        return self._run(self.body, [item["windows"] for item in prepared])
