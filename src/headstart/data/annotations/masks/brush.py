"""Label Studio's brush strokes: the red, green, blue and alpha bytes of a picture as a stream of bits.

The stream (``rle-pack`` of thi.ng) begins with the number of bytes (32 bits), the size of a word less one (5 bits) and
four sizes of lengths less one (4 bits each). Blocks follow: a bit that is 1 for a run, two bits that name a size of
lengths, the length less one in as many bits, and one word for a run or as many words as the length says. A pixel
belongs to the stroke where its alpha is above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import MAX_PIXELS

__all__ = ["pack_brush", "unpack_brush"]

WORD = 8
SIZES = (3, 4, 8, 16)  # bits of lengths, as Label Studio writes them
HEAD = 32 + 5 + 4 * 4
CHANNELS = 4


def unpack_brush(values: Sequence[Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels (height, width) of a stroke.

    Args:
        values: the bytes of the stream, whole numbers from 0 to 255.
        size: (width, height) of the picture.

    Raises:
        ValueError: if it is no such stream, or one of another size.

    Examples:
        >>> square = np.array([[False, True, True], [False, True, True]])
        >>> bool((unpack_brush(pack_brush(square), (3, 2)) == square).all())
        True
        >>> unpack_brush([0, 0, 0, 9, 57, 27, 255], (3, 2))
        Traceback (most recent call last):
        ValueError: it holds 9 bytes, and a picture of 3 x 2 pixels has 24
    """
    pixels = size[0] * size[1]
    if not 0 < pixels <= MAX_PIXELS:
        raise ValueError(f"a picture of {size[0]} x {size[1]} pixels is too large or empty")
    if len(values) > 16 * pixels + 64 or not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise ValueError("its bytes must be whole numbers from 0 to 255, no more than its pixels need")
    bits = _Bits(bytes(values))
    count, word = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if count != CHANNELS * pixels:
        raise ValueError(f"it holds {count} bytes, and a picture of {size[0]} x {size[1]} pixels has {4 * pixels}")
    if word != WORD:
        raise ValueError(f"its words have {word} bits, not 8")
    filled = np.zeros(pixels, dtype=bool)
    at = 0
    while at < count:
        is_run = bits.read(1)
        length = bits.read(sizes[bits.read(2)]) + 1
        if at + length > count:
            raise ValueError(f"its blocks hold more than {count} bytes")
        first = (CHANNELS - 1 - at) % CHANNELS  # alpha is the last of a pixel's four bytes
        begin = (at + first) // CHANNELS
        if is_run:
            if bits.read(WORD):
                filled[begin : (at + length) // CHANNELS] = True
        else:
            alpha = bits.words(length)[first::CHANNELS]
            filled[begin : begin + len(alpha)] = alpha > 0
        at += length
    return filled.reshape(size[1], size[0])


def pack_brush(mask: NDArray[np.bool_]) -> list[int]:
    """The bytes of the stream of a mask (height, width).

    Examples:
        >>> pack_brush(np.array([[True]]))
        [0, 0, 0, 4, 57, 27, 252, 127, 224]
    """
    flat = np.asarray(mask, dtype=bool).ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])) if flat.size else np.zeros(0, np.intp)
    lengths = CHANNELS * np.diff(np.concatenate([starts, [flat.size]]))
    parts = [f"{CHANNELS * flat.size:032b}{WORD - 1:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    most = 2 ** SIZES[-1]
    for start, whole in zip(starts.tolist(), lengths.tolist(), strict=True):
        left = whole
        while left:
            length = min(left, most)
            which = next(k for k, size in enumerate(SIZES) if length <= 2**size)
            parts.append(f"1{which:02b}{length - 1:0{SIZES[which]}b}{255 * int(flat[start]):08b}")
            left -= length
    stream = "".join(parts)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))


class _Bits:
    """Reads whole numbers of some bits, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, count: int) -> int:
        end = self._at + count
        if end > 8 * len(self._data):
            raise ValueError("it ends before all of its bytes")
        last = (end + 7) // 8
        value = int.from_bytes(self._data[self._at // 8 : last], "big") >> (8 * last - end)
        self._at = end
        return value & ((1 << count) - 1)

    def words(self, count: int) -> NDArray[np.uint8]:
        """As many bytes, which may begin inside of a byte."""
        end = self._at + 8 * count
        if end > 8 * len(self._data):
            raise ValueError("it ends before all of its bytes")
        part = np.unpackbits(np.frombuffer(self._data[self._at // 8 : (end + 7) // 8], np.uint8))
        begin = self._at % 8
        self._at = end
        return np.packbits(part[begin : begin + 8 * count])
