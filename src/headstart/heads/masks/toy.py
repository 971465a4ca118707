"""Pictures of coloured squares with their masks, for examples and tests."""

from __future__ import annotations

import numpy as np

from headstart.annotations import MaskArray
from headstart.types import Dataset, Task

__all__ = ["toy_masks"]


def toy_masks(count: int = 4, *, side: int = 24, objects: bool = True, seed: int = 0) -> Dataset:
    """Pictures with two bright squares each on a dark, noisy ground.

    Args:
        count: pictures.
        side: of a picture, in pixels.
        objects: whether the masks tell the squares apart.
        seed: of the places and the noise.

    Examples:
        >>> data = toy_masks(2)
        >>> data.items[0].shape, data.y[0].size, int(data.y[0].instances().max())
        ((24, 24, 3), (24, 24), 2)
    """
    rng = np.random.default_rng(seed)
    pictures, y = [], np.empty(count, object)
    third = side // 3
    for k in range(count):
        numbers = np.zeros((side, side), np.int32)
        top, left = rng.integers(1, side - third - 1), rng.integers(1, side // 2 - third - 1)
        numbers[top : top + third, left : left + third] = 1
        top, left = rng.integers(1, side - third - 1), rng.integers(side // 2 + 1, side - third - 1)
        numbers[top : top + third, left : left + third] = 2
        grey = np.where(numbers > 0, 190, 60) + rng.normal(0, 12, numbers.shape)
        pictures.append(np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2))
        y[k] = MaskArray((numbers > 0).astype(np.int16), numbers if objects else None)
    ids = tuple(f"picture {k}" for k in range(count))
    return Dataset(pictures, ids, "image", Task("mask", ("background", "square")), y)
