"""Resize and crop of pictures of any size, as ONNX operators in front of a graph that reads the finished crop.

`Resize` with antialiasing on bytes follows Pillow's rounding in onnxruntime; sizes are computed in the graph as
`PictureTransform` computes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from headstart.errors import SourceError
from headstart.sources.preprocessing.picture_transform import PictureTransform

__all__ = ["picture_front", "refuse_transform"]

MODES = {"bilinear": "linear", "bicubic": "cubic"}
PILLOW_CUBIC = -0.5  # the coefficient of Pillow's bicubic kernel
MARGIN = 2**30  # an end beyond every picture


def refuse_transform(transform: PictureTransform, name: str) -> None:
    """Raise if standard operators cannot resize as a transform does.

    Args:
        transform: of a source.
        name: of the format.

    Raises:
        SourceError: names the filter.

    Examples:
        >>> refuse_transform(PictureTransform((4, 4), (4, 4), interpolation="lanczos"), "onnx")
        Traceback (most recent call last):
        headstart.errors.SourceError: The format 'onnx' resizes pictures by the filters bilinear and bicubic, ...
    """
    if transform.interpolation not in MODES and transform.fit != "none":
        raise SourceError(
            f"The format '{name}' resizes pictures by the filters bilinear and bicubic, but this source needs "
            f"'{transform.interpolation}'; fit again with another source."
        )


def picture_front(transform: PictureTransform, inside: str) -> tuple[list[Any], list[Any]]:
    """The operators from ``pixels`` (n, height, width, 3) uint8 to the crop (n, *size, 3) uint8.

    Args:
        transform: the resize and the crop.
        inside: name of the crop.

    Returns:
        The nodes and the initializers.

    Examples:
        >>> nodes, constants = picture_front(PictureTransform((8, 8), (9, 9)), "crop")
        >>> nodes[-1].output[0], [node.op_type for node in nodes].count("Resize")
        ('crop', 1)
    """
    builder = _Builder()
    heights = builder.side(1), builder.side(2)
    tall, wide = _resized(builder, transform, *heights)
    first = builder.op("Transpose", "pixels", perm=[0, 3, 1, 2])
    resized = first if transform.fit == "none" else _resize(builder, transform, first, tall, wide)
    cropped = _cropped(builder, transform, resized, tall, wide)
    builder.op("Transpose", cropped, perm=[0, 2, 3, 1], output=inside)
    read = {name for node in builder.nodes for name in node.input}  # the runtime warns of constants that no node reads
    return builder.nodes, [constant for constant in builder.constants if constant.name in read]


class _Builder:
    """Collects nodes and constants; every value has a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"picture_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"picture_node_{name}", **attributes))
        return name

    def constant(self, values: Any, kind: type = np.float64) -> str:
        from onnx import numpy_helper

        name = f"picture_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def side(self, axis: int) -> str:
        """The length of an axis of the pixels, (1,) float64, in which sizes are computed as Python computes them."""
        from onnx import TensorProto

        shape = self.op("Shape", "pixels", start=axis, end=axis + 1)
        return self.op("Cast", shape, to=TensorProto.DOUBLE)

    def whole(self, value: str) -> str:
        from onnx import TensorProto

        return self.op("Cast", value, to=TensorProto.INT64)


def _resized(builder: _Builder, transform: PictureTransform, height: str, width: str) -> tuple[str, str]:
    """(height, width) of the full picture after resizing, (1,) float64 each."""
    if transform.fit == "none":
        return height, width
    scale = [builder.constant([side]) for side in transform.scale]
    if transform.fit == "stretch":
        return scale[0], scale[1]
    if transform.fit == "shortest":
        shorter = builder.op("Min", height, width)
        sides = [builder.op("Div", builder.op("Mul", scale[0], side), shorter) for side in (height, width)]
        return builder.op("Floor", sides[0]), builder.op("Floor", sides[1])
    ratios = [builder.op("Div", side, by) for side, by in zip((height, width), scale, strict=True)]
    ratio = builder.op("Min" if transform.fit == "cover" else "Max", *ratios)
    one = builder.constant([1.0])
    rounded = [builder.op("Round", builder.op("Div", side, ratio)) for side in (height, width)]
    return builder.op("Max", rounded[0], one), builder.op("Max", rounded[1], one)


def _resize(builder: _Builder, transform: PictureTransform, pixels: str, tall: str, wide: str) -> str:
    count = builder.op("Shape", "pixels", start=0, end=1)
    sides = [builder.whole(side) for side in (tall, wide)]
    sizes = builder.op("Concat", count, builder.constant([3], np.int64), *sides, axis=0)
    return builder.op(
        "Resize", pixels, "", "", sizes, mode=MODES[transform.interpolation], antialias=1,
        coordinate_transformation_mode="half_pixel", cubic_coeff_a=PILLOW_CUBIC, exclude_outside=1,
    )  # fmt: skip


def _margin(builder: _Builder, transform: PictureTransform, length: str, wanted: int) -> str:
    """Offset of the crop along one axis, (1,) float64; negative where the result is padded."""
    half = builder.op("Div", builder.op("Sub", length, builder.constant([wanted])), builder.constant([2.0]))
    zero = builder.constant([0.0])
    inside = builder.op("Floor", half) if transform.floor else builder.op("Round", half)
    outside = builder.op("Neg", builder.op("Floor", builder.op("Neg", half)))
    return builder.op("Where", builder.op("Less", half, zero), outside, inside)


def _cropped(builder: _Builder, transform: PictureTransform, picture: str, tall: str, wide: str) -> str:
    sides = list(zip((tall, wide), transform.size, strict=True))
    margins = [_margin(builder, transform, length, wanted) for length, wanted in sides]
    zero = builder.constant([0.0])
    begins = [builder.op("Max", margin, zero) for margin in margins]
    ends = [
        builder.op("Min", builder.op("Add", margin, builder.constant([wanted])), length)
        for margin, (length, wanted) in zip(margins, sides, strict=True)
    ]
    starts, stops = (builder.op("Concat", *map(builder.whole, place), axis=0) for place in (begins, ends))
    part = builder.op("Slice", picture, starts, stops, builder.constant([2, 3], np.int64))
    smaller = transform.fit in ("inside", "none") or any(
        scale < size for scale, size in zip(transform.scale, transform.size, strict=True)
    )
    return _padded(builder, transform, part, list(zip(margins, begins, ends, strict=True))) if smaller else part


def _padded(builder: _Builder, transform: PictureTransform, part: str, sides: list[tuple[str, str, str]]) -> str:
    """The part in the middle of a picture of the colour of the padding; ``sides`` has margin, begin and end of each."""
    zero = builder.constant([0.0])
    before = [builder.op("Max", builder.op("Neg", margin), zero) for margin, _, _ in sides]
    after = [
        builder.op("Sub", builder.op("Sub", builder.constant([wanted]), builder.op("Sub", end, begin)), first)
        for wanted, (_, begin, end), first in zip(transform.size, sides, before, strict=True)
    ]
    none = builder.constant([0, 0], np.int64)
    pads = [builder.whole(one) for one in (*before, *after)]
    amounts = builder.op("Concat", none, pads[0], pads[1], none, pads[2], pads[3], axis=0)
    # Pad has one value for all channels, so the colour is added where a padded mask is 0
    spread = builder.op("Pad", part, amounts, builder.constant(0, np.uint8))
    ones = builder.op("Add", builder.op("Mul", part, builder.constant(0, np.uint8)), builder.constant(1, np.uint8))
    mask = builder.op("Pad", ones, amounts, builder.constant(0, np.uint8))
    colour = builder.constant(np.array(transform.fill).reshape(1, 3, 1, 1), np.uint8)
    is_part = builder.op("Equal", mask, builder.constant(1, np.uint8))
    return builder.op("Where", is_part, spread, colour)
