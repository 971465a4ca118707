"""The maps inside a body: layers' outputs with a value for each position, and the blocks that are their means.

Nothing has to be known about a body. While it runs, the output of every submodule is kept; a block's rows that equal
the mean of one of them over its positions are what a class map splits up exactly.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.explain.bodies.item_parts import ItemParts
from headstart.sources.bodies.trainable import Trainable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MapLayout", "Mean", "Place", "Recorded", "mean_of", "record", "spatial", "weights_of"]

EXACT = 1e-4  # of the largest feature: how near a mean must be to the rows, computed in fp32
SAME_SHAPE = 0.35  # of the logarithm of height over width: maps of a picture have about its proportions
MOST_PREFIX = 8  # tokens before those of the patches
Place = tuple[str, int]  # a submodule, and which of its runs


@dataclass(frozen=True)
class MapLayout:
    """How the positions of a map are arranged.

    Attributes:
        kind: ``"channels first"`` (n, channels, h, w), ``"channels last"`` (n, h, w, channels), ``"tokens"`` (n,
            tokens, channels).
        grid: (h, w) of the positions.
        prefix: tokens before those of the grid, such as a class token.

    Examples:
        >>> import torch
        >>> layout = MapLayout("channels last", (4, 5))
        >>> layout.channels(torch.zeros(2, 4, 5, 3)), layout.positions(torch.zeros(2, 4, 5, 3)).shape
        (3, torch.Size([2, 20, 3]))
    """

    kind: str
    grid: tuple[int, int]
    prefix: int = 0

    def positions(self, tensor: Tensor) -> Tensor:
        """The map as (n, prefix + h * w, channels).

        Examples:
            >>> import torch
            >>> MapLayout("channels first", (4, 5)).positions(torch.zeros(2, 3, 4, 5)).shape
            torch.Size([2, 20, 3])
        """
        if self.kind == "channels first":
            return tensor.flatten(2).transpose(1, 2)
        return tensor.flatten(1, 2) if self.kind == "channels last" else tensor

    def channels(self, tensor: Tensor) -> int:
        """The number of channels of a map."""
        return int(tensor.shape[1 if self.kind == "channels first" else -1])


Mean = tuple[Place, MapLayout]


@dataclass(frozen=True, eq=False)
class Recorded:
    """One run of a body.

    Attributes:
        rows: (n, width) of each block.
        outputs: what submodules returned, (n, ...) with three or four axes, in the order in which they ran; by the
            submodule's name and how many times it had run before. With them the inputs that no submodule returned.
        mask: (n, tokens), 1 for a token and 0 for padding; None where nothing is padded.

    Examples:
        >>> import torch
        >>> found = Recorded([torch.zeros(1, 8)], {("layer", 0): torch.zeros(1, 4, 8)}, torch.tensor([[1, 1, 1, 0]]))
        >>> found.frames(0, 4), found.frames(0, 9)
        (3, 9)
    """

    rows: list[Tensor]
    outputs: dict[Place, Tensor]
    mask: Tensor | None

    def frames(self, part: int, positions: int) -> int:
        """How many of the positions of a part are not padding."""
        if self.mask is None or self.mask.shape[1] != positions:
            return positions
        return int(self.mask[part].sum())


def record(body: Trainable, prepared: Sequence[Any]) -> Recorded:
    """Run a body on a batch, and keep the outputs of its submodules.

    Args:
        body: from a source's ``trainable``.
        prepared: n prepared items of one part each.

    Raises:
        SourceError: if it gives other than one row for each of them.

    Examples:
        >>> import numpy as np
        >>> from headstart.sources import open_source
        >>> found = record(open_source("headstart:image").trainable(), [np.zeros((64, 64, 3), np.uint8)])
        >>> tuple(found.rows[-1].shape), tuple(found.outputs["layer4", 0].shape)
        ((1, 384), (1, 384, 2, 2))
    """
    import torch

    outputs: dict[Place, Tensor] = {}
    runs: Counter[str] = Counter()
    handed_on: dict[int, Tensor] = {}  # what later layers get in place of the outputs

    def is_map(value: Any) -> bool:
        return isinstance(value, torch.Tensor) and value.ndim in (3, 4) and len(value) == len(prepared)

    def hook_for(name: str) -> Callable[[object, tuple[Any, ...], Any], Tensor | None]:
        def hook(_module: object, inputs: tuple[Any, ...], output: Any) -> Tensor | None:
            run = runs[name]
            runs[name] += 1
            # what no submodule returned, such as embeddings with positions, is the input of one
            for given in inputs[:1]:
                if is_map(given) and id(given) not in handed_on:
                    outputs[f"{name} (input)", run] = handed_on[id(given)] = given
            if not is_map(output):
                return None
            outputs[name, run] = output
            clone: Tensor = output.clone()  # a layer that works in place would change what was kept
            handed_on[id(clone)] = clone
            return clone

        return hook

    batch = body.collate(prepared)
    handles = [layer.register_forward_hook(hook_for(name)) for name, layer in body.module.named_modules() if name]
    try:
        rows = body.forward(body.module, batch)
    finally:
        for handle in handles:
            handle.remove()
    if any(len(block) != len(prepared) for block in rows):
        raise SourceError("The body gives other than one row for each item; its maps cannot be shown.")
    mask = batch.get("attention_mask") if isinstance(batch, dict) else None
    return Recorded(list(rows), outputs, mask)


def mean_of(rows: Tensor, found: Recorded, parts: ItemParts) -> Mean | None:
    """The output whose mean over its positions the rows of a block are; None if there is none.

    Of several, such as a map and what pooling made of it, the one with the most positions.

    Args:
        rows: (n, width) of the block.
        found: the run that they come from.
        parts: the item.

    Examples:
        >>> import numpy as np
        >>> from headstart.explain.bodies.item_parts import item_parts
        >>> from headstart.sources import open_source
        >>> source = open_source("headstart:image")
        >>> parts = item_parts(source, np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
        >>> found = record(source.trainable(), parts.prepared)
        >>> mean_of(found.rows[-1], found, parts)[1].grid
        (2, 2)
    """
    import torch

    best: Mean | None = None
    rows = rows.detach()
    allowed = EXACT * max(float(rows.abs().max()), 1e-12)
    for place, output in found.outputs.items():
        for layout in _layouts(tuple(output.shape), parts):
            if layout.channels(output) != rows.shape[1] or (best is not None and _count(layout) < _count(best[1])):
                continue
            positions = layout.positions(output.detach())
            # sums over thousands of equal positions, as of silence, lose digits in fp32
            mean = torch.einsum("np,npc->nc", weights_of(positions, found.mask).double(), positions.double())
            if float((mean - rows).abs().max()) <= allowed:
                best = place, layout
    return best


def weights_of(positions: Tensor, mask: Tensor | None) -> Tensor:
    """The weight (n, positions) of each position in the mean.

    Args:
        positions: (n, positions, channels).
        mask: (n, tokens), 1 for a token and 0 for padding; it is used where it has as many tokens.

    Examples:
        >>> import torch
        >>> weights_of(torch.zeros(1, 2, 3), None), weights_of(torch.zeros(1, 2, 3), torch.tensor([[1, 0]]))
        (tensor([[0.5000, 0.5000]]), tensor([[1., 0.]]))
    """
    import torch

    count, length = positions.shape[:2]
    if mask is not None and tuple(mask.shape) == (count, length):
        return mask.float() / mask.sum(dim=1, keepdim=True)
    return torch.full((count, length), 1 / length)


def spatial(found: Recorded, parts: ItemParts) -> Iterator[tuple[Place, MapLayout]]:
    """The outputs with several positions in a grid of the item's proportions, last to first.

    Args:
        found: a run.
        parts: the item.

    Examples:
        >>> import torch
        >>> outputs = {("stem", 0): torch.zeros(1, 8, 4, 4), ("last", 0): torch.zeros(1, 8, 2, 2)}
        >>> found = Recorded([torch.zeros(1, 8)], outputs, None)
        >>> [(name, layout.grid) for (name, _), layout in spatial(found, ItemParts((), 32, 32))]
        [('last', (2, 2)), ('stem', (4, 4))]
    """
    widths = {row.shape[1] for row in found.rows}
    for place, output in reversed(found.outputs.items()):
        if parts.in_time_only and output.shape[-1] not in widths:
            continue  # channels before times, as in convolutions over a waveform
        for layout in _layouts(tuple(output.shape), parts):
            if layout.grid[0] * layout.grid[1] > 1:
                yield place, layout
                break


def _count(layout: MapLayout) -> int:
    return layout.grid[0] * layout.grid[1]


def _layouts(shape: tuple[int, ...], parts: ItemParts) -> list[MapLayout]:
    """The arrangements that a shape may have, likeliest first."""
    if len(shape) == 3:
        return _token_layouts(shape[1], parts)
    if parts.in_time_only:
        return []
    first, last = (shape[2], shape[3]), (shape[1], shape[2])
    fitting = [MapLayout("channels first", first)] if _fits(first, parts) else []
    return [*fitting, *([MapLayout("channels last", last)] if _fits(last, parts) else [])]


def _token_layouts(count: int, parts: ItemParts) -> list[MapLayout]:
    if parts.in_time_only:
        return [MapLayout("tokens", (1, count))]
    for prefix in range(min(MOST_PREFIX, count - 1) + 1):
        height = round(math.sqrt((count - prefix) * parts.height / parts.width))
        grid = (height, (count - prefix) // height) if height else (0, 0)
        if grid[0] * grid[1] == count - prefix and _fits(grid, parts):
            return [MapLayout("tokens", grid, prefix)]
    return []


def _fits(grid: tuple[int, int], parts: ItemParts) -> bool:
    """Whether a grid has about the proportions of the item; of few cells, rounding changes them."""
    height, width = grid
    if not 0 < height <= parts.height or not 0 < width <= parts.width:
        return False
    rounded = 1 / min(height, width)
    return abs(math.log(height / width * parts.width / parts.height)) <= max(SAME_SHAPE, rounded)
