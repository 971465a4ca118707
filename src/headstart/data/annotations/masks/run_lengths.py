"""Run-length codes and polygons of COCO as arrays: column by column, runs of 0 and 1 by turns, 0 first.

The compressed form, and how a polygon fills pixels (its boundary drawn five times as fine), follow the COCO API, so
that masks are the same to the pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "boundary_points",
    "compress",
    "counts_part",
    "decode_counts",
    "encode_counts",
    "expand",
    "fill_polygon",
    "polygon_part",
]

FINER = 5
MOST_RUNS = 50_000_000


def expand(text: str | bytes) -> list[int]:
    """The counts of a compressed code: numbers of 5 bits a character, from the third on as differences.

    Args:
        text: characters from ``0`` to ``o``.

    Raises:
        ValueError: if it holds other characters, or ends inside a number.

    Examples:
        >>> expand("52203")
        [5, 2, 2, 2, 5]
    """
    if isinstance(text, str) and not text.isascii():
        raise ValueError("it holds a character that is none of a run-length code")
    raw = text.encode("ascii") if isinstance(text, str) else text
    counts: list[int] = []
    number, shift = 0, 0
    for sign in raw:
        bits = sign - 48
        if not 0 <= bits < 64:
            raise ValueError(f"the character {chr(sign)!r} is none of a run-length code")
        number |= (bits & 0x1F) << shift
        shift += 5
        if shift > 60:
            raise ValueError("a run is longer than any picture")
        if bits & 0x20:
            continue
        if bits & 0x10:
            number |= -1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number, shift = 0, 0
    if shift:
        raise ValueError("it ends inside a number")
    return counts


def compress(counts: Sequence[int]) -> str:
    """The compressed code of counts.

    Args:
        counts: lengths of runs.

    Examples:
        >>> compress([5, 2, 2, 2, 5])
        '52203'
    """
    signs = []
    for place, count in enumerate(counts):
        number = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            bits = number & 0x1F
            number >>= 5
            more = number != -1 if bits & 0x10 else number != 0
            signs.append(chr(48 + (bits | 0x20 if more else bits)))
    return "".join(signs)


def decode_counts(counts: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (height, width) of counts.

    Args:
        counts: lengths of runs.
        size: (width, height).

    Raises:
        ValueError: if a run is negative, or the runs are not as many pixels as the picture has.

    Examples:
        >>> decode_counts([1, 2, 1], (2, 2)).astype(int).tolist()
        [[0, 1], [1, 0]]
    """
    width, height = size
    runs = np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or (runs > width * height).any() or int(runs.sum()) != width * height:
        raise ValueError(f"its runs must add up to the {width * height} pixels of the picture")
    bits = np.arange(len(runs)) % 2 == 1
    return np.asarray(np.repeat(bits, runs).reshape(width, height).T)


def encode_counts(mask: NDArray[np.bool_]) -> list[int]:
    """The counts of a mask (height, width).

    Examples:
        >>> encode_counts(np.array([[0, 1], [1, 0]], bool))
        [1, 2, 1]
    """
    flat = np.asarray(mask, dtype=bool).T.ravel()
    if not len(flat):
        return [0]
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], ends, [len(flat)]])).tolist()
    return [0, *runs] if flat[0] else list(runs)


def boundary_points(xy: NDArray[np.float64]) -> int:
    """How many points `fill_polygon` makes of a polygon (k, 2), which bounds its memory.

    Examples:
        >>> boundary_points(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0]]))
        28
    """
    corners = (FINER * xy + 0.5).astype(np.int64)
    return int(np.abs(corners - np.roll(corners, -1, axis=0)).max(axis=1).sum()) + len(xy)


def fill_polygon(xy: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels (height, width) of a polygon.

    Args:
        xy: (k, 2) corners in pixels.
        size: (width, height).

    Examples:
        >>> fill_polygon(np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]]), (4, 3)).astype(int).tolist()
        [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    filled = np.zeros((size[1], size[0]), dtype=bool)
    (left, top), inside = polygon_part(xy, size)
    filled[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return filled


def polygon_part(xy: NDArray[np.float64], size: tuple[int, int]) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """The pixels of a polygon in the box around them.

    Args:
        xy: (k, 2) corners in pixels.
        size: (width, height) of the picture.

    Returns:
        (left, top) of the box, and its pixels.

    Examples:
        >>> corner, inside = polygon_part(np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]]), (4, 3))
        >>> corner, inside.shape, bool(inside.all())
        ((1, 0), (2, 2), True)
    """
    width, height = size
    u, v = _boundary(xy)
    moved = np.flatnonzero(u[1:] != u[:-1]) + 1
    across = np.where(u[moved] < u[moved - 1], u[moved], u[moved] - 1)
    x = (across + 0.5) / FINER - 0.5
    y = np.ceil(np.clip((np.minimum(v[moved], v[moved - 1]) + 0.5) / FINER - 0.5, 0, height))
    kept = (np.floor(x) == x) & (x >= 0) & (x <= width - 1)
    if not kept.any():
        return (0, 0), np.zeros((0, 0), dtype=bool)
    columns, rows = x[kept].astype(np.int64), y[kept].astype(np.int64)
    left, top = int(columns.min()), int(rows.min())
    wide, tall = int(columns.max()) + 1 - left, int(rows.max()) - top
    # the boundary is closed, so that it crosses each column an even number of times
    changes = np.bincount((columns - left) * tall + rows - top, minlength=wide * tall + 1)[: wide * tall]
    return (left, top), np.asarray((np.cumsum(changes) % 2 == 1).reshape(wide, tall).T)


def counts_part(counts: Sequence[int], size: tuple[int, int]) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """The mask of counts in the columns that it fills.

    Args:
        counts: lengths of runs.
        size: (width, height) of the picture.

    Returns:
        (left, top) of the columns, and their pixels.

    Raises:
        ValueError: as `decode_counts`.

    Examples:
        >>> counts_part([3, 2, 3], (4, 2))
        ((1, 0), array([[False,  True],
               [ True, False]]))
    """
    width, height = size
    runs = np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or (runs > width * height).any() or int(runs.sum()) != width * height:
        raise ValueError(f"its runs must add up to the {width * height} pixels of the picture")
    filled = np.flatnonzero((np.arange(len(runs)) % 2 == 1) & (runs > 0))
    if not len(filled):
        return (0, 0), np.zeros((0, 0), dtype=bool)
    ends = np.cumsum(runs)
    first, last = filled[0], filled[-1]
    left, right = int(ends[first - 1]) // height, (int(ends[last]) - 1) // height + 1
    own = [int(ends[first - 1]) - left * height, *runs[first : last + 1].tolist(), right * height - int(ends[last])]
    return (left, 0), decode_counts(own, (right - left, height))


def _boundary(xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Points along the boundary on the finer grid, edge after edge."""
    corners = (FINER * xy + 0.5).astype(np.int64)  # towards zero, as in C
    us, vs = [], []
    for (xs, ys), (xe, ye) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        wide, high = abs(xe - xs), abs(ye - ys)
        flip = (wide >= high and xs > xe) or (wide < high and ys > ye)
        x0, y0, x1, y1 = (xe, ye, xs, ys) if flip else (xs, ys, xe, ye)
        steps = np.arange(max(wide, high) + 1)
        steps = steps[::-1] if flip else steps
        if wide >= high:
            slope = (y1 - y0) / wide if wide else 0.0
            us.append(steps + x0)
            vs.append((y0 + slope * steps + 0.5).astype(np.int64))
        else:
            slope = (x1 - x0) / high
            vs.append(steps + y0)
            us.append((x0 + slope * steps + 0.5).astype(np.int64))
    return np.concatenate(us), np.concatenate(vs)
