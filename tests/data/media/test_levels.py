"""More than 8 bits a channel: every depth, type and order of bytes, from files and from Python."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from headstart.data import read_image
from headstart.data.media.levels import white_level
from headstart.data.media.readers import read_picture


def tiff(values, order):
    """An uncompressed TIFF of one channel in either order of bytes."""
    sign, mark = {"little": ("<", b"II*\0"), "big": (">", b"MM\0*")}[order]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data = values.astype(values.dtype.newbyteorder(sign)).tobytes()
    height, width = values.shape
    tags = [(256, width), (257, height), (258, values.dtype.itemsize * 8), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(data)), (339, kind)]
    entries = b"".join(struct.pack(f"{sign}HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack(f"{sign}H", len(tags)) + entries + bytes(4)
    return mark + struct.pack(f"{sign}I", 8 + len(data)) + data + directory


@pytest.mark.parametrize(
    ("high", "white"),
    [(200, 255), (255, 255), (256, 1023), (1023, 1023), (4095, 4095), (12_000, 16_383), (40_000, 65_535)],
)
@pytest.mark.parametrize("form", ["png", "little", "big", "array"])
def test_16_bits_hold_fewer(png16, form, high, white):
    values = np.array([[0, high // 2, high]] * 2, np.uint16)
    item = values if form == "array" else png16(values) if form == "png" else tiff(values, form)
    found = read_picture(item)
    assert np.abs(np.asarray(found.image)[0, :, 0] - values[0].astype(float) * 255 / white).max() <= 0.501
    assert found.white == (0 if white == 255 else white)


def test_pictures_of_one_kind_stay_comparable():
    dim, bright = (read_image(np.full((2, 2), level, np.uint16)).getpixel((0, 0))[0] for level in (1500, 3000))
    assert (dim, bright) == (93, 187)


@pytest.mark.parametrize("channels", [3, 4])
def test_dark_colours_of_16_bits_are_not_black(png16, channels):
    """Pillow keeps the upper byte of each colour alone: 12 bits would be 15 of 255 at most."""
    values = np.random.default_rng(0).integers(0, 4096, (5, 7, channels)).astype(np.uint16)
    values[0, 0] = 4095
    if channels == 4:
        values[:, :, 3] = 65535
    found = read_picture(png16(values))
    assert found.white == 4095
    assert np.abs(np.asarray(found.image) - values[:, :, :3].astype(float) * 255 / 4095).max() <= 0.501


def test_bright_colours_of_16_bits(png16):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    values[0, 0] = 65535
    found = read_picture(png16(values))
    assert np.abs(np.asarray(found.image) - values / 257.0).max() <= 1
    assert found.white == 65535


def test_signed_values_put_0_in_the_middle():
    """Hounsfield units: air is -1000, water 0, bone 1000 and more."""
    values = np.array([[-1000, 0, 1000, 3000]] * 2, np.int16)
    for item in (values, tiff(values, "little")):
        assert np.asarray(read_image(item))[0, :, 0].tolist() == [96, 128, 159, 221]


@pytest.mark.parametrize("item", ["array", "little", "big"])
@pytest.mark.parametrize(
    ("values", "wanted"),
    [([0, 0.5, 1], [0, 128, 255]), ([0, 100, 255], [0, 100, 255]), ([0, 2000, 4000], [0, 125, 249]),
     ([-1, 0, 1], [0, 128, 255]), ([0, 8, 16], [0, 128, 255])],
)  # fmt: skip
def test_floats(item, values, wanted):
    values = np.array([values] * 2, np.float32)
    assert np.asarray(read_image(values if item == "array" else tiff(values, item)))[0, :, 0].tolist() == wanted


def test_floats_of_a_file_without_a_number():
    values = np.array([[np.nan, 0.5, 1.0, np.inf, -np.inf]], np.float32)
    assert np.asarray(read_image(tiff(values, "little")))[0, :, 0].tolist() == [0, 128, 255, 255, 0]


@pytest.mark.parametrize("order", ["little", "big"])
def test_32_bits(order):
    values = np.array([[0, 70_000, 200_000]], np.int32)
    wanted = np.rint(values[0] * 255 / (2**18 - 1)).tolist()
    assert np.asarray(read_image(tiff(values, order)))[0, :, 0].tolist() == wanted


@pytest.mark.parametrize(
    ("shape", "size"),
    [((4, 6), (6, 4)), ((4, 6, 1), (6, 4)), ((4, 6, 3), (6, 4)), ((4, 6, 4), (6, 4)), ((1, 4, 6), (6, 4)),
     ((3, 4, 6), (6, 4)), ((4, 7, 6), (6, 7))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["uint8", "bool", "uint16", "int64", "float16", "float32", "float64"])
def test_arrays_of_every_shape_and_type(shape, size, dtype):
    found = read_image(np.ones(shape, dtype) if dtype in ("bool", "float16") else np.full(shape, 1, dtype))
    assert (found.mode, found.size) == ("RGB", size)
    if 4 not in (shape[0], shape[-1]) or len(shape) == 2:
        assert found.getpixel((0, 0))[0] == (1 if "int" in dtype else 255)


def test_an_array_is_what_its_file_is(png16):
    values = np.random.default_rng(0).integers(0, 4096, (9, 11)).astype(np.uint16)
    png, other = np.asarray(read_image(png16(values))), np.asarray(read_image(values))
    assert (png == other).all()
    assert (np.asarray(read_image(Image.fromarray(values))) == other).all()


def test_opacity_of_deep_arrays():
    values = np.zeros((2, 2, 4), np.float32)
    values[0, :, 3] = 1
    assert np.asarray(read_image(values))[:, 0, 0].tolist() == [0, 255]


def test_strips_give_what_the_whole_does(monkeypatch):
    values = np.random.default_rng(0).integers(0, 65536, (50, 40)).astype(np.uint16)
    whole = np.asarray(read_image(values))
    monkeypatch.setattr("headstart.data.media.levels.STRIP", 90)
    assert (np.asarray(read_image(values)) == whole).all()


@pytest.mark.parametrize("high", [1, 200, 256, 1e9, 1e300, 1.7e308])
def test_the_white_level_is_never_four_times_too_high(high):
    for is_float in (True, False):
        white = white_level(0, high, is_float=is_float)
        assert high <= white
        assert white <= max(255 if not is_float else 1, 4.02 * high)


def colour_tiff(values, sign, compression):
    """A TIFF of three channels of 16 bits, plain (1) or deflated (8)."""
    data = values.astype(values.dtype.newbyteorder(sign)).tobytes()
    data = zlib.compress(data) if compression == 8 else data
    height, width, _ = values.shape
    behind = 8 + len(data) + 2 + 9 * 12 + 4
    tags = [(256, width), (257, height), (258, None), (259, compression), (262, 2), (273, 8), (277, 3), (278, height)]
    tags += [(279, len(data))]
    entries = b"".join(
        struct.pack(f"{sign}HHII", tag, *((3, 3, behind) if value is None else (4, 1, value))) for tag, value in tags
    )
    mark = {"<": b"II*\0", ">": b"MM\0*"}[sign] + struct.pack(f"{sign}I", 8 + len(data))
    directory = struct.pack(f"{sign}H", len(tags)) + entries + bytes(4) + struct.pack(f"{sign}3H", 16, 16, 16)
    return mark + data + directory


@pytest.mark.parametrize("sign", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
def test_dark_colours_of_a_tiff(sign, compression):
    values = np.random.default_rng(0).integers(0, 4096, (5, 7, 3)).astype(np.uint16)
    values[0, 0] = 4095
    found = read_picture(colour_tiff(values, sign, compression))
    assert found.white == 4095
    assert np.abs(np.asarray(found.image) - values.astype(float) * 255 / 4095).max() <= 0.501
