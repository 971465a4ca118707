"""An attribution whose map is weighted by gradients: approximate, without a sum, of one layer or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution
from headstart.explain.asking.query import Query
from headstart.explain.bodies.drawn_map import drawn_map
from headstart.explain.bodies.map_gradients import Slopes, layer_slopes
from headstart.explain.bodies.map_reading import MapReading, map_reading
from headstart.explain.bodies.map_words import map_checks, map_notes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["approximate_map"]

Array = NDArray[np.float64]


class Named(Protocol):
    """What is read of a method."""

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def title(self) -> str:
        """What it shows, in words."""
        ...


def approximate_map(
    method: Named,
    query: Query,
    join: Callable[[Sequence[Sequence[Slopes]], MapReading], Sequence[Array]],
    note: Callable[[Sequence[Slopes], MapReading], Sequence[str]],
    *,
    grids: int = 1,
    signed: bool = False,
    unit: str = "",
) -> Attribution:
    """Run a body with gradients, make a map of each part of the item, and draw it.

    Args:
        method: the method, for its name and title.
        query: of a model with a linear head and a body that has maps.
        join: from the slopes of the layers of each part to the map of each part.
        note: from the layers of the first part to sentences on what the map is.
        grids: as in `headstart.explain.bodies.map_gradients.layer_slopes`.
        signed: whether values below 0 mean something.
        unit: of the values; default: that of the quantity.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain import METHODS
        >>> from headstart.explain.bodies.drawn_map import part_map
        >>> from headstart.explain.explain import ask
        >>> pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", layers="last", baselines="none", verbose=False).model
        >>> def first_channel(slopes, reading):
        ...     return [part_map(one.values[:, 0], one.layout, reading.parts, 0) for (one,) in slopes]
        >>> found = approximate_map(METHODS["grad_cam"], ask(model, pictures[0]), first_channel, lambda *_: ["a note"])
        >>> found.shown.values.shape, found.notes[0]
        ((64, 64), 'a note')
    """
    import torch

    reading = map_reading(query)
    with torch.enable_grad():
        slopes = layer_slopes(query, reading, grids)
    last = slopes[0][-1]
    shown = drawn_map(reading, query.item, join(slopes, reading), last.layout.grid, signed=signed)
    value = float(query.values(reading.row[None])[0])
    return Attribution(
        method.name, method.title, shown, query.contrast.quantity, unit or query.contrast.unit, value,
        checks=map_checks(query, value), notes=(*note(slopes[0], reading), *map_notes(query, reading)),
    )  # fmt: skip
