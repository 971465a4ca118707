"""An item read by a body in torch: its row in fp32, its parts, and where the maps are whose means its blocks are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from headstart.errors import HeadstartError, SourceError
from headstart.explain.asking.query import Query, source_in_fp32
from headstart.explain.bodies.feature_maps import Mean, Recorded, mean_of, record, spatial
from headstart.explain.bodies.item_parts import ItemParts, item_parts
from headstart.sources.bodies.trainable import Trainable, TrainableSource
from headstart.sources.transformers.clip import ClipSource
from headstart.types import Source

__all__ = ["MapReading", "map_reading", "maps_missing", "means_missing"]

Array = NDArray[np.float64]
PIXELS_AT_ONCE = 4 * 224 * 224
FRAMES_AT_ONCE = 6000
PARTS_AT_ONCE = 32

_BODIES: WeakKeyDictionary[Any, Trainable] = WeakKeyDictionary()
_READ: WeakKeyDictionary[Query, MapReading] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class MapReading:
    """What the maps of an item need.

    Attributes:
        source: the source in fp32.
        body: it in torch.
        parts: of the item.
        row: (d,) the item's features, computed in fp32.
        shares: (parts,) the weight of each part in them; they sum to one.
        means: for each block, the map whose mean its rows are; None for another pooling.
        has_maps: whether any layer has a map in the proportions of the item.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", layers="last", baselines="none", verbose=False).model
        >>> reading = map_reading(ask(model, pictures[0]))
        >>> [tuple(found.rows[-1].shape) for _, found in reading.runs()], reading.row.shape, reading.has_maps
        ([(1, 384)], (384,), True)
    """

    source: Source
    body: Trainable
    parts: ItemParts
    row: Array
    shares: Array
    means: tuple[Mean | None, ...]
    has_maps: bool

    def runs(self) -> Iterator[tuple[slice, Recorded]]:
        """Each group of parts, and the run of the body on it."""
        for group in _groups(self.parts):
            yield group, record(self.body, self.parts.prepared[group])


def map_reading(query: Query) -> MapReading:
    """The reading of a question's item; it is computed once.

    Args:
        query: of a model whose source is a body in torch.

    Raises:
        SourceError: if the source has no such body.
        ItemError: if it makes other parts of the item than pictures or sounds have.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> map_reading(ask(model, pictures[0])).shares
        array([1.])
    """
    if query not in _READ:
        _READ[query] = _read(query)
    return _READ[query]


def maps_missing(query: Query) -> str:
    """Why the body of a model has no maps of its items; empty if it has.

    Args:
        query: of any model.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> texts = [f"{word} film {k}" for k, word in enumerate(["good", "bad"] * 10)]
        >>> query = ask(fit((texts, ["+", "-"] * 10), source="toy", verbose=False).model, "good fun")
        >>> maps_missing(query)
        "a body that torch can run with gradients, which 'toy' is not; use 'occlusion'."
    """
    source = query.model.source
    if not isinstance(_bare(source), TrainableSource):
        return f"a body that torch can run with gradients, which '{source.info.name}' is not; use 'occlusion'."
    try:
        reading = map_reading(query)
    except HeadstartError as error:
        reason = str(error).rstrip(".").partition(";")[0]
        return f"maps of the item, which the body does not show ({reason}); use 'occlusion'."
    if not reading.has_maps:
        return f"a body whose layers have maps of the item, which '{source.info.name}' has not; use 'occlusion'."
    return ""


def means_missing(query: Query) -> str:
    """Which block that the head reads is not a mean over positions, in words; empty if each of them is one.

    Args:
        query: of any model.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> means_missing(ask(model, pictures[0]))
        ''
    """
    missing = maps_missing(query)
    if missing:
        return missing
    reading = map_reading(query)
    blocks = reading.source.info.blocks
    read = query.model.head.feature_map.reads([block.width for block in blocks])
    for block, mean, is_read in zip(blocks, reading.means, read, strict=True):
        if is_read and mean is None:
            return (
                f"blocks that are means over the positions of a map, which block '{block.name}' of "
                f"'{reading.source.info.name}' is not; use 'grad_cam' or 'occlusion'."
            )
    return ""


def _bare(source: Source) -> Source:
    """The source whose body runs: of two towers the image tower, of a body in int8 the one in fp32."""
    full = source_in_fp32(source)
    return full.body if isinstance(full, ClipSource) else full


def _read(query: Query) -> MapReading:
    import torch

    source = _bare(query.model.source)
    if not isinstance(source, TrainableSource):
        raise SourceError(f"The source '{source.info.name}' has no body in torch; use 'occlusion'.")
    if source not in _BODIES:
        _BODIES[source] = source.trainable()
    body, parts = _BODIES[source], item_parts(source, query.item)
    rows, lengths = [], []
    means: tuple[Mean | None, ...] = ()
    has_maps = False
    with torch.no_grad():
        for group in _groups(parts):
            found = record(body, parts.prepared[group])
            rows.append(torch.cat([block.double() for block in found.rows], dim=1).numpy())
            lengths.append(np.ones(len(rows[-1])) if found.mask is None else found.mask.sum(dim=1).double().numpy())
            if not means:
                means = tuple(mean_of(block, found, parts) for block in found.rows)
                has_maps = any(True for _ in spatial(found, parts)) or any(means)
    shares = np.concatenate(lengths)
    shares = shares / shares.sum()
    return MapReading(source, body, parts, shares @ np.concatenate(rows), shares, means, has_maps)


def _groups(parts: ItemParts) -> list[slice]:
    """Parts that run at the same time, so that memory is bounded however long a sound is."""
    most = FRAMES_AT_ONCE if parts.in_time_only else PIXELS_AT_ONCE
    size = most // (parts.height * parts.width)
    size = min(max(size, 1), PARTS_AT_ONCE)
    return [slice(k, k + size) for k in range(0, len(parts.prepared), size)]
