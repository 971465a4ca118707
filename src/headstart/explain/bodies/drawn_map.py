"""From values on the grids of a body's layers to one map over the picture, or over the spectrogram of the sound.

The value of a cell is spread over the pixels around it with weights that sum to one, so a map keeps its sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import PixelMap, Shown, TimeFrequencyMap
from headstart.data.media.readers import read_image
from headstart.explain.bodies.feature_maps import MapLayout
from headstart.explain.bodies.item_parts import ItemParts
from headstart.explain.bodies.map_reading import MapReading
from headstart.sources.preprocessing.picture_view import HasPictureTransform

__all__ = ["drawn_map", "part_map", "spread_out"]

Array = NDArray[np.float64]
SIDE = 512  # pixels of the longer side of a picture
COLUMNS = 800  # of the map of a sound


def spread_out(grid: Array, height: int, width: int) -> Array:
    """Values of cells as values of pixels, with the same sum.

    Args:
        grid: (h, w).
        height: in pixels, at least h.
        width: in pixels, at least w.

    Returns:
        (height, width): each cell is spread over the pixels around it, with the weights of bilinear interpolation,
        which are made to sum to one.

    Examples:
        >>> spread_out(np.array([[4.0, 0.0]]), 1, 4).round(2)
        array([[2. , 1.5, 0.5, 0. ]])
    """
    found: Array = _weights(grid.shape[0], height) @ grid @ _weights(grid.shape[1], width).T
    return found


def part_map(values: Array, layout: MapLayout, parts: ItemParts, frames: int) -> Array:
    """The values of the positions of a layer as a map of one part, with the same sum.

    Args:
        values: (prefix + positions,) of one part; those of the prefix have no place.
        layout: of the layer.
        parts: the item.
        frames: how many positions of this part hold sound, where positions are times; the others are padding.

    Returns:
        (height, width) of the part; (1, frames) where positions are times.

    Examples:
        >>> from headstart.explain.bodies.feature_maps import MapLayout
        >>> part_map(np.array([9.0, 1, 2, 3, 4]), MapLayout("tokens", (2, 2), 1), ItemParts((), 2, 2), 0).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    placed = values[layout.prefix :]
    if not parts.in_time_only:
        return spread_out(placed.reshape(layout.grid), parts.height, parts.width)
    if len(placed) == frames:
        return placed[None]
    # another layer has another number of frames
    ends = np.interp(np.linspace(0, len(placed), frames + 1), np.arange(len(placed) + 1), np.cumsum([0.0, *placed]))
    return np.asarray(np.diff(ends)[None])


@cache
def _weights(cells: int, pixels: int) -> Array:
    """(pixels, cells) weights of bilinear interpolation, each column divided by its sum."""
    places = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    weights: Array = np.maximum(0.0, 1 - np.abs(places[:, None] - np.arange(cells)))
    return np.asarray(weights / np.maximum(weights.sum(axis=0), 1e-300))


def drawn_map(
    reading: MapReading, item: object, values: Sequence[Array], cells: tuple[int, int], *, signed: bool
) -> Shown:
    """The map of an item from those of its parts.

    Args:
        reading: of the item.
        item: the item.
        values: (height, width) of each part, as the body's maps lie; (1, frames) where positions are times.
        cells: rows and columns of the grid of one part, before it was enlarged.
        signed: whether values below 0 mean something.

    Examples:
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> from headstart.explain.bodies.map_reading import map_reading
        >>> pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> reading = map_reading(ask(model, pictures[0]))
        >>> shown = drawn_map(reading, pictures[0], [spread_out(np.eye(2), 64, 64)], (2, 2), signed=True)
        >>> shown.values.shape, shown.cells, round(float(shown.values.sum()), 6)
        ((64, 64), (2, 2), 2.0)
    """
    parts = reading.parts
    if not parts.sound:
        picture, box = _picture(reading, item)
        return PixelMap(values[0], picture, cells, signed, box)
    drawn = [_frequencies_first(one, parts) for one in values]
    shape = cells[::-1] if parts.time_first else cells
    seconds = max(part.stop for part in parts.sound)
    columns = min(COLUMNS, sum(one.shape[1] for one in drawn))
    map_, seen = (_timeline(arrays, parts, seconds, columns, mean=mean) for arrays, mean in (
        (drawn, False), ([part.seen for part in parts.sound], True)))  # fmt: skip
    return TimeFrequencyMap(
        map_, seen, seconds, parts.hertz, signed, (shape[0], min(shape[1] * len(drawn), columns, map_.shape[1]))
    )


def _frequencies_first(values: Array, parts: ItemParts) -> Array:
    turned = values.T if parts.time_first else values
    return turned[::-1] if parts.top_first else turned


def _timeline(arrays: Sequence[Array], parts: ItemParts, seconds: float, columns: int, *, mean: bool) -> Array:
    """(rows, columns) of one time axis: the sums of what lies in each column, or the means."""
    sums, counts = np.zeros((arrays[0].shape[0], columns)), np.zeros(columns)
    for values, part in zip(arrays, parts.sound, strict=True):
        # the weight of each frame in each column that it overlaps; a frame's weights sum to one
        edges = np.linspace(part.start, part.stop, values.shape[1] + 1) / seconds * columns
        for first in range(0, values.shape[1], 4096):
            last = min(first + 4096, values.shape[1])
            low, high = edges[first:last, None], edges[first + 1 : last + 1, None]
            begin, end = int(edges[first]), min(int(np.ceil(edges[last])), columns)
            ticks = np.arange(begin, end)[None]
            overlap = np.clip(np.minimum(high, ticks + 1) - np.maximum(low, ticks), 0, None)
            overlap /= np.maximum(overlap.sum(axis=1, keepdims=True), 1e-300)
            sums[:, begin:end] += values[:, first:last] @ overlap
            counts[begin:end] += overlap.sum(axis=0)
    if not mean:
        return sums
    found = sums / np.maximum(counts, 1e-300)
    found[:, counts == 0] = found[:, counts > 0].min()
    return found


def _picture(reading: MapReading, item: object) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """The picture, of at most 512 pixels a side, and the part of it that the body saw (left, top, right, bottom)."""
    source, prepared = reading.source, reading.parts.prepared[0]
    transform = source.picture_transform if isinstance(source, HasPictureTransform) else None
    if transform is None:
        return _as_picture(prepared), (0.0, 0.0, 1.0, 1.0)
    picture = read_image(item, draft_size=(SIDE, SIDE))
    width, height = picture.size
    picture.thumbnail((SIDE, SIDE))
    return np.asarray(picture.convert("RGB")), transform.seen(width, height)


def _as_picture(prepared: NDArray[np.generic]) -> NDArray[np.uint8]:
    """A prepared item as a picture; floats are brought into the range of a picture."""
    if prepared.dtype == np.uint8 and prepared.shape[-1] == 3:
        return np.asarray(prepared)
    values = np.moveaxis(np.asarray(prepared, np.float64), 0, -1)
    low, high = values.min(), values.max()
    return np.asarray(np.rint(255 * (values - low) / ((high - low) or 1.0)), dtype=np.uint8)[:, :, :3]
