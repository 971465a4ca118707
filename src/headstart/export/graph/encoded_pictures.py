"""A decoder of pictures in front of a graph that takes pixels: from the bytes of one JPEG or PNG file.

``DecodeImage`` of onnxruntime-extensions does not read every file as `headstart.data.media.pictures` does: it turns
nothing upright, ignores transparent parts, rounds 16 bits and corrects PNG by its gamma otherwise. Such a file is
recognised by its bytes, and its answer is NaN. It would also run forever on a JPEG that is cut, and end the process on
a file of another format, so nothing is decoded there, and the answer is NaN too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.export.graph.operators import EXTENSIONS, Operators

__all__ = ["encoded_picture_front"]

HEAD = 1 << 17  # bytes in which a JPEG's orientation stands
SPARE = 64  # zeros behind the file, so that no pattern is longer than what it is looked for in
TURNED = (  # what stands before an orientation, in Exif and in XMP: the value of none, and the last one
    ([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0], 1, 8),
    ([0x12, 0x01, 3, 0, 1, 0, 0, 0], 1, 8),
    (list(b'Orientation="'), ord("1"), ord("8")),
    (list(b"Orientation>"), ord("1"), ord("8")),
)
CHUNKS = (b"tRNS", b"eXIf", b"gAMA", b"acTL")  # of a PNG that other readers may show otherwise
PLAIN = (0, 2, 3)  # colour types of PNG without an alpha channel: grey, RGB, palette


def encoded_picture_front(inside: str) -> tuple[Operators, str]:
    """The operators from ``encoded`` (bytes,) uint8 to pixels (1, height, width, 3) uint8.

    Args:
        inside: name of the pixels.

    Returns:
        The operators, and the name of a boolean (1,): whether the file is one that is read as the model reads it.

    Examples:
        >>> ops, known = encoded_picture_front("pixels")
        >>> [node.op_type for node in ops.nodes].count("If"), ops.nodes[-1].output[0] == known
        (1, True)
    """
    ops = Operators("decode")
    spare = ops.constant(np.zeros(SPARE), np.uint8)
    file = ops.op("Concat", "encoded", spare, axis=0)
    head = _part(ops, file, 0, HEAD)
    jpeg = _all(ops, [_starts(ops, file, b"\xff\xd8\xff"), _ends_as_jpeg(ops), _not(ops, _turned(ops, head))])
    depth, colour = _part(ops, file, 24, 25), _part(ops, file, 25, 26)
    shallow = ops.op("LessOrEqual", depth, ops.constant([8], np.uint8))
    opaque = _any(ops, [ops.op("Equal", colour, ops.constant([kind], np.uint8)) for kind in PLAIN])
    plain = [_not(ops, _contains(ops, file, list(chunk))) for chunk in CHUNKS]
    png = _all(ops, [_starts(ops, file, b"\x89PNG\r\n\x1a\n"), shallow, opaque, *plain])
    decoded = _decoded_if(ops, ops.op("Or", jpeg, png))
    channels = ops.op("Shape", decoded, start=2, end=3)
    colours = ops.op("LessOrEqual", channels, ops.constant([3], np.int64))  # 4 are those of print
    zero, three, last = (ops.constant([value], np.int64) for value in (0, 3, 2))
    rgb = ops.op("Expand", ops.op("Slice", decoded, zero, three, last), ops.constant([1, 1, 3], np.int64))
    ops.op("Unsqueeze", rgb, zero, output=inside)
    return ops, _all(ops, [ops.op("Or", jpeg, png), colours])


def _decoded_if(ops: Operators, known: str) -> str:
    """The picture, and 8 by 8 pixels of black for a file that is not decoded."""
    from onnx import TensorProto, helper, numpy_helper

    name = ops.name()
    decode = helper.make_node("DecodeImage", ["encoded"], ["picture"], domain=EXTENSIONS, color_space="rgb")
    black = numpy_helper.from_array(np.zeros((8, 8, 3), np.uint8))
    other = helper.make_node("Constant", [], ["black"], value=black)
    branches = [
        helper.make_graph([node], node.op_type, [], [helper.make_tensor_value_info(of, TensorProto.UINT8, [None] * 3)])
        for node, of in ((decode, "picture"), (other, "black"))
    ]
    only = ops.op("Squeeze", known)
    return ops.op("If", only, output=name, then_branch=branches[0], else_branch=branches[1])


def _part(ops: Operators, values: str, begin: int, end: int) -> str:
    return ops.op("Slice", values, *(ops.constant([place], np.int64) for place in (begin, end)))


def _all(ops: Operators, parts: Sequence[str]) -> str:
    found = parts[0]
    for part in parts[1:]:
        found = ops.op("And", found, part)
    return found


def _any(ops: Operators, parts: Sequence[str]) -> str:
    found = parts[0]
    for part in parts[1:]:
        found = ops.op("Or", found, part)
    return found


def _not(ops: Operators, value: str) -> str:
    return ops.op("Not", value)


def _starts(ops: Operators, file: str, wanted: bytes) -> str:
    return _each(ops, ops.op("Equal", _part(ops, file, 0, len(wanted)), ops.constant(list(wanted), np.uint8)))


def _ends_as_jpeg(ops: Operators) -> str:
    file = ops.op("Concat", ops.constant([0, 0], np.uint8), "encoded", axis=0)  # which may be shorter than two bytes
    return _each(ops, ops.op("Equal", _part(ops, file, -2, 1 << 40), ops.constant([0xFF, 0xD9], np.uint8)))


def _each(ops: Operators, found: str) -> str:
    """Whether all of some booleans are true, (1,)."""
    from onnx import TensorProto

    numbers = ops.op("Cast", found, to=TensorProto.INT32)
    return ops.op("Cast", ops.op("ReduceMin", numbers, keepdims=1), to=TensorProto.BOOL)


def _some(ops: Operators, found: str) -> str:
    from onnx import TensorProto

    numbers = ops.op("Cast", found, to=TensorProto.INT32)
    return ops.op("Cast", ops.op("ReduceMax", numbers, keepdims=1), to=TensorProto.BOOL)


def _places(ops: Operators, values: str, pattern: Sequence[int], more: int) -> str:
    """For each place whether a pattern begins there; ``more`` values after it are inside as well."""
    length = len(pattern) + more
    return _all(
        ops,
        [
            ops.op("Equal", _part(ops, values, k, k - length + 1), ops.constant([value], np.uint8))
            if k - length + 1
            else ops.op("Equal", _part(ops, values, k, 1 << 40), ops.constant([value], np.uint8))
            for k, value in enumerate(pattern)
        ],
    )


def _contains(ops: Operators, values: str, pattern: Sequence[int]) -> str:
    return _some(ops, _places(ops, values, pattern, 0))


def _turned(ops: Operators, head: str) -> str:
    """Whether a file says that it is to be turned or mirrored."""
    found = []
    for pattern, least, most in TURNED:
        places, value = _places(ops, head, pattern, 1), _part(ops, head, len(pattern), 1 << 40)
        above = ops.op("Greater", value, ops.constant([least], np.uint8))
        below = ops.op("LessOrEqual", value, ops.constant([most], np.uint8))
        found.append(_some(ops, _all(ops, [places, above, below])))
    return _any(ops, found)
