"""Maps brought from one grid to another, as torch's ``interpolate`` with ``align_corners=False``, in numpy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["at_grid", "resize_matrix"]

EVERYTHING = (slice(None), slice(None))


def at_grid(
    found: NDArray[np.float32], size: tuple[int, int], part: tuple[slice, slice] = EVERYTHING
) -> NDArray[np.float32]:
    """A map at another grid: bilinearly at a finer one, by the mean over the pixels of a cell at a coarser one.

    Args:
        found: (rows, columns, channels).
        size: (rows, columns) wanted.
        part: the rows and columns of the result that are wanted.

    Returns:
        (rows, columns, channels) float32 of the wanted part.

    Examples:
        >>> at_grid(np.array([[[0.0], [4.0]]], np.float32), (1, 4)).ravel()
        array([0., 1., 3., 4.], dtype=float32)
    """
    if found.shape[:2] == size:
        return found[part]
    down = resize_matrix(found.shape[0], size[0])[part[0]]
    across = resize_matrix(found.shape[1], size[1])[part[1]]
    rows = (down @ found.reshape(len(found), -1)).reshape(len(down), *found.shape[1:])
    return np.asarray(across @ rows)  # (columns', columns) @ (rows', columns, channels)


@lru_cache(maxsize=256)
def resize_matrix(length: int, wanted: int) -> NDArray[np.float32]:
    """The weights (wanted, length) of a resize along one axis: each row sums to 1.

    Bilinear with half-pixel centres where the axis grows (``align_corners=False``), else the mean over each cell.

    Args:
        length: samples there are.
        wanted: samples wanted.

    Examples:
        >>> resize_matrix(2, 4)
        array([[1.  , 0.  ],
               [0.75, 0.25],
               [0.25, 0.75],
               [0.  , 1.  ]], dtype=float32)
    """
    weights = np.zeros((wanted, length))
    edges = np.arange(wanted + 1) * length / wanted
    if wanted >= length:
        centres = np.clip((edges[:-1] + edges[1:]) / 2 - 0.5, 0, length - 1)
        low = np.minimum(centres.astype(int), max(length - 2, 0))
        share = centres - low
        np.add.at(weights, (np.arange(wanted), low), 1 - share)
        np.add.at(weights, (np.arange(wanted), np.minimum(low + 1, length - 1)), share)
    else:
        # the part of each sample that lies inside the cell
        samples = np.arange(length)
        inside = np.minimum(edges[1:, None], samples + 1) - np.maximum(edges[:-1, None], samples)
        weights = np.clip(inside, 0, None)
        weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
