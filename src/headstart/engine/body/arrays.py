"""Batches of arrays: an array, or a mapping of names to arrays with the items on the first axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from headstart.engine.body.recipe import Batch

__all__ = ["count_items", "first_items", "map_arrays", "to_tensors"]


def count_items(batch: Batch) -> int:
    """How many items a batch has.

    Examples:
        >>> count_items({"ids": np.ones((3, 7))})
        3
    """
    return len(next(iter(batch.values())) if isinstance(batch, Mapping) else batch)


def map_arrays(batch: Any, change: Callable[[Any], Any]) -> Any:
    """Apply a function to each array (or tensor) of a batch.

    Examples:
        >>> map_arrays({"ids": np.ones((3, 7))}, lambda array: array[:1])["ids"].shape
        (1, 7)
    """
    if isinstance(batch, Mapping):
        return {name: change(array) for name, array in batch.items()}
    return change(batch)


def first_items(batch: Batch, count: int) -> Batch:
    """The first items of a batch.

    Examples:
        >>> first_items(np.ones((3, 7)), 2).shape
        (2, 7)
    """
    some: Batch = map_arrays(batch, lambda array: array[:count])
    return some


def to_tensors(batch: Batch) -> Any:
    """The batch as tensors on the CPU, without a copy if an array is contiguous and writable.

    Examples:
        >>> to_tensors(np.ones((3, 7))).shape
        torch.Size([3, 7])
    """
    import torch

    if isinstance(batch, Mapping):
        return {name: to_tensors(array) for name, array in batch.items()}
    return torch.from_numpy(np.require(batch, requirements=["C", "W"]))
