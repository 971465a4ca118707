"""Numbers of a pixel that need no body: its colour, and the mean and variance of its surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOCAL_SIDE", "cell_means", "local_statistics"]

LOCAL_SIDE = 15  # pixels


def local_statistics(pixels: NDArray[np.uint8], stride: int, side: int = LOCAL_SIDE) -> NDArray[np.float32]:
    """Colour, local mean and local variance of each cell.

    Args:
        pixels: (height, width, 3) uint8.
        stride: pixels a cell.
        side: of the square over which mean and variance are taken, in pixels; mirrored at the border.

    Returns:
        (rows, columns, 9) float32: the mean over the cell's pixels of red, green and blue in [0, 1], of their local
        means, and of their local variances.

    Examples:
        >>> local_statistics(np.full((5, 4, 3), 51, np.uint8), 2)[2, 1, 2:7].round(3)
        array([0.2, 0.2, 0.2, 0.2, 0. ], dtype=float32)
    """
    from scipy.ndimage import uniform_filter

    colour = pixels.astype(np.float32) / 255
    mean = uniform_filter(colour, (side, side, 0))
    variance = np.maximum(uniform_filter(colour * colour, (side, side, 0)) - mean * mean, 0)
    return cell_means(np.concatenate([colour, mean, variance], axis=2), stride)


def cell_means(values: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """The mean of values over cells of ``stride`` x ``stride`` pixels; cells at the border have the pixels that exist.

    Args:
        values: (height, width, k).
        stride: pixels a cell.

    Returns:
        (ceil(height / stride), ceil(width / stride), k) float32.

    Examples:
        >>> cell_means(np.arange(6, dtype=np.float32).reshape(2, 3, 1), 2)[..., 0]
        array([[2. , 3.5]], dtype=float32)
    """
    height, width = values.shape[:2]
    if stride == 1:
        return np.asarray(values, dtype=np.float32)
    tops, lefts = np.arange(0, height, stride), np.arange(0, width, stride)
    sums = np.add.reduceat(np.add.reduceat(values, tops, axis=0), lefts, axis=1)
    counts = np.outer(np.minimum(stride, height - tops), np.minimum(stride, width - lefts))
    return np.asarray(sums / counts[..., None], dtype=np.float32)
