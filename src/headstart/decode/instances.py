"""Objects in a foreground: connected seeds that grow inside of it, so that objects that touch stay apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["objects_of", "outlines"]


def objects_of(
    seeds: NDArray[np.bool_], foreground: NDArray[np.bool_], *, grow: int = 4, least: int = 1
) -> NDArray[np.int32]:
    """Number the objects of a foreground.

    Each connected part of the seeds is an object. It grows by one pixel at a time inside the foreground; where two meet
    they stop. A part of the foreground without a seed is an object of its own.

    Args:
        seeds: (height, width), such as the interiors of objects.
        foreground: (height, width), all pixels of objects.
        grow: by how many pixels seeds grow at most.
        least: pixels of the smallest object; smaller ones become background.

    Returns:
        (height, width) int32, objects counted from 1, 0 for the background. Parts are connected through sides.

    Examples:
        >>> foreground = np.array([[1, 1, 1, 1, 1, 0, 1]], bool)
        >>> objects_of(np.array([[1, 0, 0, 0, 1, 0, 0]], bool), foreground)
        array([[1, 1, 1, 2, 2, 0, 3]], dtype=int32)
    """
    from scipy.ndimage import label

    numbers = label(seeds & foreground)[0].astype(np.int32)
    parts = label(foreground)[0]
    # parts that no seed lies in
    seeded = np.zeros(int(parts.max()) + 1, bool)
    seeded[np.unique(parts[numbers > 0])] = True
    alone = (parts > 0) & ~seeded[parts]
    numbers[alone] = label(alone)[0][alone] + int(numbers.max())
    for _ in range(grow):
        free = foreground & (numbers == 0)
        if not free.any():
            break
        numbers[free] = _nearest(numbers)[free]
    return _without_small(numbers, least)


def _nearest(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """The smallest number among the four neighbours of each pixel; 0 where none has one."""
    none = np.iinfo(np.int32).max
    padded = np.pad(np.where(numbers == 0, none, numbers), 1, constant_values=none)
    around = np.minimum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    return np.asarray(np.where(around == none, 0, around), dtype=np.int32)


def _without_small(numbers: NDArray[np.int32], least: int) -> NDArray[np.int32]:
    """Objects of at least ``least`` pixels, counted anew without gaps."""
    areas = np.bincount(numbers.ravel())
    kept = areas >= least
    kept[0] = False
    new = np.cumsum(kept) * kept
    return np.asarray(new[numbers], dtype=np.int32)


def outlines(numbers: NDArray[np.integer], width: int = 1) -> NDArray[np.bool_]:
    """The pixels of objects that lie within ``width`` of another object or of the background.

    Args:
        numbers: (height, width) numbers of objects, 0 for the background. The picture's border is no outline.
        width: in pixels, along rows and columns.

    Examples:
        >>> outlines(np.array([[0, 1, 1, 1, 1, 2]])).astype(int)
        array([[0, 1, 0, 0, 1, 1]])
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    side = 2 * width + 1
    values = np.asarray(numbers)
    different = maximum_filter(values, side, mode="nearest") != minimum_filter(values, side, mode="nearest")
    return np.asarray(different & (values > 0))
