"""Checks of what a model folder says of a head of boxes; nothing in it is trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_tensor", "number", "whole"]

MOST_NUMBERS = 200_000_000


def check_tensor(tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """A tensor of finite numbers of a shape, float64; None allows any length along that axis.

    Raises:
        ValueError: if it is missing or another.

    Examples:
        >>> check_tensor({"w": np.ones((2, 3))}, "w", (None, 3)).shape
        (2, 3)
    """
    found = tensors.get(name)
    if found is None or found.ndim != len(shape) or found.size > MOST_NUMBERS or found.dtype.kind not in "fiu":
        raise ValueError(f"the tensor '{name}' is missing or of the wrong kind")
    if any(wanted is not None and wanted != length for wanted, length in zip(shape, found.shape, strict=True)):
        raise ValueError(f"the tensor '{name}' has the shape {found.shape}, not {shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"the tensor '{name}' holds numbers that are not finite")
    return np.asarray(found, np.float64)


def number(value: object, what: str, low: float, high: float) -> float:
    """A finite number in a range.

    Raises:
        ValueError: for anything else.

    Examples:
        >>> number(3, "a side", 0, 5)
        3.0
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise ValueError(f"{what} must be a number from {low:g} to {high:g}, not {value!r:.40}")
    return float(value)


def whole(value: object, what: str, low: int, high: int) -> int:
    """A whole number in a range.

    Raises:
        ValueError: for anything else.

    Examples:
        >>> whole(3, "a side", 0, 5)
        3
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{what} must be a whole number from {low} to {high}, not {value!r:.40}")
    return value
