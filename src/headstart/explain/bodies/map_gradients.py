"""The maps of a layer with the gradient of the quantity at each of their positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.explain.asking.query import Query
from headstart.explain.bodies.class_maps import block_terms
from headstart.explain.bodies.feature_maps import MapLayout, Mean, Recorded, spatial
from headstart.explain.bodies.map_reading import MapReading

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Slopes", "layer_slopes"]

Array = NDArray[np.float64]
TRIED = 48  # layers from the end, until one has a gradient at its positions
TRIED_OF_GRID = 8


@dataclass(frozen=True, eq=False)
class Slopes:
    """The map of a layer for one part, and the gradient at each position.

    Attributes:
        layer: its name in the body.
        layout: of its positions.
        values: (positions, channels) of the map, tokens before the grid included.
        gradient: (positions, channels) of the quantity.
    """

    layer: str
    layout: MapLayout
    values: Array
    gradient: Array


def layer_slopes(query: Query, reading: MapReading, most_grids: int = 1) -> list[list[Slopes]]:
    """Of each part, the last layer whose positions the quantity depends on; of several grids, one for each.

    Args:
        query: of a model with a linear head.
        reading: of its item.
        most_grids: how many grids, the deepest ones.

    Returns:
        For each part, the slopes of the layers, first to last.

    Raises:
        SourceError: if it depends on the positions of no layer.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> from headstart.explain.bodies.map_reading import map_reading
        >>> pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", layers="last", baselines="none", verbose=False).model
        >>> query = ask(model, pictures[0])
        >>> ((slopes,),) = layer_slopes(query, map_reading(query))
        >>> slopes.layer, slopes.layout.grid, slopes.gradient.shape
        ('layer4', (2, 2), (4, 384))
    """
    chosen: list[Mean] = []
    parts: list[list[Slopes]] = []
    for found, towards in _runs(query, reading):
        groups = [[one] for one in chosen] if chosen else _candidates(found, reading, most_grids)
        gradients = iter(_gradients(found, towards, [mean for group in groups for mean in group]))
        pairs = [[(mean, next(gradients)) for mean in group] for group in groups]
        kept = [_first_used(group) or group[0] for group in pairs] if chosen else [
            one for group in pairs if (one := _first_used(group)) is not None
        ]  # fmt: skip
        kept = kept[-most_grids:]  # the deepest ones
        if not kept:
            name = reading.source.info.name
            raise SourceError(f"The answer depends on the positions of no layer of '{name}'; use 'occlusion'.")
        chosen = [mean for mean, _ in kept]
        layers = [list(_by_part(mean, found, gradient)) for mean, gradient in kept]
        parts += [list(part) for part in zip(*layers, strict=True)]
    return parts


def _candidates(found: Recorded, reading: MapReading, most_grids: int) -> list[list[Mean]]:
    """The layers among which one is chosen for each grid, the likeliest first; grids in the order of the body."""
    if most_grids == 1:
        widths = {row.shape[1] for row in found.rows}
        every = list(spatial(found, reading.parts))
        alike = [(place, layout) for place, layout in every if layout.channels(found.outputs[place]) in widths]
        return [(alike or every)[:TRIED]]
    grids: dict[tuple[int, int], list[Mean]] = {}
    for place, layout in spatial(found, reading.parts):
        group = grids.setdefault(layout.grid, [])
        if len(group) < TRIED_OF_GRID:
            group.append((place, layout))
    return list(grids.values())[::-1]


def _first_used(group: Sequence[tuple[Mean, Tensor]]) -> tuple[Mean, Tensor] | None:
    """The first layer with a gradient at its positions, not only at tokens without a place."""
    for mean, gradient in group:
        _, layout = mean
        if bool(layout.positions(gradient)[:, layout.prefix :].abs().max() > 0):
            return mean, gradient
    return None


def _runs(query: Query, reading: MapReading) -> Iterator[tuple[Recorded, list[Tensor]]]:
    """The run of each group of parts with gradients, and how much the quantity changes with each of their rows.

    The norm to which a head scales a row is held fixed, as in a class map: the quantity of a row of unit norm does not
    change with the size of the row, and its gradient would say little of where a map is large.
    """
    import torch

    terms = block_terms(query, reading.row)
    for group, found in reading.runs():
        shares = torch.from_numpy(reading.shares[group])[:, None]
        towards = [
            (shares * torch.from_numpy(term.weights)[None]).to(rows.dtype)
            for term, rows in zip(terms, found.rows, strict=True)
        ]
        yield found, towards


def _gradients(found: Recorded, towards: Sequence[Tensor], means: Sequence[Mean]) -> list[Tensor]:
    """The gradient at each layer's output; zeros where the quantity does not depend on it."""
    import torch

    outputs = [found.outputs[place] for place, _ in means]
    wanted = [output for output in outputs if output.requires_grad]
    # rows that no parameter made, as of a layer that rescales the picture, have no gradient
    made = [(rows, toward) for rows, toward in zip(found.rows, towards, strict=True) if rows.requires_grad]
    rows, slopes = [one for one, _ in made], [one for _, one in made]
    grads = iter(torch.autograd.grad(rows, wanted, slopes, allow_unused=True) if wanted and rows else ())
    gradients = [next(grads) if output.requires_grad else None for output in outputs]
    return [
        torch.zeros_like(output) if gradient is None else gradient
        for output, gradient in zip(outputs, gradients, strict=True)
    ]


def _by_part(mean: Mean, found: Recorded, gradient: Tensor) -> Iterator[Slopes]:
    (name, _), layout = mean
    values, slopes = layout.positions(found.outputs[mean[0]].detach()), layout.positions(gradient)
    for k in range(len(values)):
        kept = found.frames(k, values.shape[1])
        yield Slopes(name, layout, values[k, :kept].double().numpy(), slopes[k, :kept].double().numpy())
