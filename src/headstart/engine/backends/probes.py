"""Test batches for a traced body: with another number of items, other lengths and other values than the traced one.

Tracing records one run. A branch that depends on values, or a size that became a constant, shows up as a difference
from the plain body on a batch unlike the recorded one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.arrays import first_items, map_arrays
from headstart.engine.body.recipe import Batch

__all__ = ["has_lengths", "longer", "mirrored", "shorter"]

LONGER, MIRRORED = 3, 2  # items


def has_lengths(array: NDArray[Any]) -> bool:
    """Whether axis 1 of an array of a mapping may be a length: of (n, tokens) or (n, frames, width).

    Examples:
        >>> has_lengths(np.ones((2, 16))), has_lengths(np.ones((2, 3, 8, 8)))
        (True, False)
    """
    return 2 <= array.ndim <= 3


def longer(example: Batch) -> Batch | None:
    """A few of the items at twice their length, each repeated; None if no array has a length.

    Examples:
        >>> longer({"ids": np.array([[1, 2]])})["ids"]
        array([[1, 2, 1, 2]])
    """
    if not isinstance(example, Mapping) or not any(has_lengths(array) for array in example.values()):
        return None

    def twice(array: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([array, array], axis=1) if has_lengths(array) else array

    batch: Batch = map_arrays(first_items(example, LONGER), twice)
    return batch


def shorter(example: Batch) -> Batch | None:
    """A few of the items cut to half their length; None if no array has a length.

    Examples:
        >>> shorter({"ids": np.array([[1, 2]])})["ids"]
        array([[1]])
    """
    if not isinstance(example, Mapping) or not any(has_lengths(array) for array in example.values()):
        return None

    def half(array: NDArray[Any]) -> NDArray[Any]:
        return array[:, : -(-array.shape[1] // 2)] if has_lengths(array) else array

    batch: Batch = map_arrays(first_items(example, LONGER), half)
    return batch


def mirrored(example: Batch) -> Batch:
    """A few of the items, changed: bytes are inverted, floats change sign, integers (such as tokens) change places.

    Examples:
        >>> mirrored(np.array([[0, 250]], np.uint8))
        array([[255,   5]], dtype=uint8)
        >>> mirrored(np.array([[1], [2]]))
        array([[2],
               [1]])
    """

    def mirror(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype == np.uint8:
            return 255 - array
        return -array if array.dtype.kind == "f" else array[::-1].copy()

    batch: Batch = map_arrays(first_items(example, MIRRORED), mirror)
    return batch
