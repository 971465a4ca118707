"""Peaks of a map: the cells that are higher than those around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["peaks"]


def peaks(heat: NDArray[np.float64], *, least: float, most: int = 100) -> NDArray[np.intp]:
    """The peaks of the maps of several classes, highest first.

    A peak is at least as high as its up to eight neighbours. Of equal neighbours each is one.

    Args:
        heat: (height, width, C), a map of each class.
        least: what a peak must exceed.
        most: peaks at most.

    Returns:
        (k, 3) row, column and class.

    References:
        Zhou et al. 2019, "Objects as Points".

    Examples:
        >>> heat = np.zeros((3, 4, 1))
        >>> heat[0, 0], heat[0, 1], heat[2, 3] = 0.9, 0.5, 0.7
        >>> peaks(heat, least=0.1)
        array([[0, 0, 0],
               [2, 3, 0]])
    """
    height, width, _ = heat.shape
    around = np.pad(heat, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    highest = np.max([around[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    found = np.argwhere((heat >= highest) & (heat > least))
    order = np.argsort(-heat[tuple(found.T)], kind="stable")
    return np.asarray(found[order[:most]])
