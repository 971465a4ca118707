"""Sizes of the maps of a network, computed from its settings before any map is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from headstart.sources.bodies.same_padding import same_pads

__all__ = ["largest_map", "most_numbers", "pair"]

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
POOLINGS = ("MaxPooling2D", "AveragePooling2D")
SMALLEST = 2**24  # numbers that a map may have for pictures of any side: 64 MiB
EACH_PIXEL = 128  # numbers of a map for each pixel of the picture; VGG has 64


def most_numbers(side: int) -> int:
    """How many numbers one map of a picture may have.

    Args:
        side: height and width of the picture, in pixels.

    Examples:
        >>> most_numbers(224), most_numbers(1024)
        (16777216, 134217728)
    """
    return max(SMALLEST, EACH_PIXEL * side**2)


def pair(value: Any) -> tuple[int, int]:
    """A setting for height and width.

    Examples:
        >>> pair(3), pair([3, 5])
        ((3, 3), (3, 5))
    """
    return (int(value[0]), int(value[-1])) if isinstance(value, list | tuple) else (int(value), int(value))


def largest_map(kind: str, settings: Mapping[str, Any], shapes: Sequence[Sequence[int]]) -> int:
    """How many numbers the largest tensor has that a layer makes of one picture.

    Args:
        kind: the class of Keras.
        settings: its configuration.
        shapes: of its inputs: (1, channels, height, width) or (1, width).

    Examples:
        >>> largest_map("Conv2D", {"filters": 64, "kernel_size": [3, 3], "padding": "same"}, [(1, 3, 224, 224)])
        3211264
        >>> largest_map("ZeroPadding2D", {"padding": [[64, 64], [64, 64]]}, [(1, 3, 8, 8)])
        55488
    """
    first = shapes[0]
    if kind == "Concatenate":
        return sum(prod(shape) for shape in shapes)
    if len(shapes) > 1:  # a side of 1 is repeated
        return prod(max(sides) for sides in zip(*shapes, strict=True))
    if kind == "Dense":
        return int(settings["units"]) * prod(first) // first[1]
    if kind == "ZeroPadding2D":
        (top, bottom), (left, right) = settings["padding"]
        return first[1] * (first[2] + int(top) + int(bottom)) * (first[3] + int(left) + int(right))
    if kind in CONVOLUTIONS or kind in POOLINGS:
        return _of_windows(kind, settings, first)
    return prod(first)


def _of_windows(kind: str, settings: Mapping[str, Any], shape: Sequence[int]) -> int:
    """Of a convolution or a pooling: the padded input or the output."""
    _, width, *sides = shape
    kernel = pair(settings["pool_size" if kind in POOLINGS else "kernel_size"])
    strides = pair(settings.get("strides") or (kernel if kind in POOLINGS else 1))
    dilation = pair(settings.get("dilation_rate", 1)) if kind in CONVOLUTIONS else (1, 1)
    left, right, top, bottom = (
        same_pads(sides, kernel, strides, dilation) if settings.get("padding") == "same" else [0] * 4
    )
    padded = (sides[0] + top + bottom, sides[1] + left + right)
    out = [max((padded[k] - dilation[k] * (kernel[k] - 1) - 1) // strides[k] + 1, 0) for k in (0, 1)]
    many = width * int(settings.get("depth_multiplier", 1)) if kind != "Conv2D" else 1
    return max(width * prod(padded), max(many, int(settings.get("filters", 1))) * prod(out))
