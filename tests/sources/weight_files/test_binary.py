"""A cursor over untrusted bytes."""

import struct

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.sources.weight_files.binary import BinaryReader


def test_numbers_arrays_and_texts_are_read_little_endian():
    data = struct.pack("<BHIQif", 1, 2, 3, 2**40, -5, 0.5) + np.arange(3, dtype="<f4").tobytes() + "é".encode()
    reader = BinaryReader(data, "f")
    kinds = ("u8", "u16", "u32", "u64", "i32", "f32")
    assert [reader.number(kind, "a number") for kind in kinds] == [1, 2, 3, 2**40, -5, 0.5]
    assert reader.array(np.float32, 3, "values").tolist() == [0, 1, 2]
    assert (reader.text(2, "a name"), reader.left) == ("é", 0)


@pytest.mark.parametrize("size", [-1, 5, 2**63])
def test_more_bytes_than_are_left_are_refused_without_allocating(size):
    reader = BinaryReader(b"abcd", "model.bin")
    with pytest.raises(SourceError, match=r"'model\.bin' is damaged: the values needs? .* bytes, and 4 are left"):
        reader.take(size, "the values")
    with pytest.raises(SourceError, match="are left"):
        reader.array(np.float32, 2**61, "the values")
    assert reader.position == 0


def test_counts_are_bounded():
    with pytest.raises(SourceError, match="only 0 to 10 is allowed"):
        BinaryReader(struct.pack("<I", 11), "f").count("u32", "the number of names", most=10)
    with pytest.raises(SourceError, match="-1"):
        BinaryReader(struct.pack("<i", -1), "f").count("i32", "the number of names", most=10)


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(SourceError, match="a name is not UTF-8"):
        BinaryReader(b"\xff\xff", "f").text(2, "a name")
