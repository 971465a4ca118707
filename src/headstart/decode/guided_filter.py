"""The guided filter: scores are smoothed except where the picture has an edge.

In every window the result is a line in the guide, q = a I + b, the least squares fit of the scores with a penalty ε a²;
a pixel takes the mean of the lines of all windows that hold it.

Reference: He, Sun & Tang, "Guided Image Filtering", ECCV 2010.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_mean", "guided_filter"]


def guided_filter(
    guide: NDArray[np.floating], scores: NDArray[np.floating], radius: int = 4, epsilon: float = 1e-3
) -> NDArray[np.float32]:
    """Scores whose edges follow those of the guide.

    Args:
        guide: (height, width) grey values in [0, 1].
        scores: (height, width, k).
        radius: windows have 2 radius + 1 pixels a side; those at the border have the pixels that exist.
        epsilon: the penalty on slopes: variances of the guide far below it count as no edge.

    Returns:
        (height, width, k) float32.

    Examples:
        >>> step = np.repeat([[0.0, 1.0]], 4, axis=1).repeat(4, axis=0)
        >>> soft = np.clip(np.linspace(-0.5, 1.5, 8), 0, 1).repeat(4).reshape(8, 4).T[..., None]
        >>> guided_filter(step, soft, 2, 1e-6)[0, :, 0].round(1)
        array([0.1, 0.1, 0.1, 0.2, 0.8, 0.9, 0.9, 0.9], dtype=float32)
    """
    grey = np.asarray(guide, dtype=np.float64)[..., None]
    mean = box_mean(grey, radius)
    spread = np.maximum(box_mean(grey * grey, radius) - mean * mean, 0) + epsilon
    found: NDArray[np.float32] = np.empty(np.shape(scores), np.float32)
    for k in range(found.shape[2]):  # one class at a time, so that memory does not grow with the classes
        given = np.asarray(scores[..., k : k + 1], dtype=np.float64)
        average = box_mean(given, radius)
        slope = (box_mean(grey * given, radius) - mean * average) / spread
        found[..., k : k + 1] = box_mean(slope, radius) * grey + box_mean(average - slope * mean, radius)
    return found


def box_mean(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """The mean over the square of 2 radius + 1 pixels around each pixel, over the pixels that exist.

    Args:
        values: (height, width, k).
        radius: in pixels.

    Examples:
        >>> box_mean(np.arange(4.0).reshape(1, 4, 1), 1)[0, :, 0]
        array([0.5, 1. , 2. , 2.5])
    """
    for axis in (0, 1):
        length = values.shape[axis]
        # sums up to and including each position, with a zero before the first
        sums = np.cumsum(np.insert(values, 0, 0.0, axis=axis), axis=axis)
        places = np.arange(length)
        begin, end = np.maximum(places - radius, 0), np.minimum(places + radius + 1, length)
        counts = (end - begin).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
        values = (np.take(sums, end, axis=axis) - np.take(sums, begin, axis=axis)) / counts
    return values
