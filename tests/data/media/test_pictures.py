"""Which formats of pictures are opened, what they take, and what is said of the others."""

import ast
import io
import os
import stat
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import headstart
from headstart.data import read_image
from headstart.data.media import readers
from headstart.data.media.pictures import PICTURE_FORMATS
from headstart.data.media.readers import read_picture
from headstart.errors import ItemError
from headstart.sources.preprocessing.decode import open_picture

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\nshowpage\n%%EOF\n"
WMF = b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(60)
FITS = b"SIMPLE  =                    T" + b" " * 2850


def encoded(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def heic(picture):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, quality=90)
    return file.getvalue()


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A program called gs that writes down that it ran."""
    program = tmp_path / "gs"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/ran\necho 10.0\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "ran"


@pytest.mark.parametrize(("content", "name"), [(EPS, "PostScript"), (WMF, "metafile"), (FITS, "FITS"),
                                               (b"\xc5\xd0\xd3\xc6" + bytes(40) + EPS, "PostScript")])  # fmt: skip
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".eps", ""])
def test_no_document_reaches_a_decoder(tmp_path, ghostscript, content, name, suffix):
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(content)
    for item in (str(path), content, {"bytes": content, "path": None}):
        with pytest.raises(ItemError, match=f"as a picture: its content is .*{name}.*convert it to PNG"):
            read_image(item)
    assert not ghostscript.exists()


def test_an_object_of_a_format_that_is_not_read(ghostscript):
    with Image.open(io.BytesIO(EPS)) as picture, pytest.raises(ItemError, match="in the format EPS are not decoded"):
        read_image(picture)
    assert not ghostscript.exists()


def test_objects_of_further_formats_that_are_pictures(picture):
    for form in ("QOI", "SGI", "TGA"):
        with Image.open(io.BytesIO(encoded(picture(0), form))) as opened:
            assert read_image(opened).size == (96, 80)


def test_pictures_are_opened_at_one_place():
    """``Image.open`` would try all formats, and warn of pictures that are within the bounds."""
    for path in Path(headstart.__file__).parent.rglob("*.py"):
        called = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert "Image.open" not in map(ast.unparse, called), path


def test_a_large_picture_within_the_bounds_is_no_warning(monkeypatch, picture):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for form in ("JPEG", "PNG"):
        assert read_image(encoded(picture(0), form)).size == (96, 80)
        assert open_picture(encoded(picture(0), form), (20, 20)).size == (96, 80)


def test_no_format_that_is_opened_starts_a_program_or_has_no_sign():
    assert not {"EPS", "WMF", "FITS", "PDF", "GRIB", "BUFR", "HDF5", "TGA", "IPTC"} & set(PICTURE_FORMATS)


@pytest.mark.parametrize(
    ("form", "name"),
    [("JPEG", "a.jfif"), ("PNG", "a.jpg"), ("WEBP", "a.png"), ("AVIF", "a.jpg"), ("GIF", "a"), ("TIFF", "a.dat"),
     ("BMP", "a.tmp"), ("PPM", "a.pgm"), ("JPEG2000", "a.jp2"), ("ICO", "a.ico"), ("TGA", "a.tga"), ("PCX", "a.pcx")],
)  # fmt: skip
def test_the_content_decides_whatever_the_name(tmp_path, picture, form, name):
    if form in ("AVIF", "JPEG2000") and not features.check({"AVIF": "avif", "JPEG2000": "jpg_2000"}[form]):
        pytest.skip(f"this Pillow has no {form}")
    plain = picture(3, (48, 48))
    (tmp_path / name).write_bytes(encoded(plain, form))
    found = read_image(tmp_path / name)
    assert found.size == (48, 48)
    assert np.abs(np.asarray(found, float) - np.asarray(plain, float)).mean() < 12


def test_a_targa_is_opened_by_its_name_alone(picture):
    with pytest.raises(ItemError, match="not in a known image format"):
        read_image(encoded(picture(0), "TGA"))


def test_heic(tmp_path, picture):
    plain = picture(3, (64, 48))
    (tmp_path / "IMG_1.JPG").write_bytes(heic(plain))  # as telephones and cloud folders name them
    found = read_image(tmp_path / "IMG_1.JPG")
    assert found.size == (64, 48)
    assert np.abs(np.asarray(found, float) - np.asarray(plain, float)).mean() < 12


def test_heic_without_the_extra(monkeypatch):
    monkeypatch.setattr("headstart.data.media.pictures._has_heif", lambda: False)
    with pytest.raises(ItemError, match=r"HEIC needs an extra that is not installed: pip install 'headstart\[heic\]'"):
        read_image(b"\0\0\0\x18ftypheic" + bytes(200))


def test_a_damaged_heic():
    pytest.importorskip("pillow_heif")
    with pytest.raises(ItemError, match="as a picture"):
        read_image(b"\0\0\0\x18ftypheic" + bytes(200))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\x0a" + bytes(50), "a JPEG XL picture, which is not supported"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "a JPEG XL picture, which is not supported"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(50), "a raw photograph, which is not supported"),
        (b"\0\0\0\x18ftypcrx " + bytes(50), "a raw photograph, which is not supported"),
        (bytes(128) + b"DICM" + bytes(50), "a DICOM picture, which is not supported"),
        (b"8BPS\0\1" + bytes(50), "a Photoshop document, which is not supported"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing, which is not supported"),
        (b"\0\0\0\x18ftypisom" + bytes(50), "an MPEG-4 video, not a picture"),
        (b"\x1a\x45\xdf\xa3" + bytes(50), "a Matroska video, not a picture"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "a WAV sound, not a picture"),
        (b"%PDF-1.7\n", "a PDF document, not a picture"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page, not a picture"),
        (b"PK\x03\x04" + bytes(50), "a zip archive, not a picture"),
        (b"Dear all", "text, not a known image format"),
        (bytes(100), "not in a known image format"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, says):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ItemError, match=r"a\.jpg' as a picture: .*" + says):
        read_image(tmp_path / "a.jpg")


def test_a_raw_photograph_is_not_read_as_its_thumbnail(tmp_path):
    thumbnail = Image.new("RGB", (16, 12))
    (tmp_path / "a.nef").write_bytes(encoded(thumbnail, "TIFF"))
    (tmp_path / "a.tif").write_bytes(encoded(thumbnail, "TIFF", tiffinfo={50706: b"\1\4\0\0"}))
    for name in ("a.nef", "a.tif"):
        with pytest.raises(ItemError, match="a raw photograph, which is not supported"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_of_several_frames(picture, form):
    frames = [picture(seed, (40, 40)) for seed in range(3)]
    raw = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    found = read_picture(raw)
    assert found.has_more
    assert not read_picture(encoded(frames[0], form)).has_more
    assert np.abs(np.asarray(found.image, float) - np.asarray(frames[0], float)).mean() < 12


def test_palettes_and_opacity():
    blank = Image.new("P", (4, 4), 0)
    blank.putpalette([0, 0, 0, 200, 0, 0])
    blank.putpixel((0, 0), 1)
    found = read_image(encoded(blank, "PNG", transparency=0))
    assert (found.getpixel((0, 0)), found.getpixel((1, 1))) == ((200, 0, 0), (255, 255, 255))
    half = Image.new("LA", (2, 2), (0, 128))
    assert read_image(encoded(half, "PNG")).getpixel((0, 0)) == (127, 127, 127)
    assert read_image(encoded(Image.new("1", (9, 9), 1), "PNG")).getpixel((0, 0)) == (255, 255, 255)
    keyed = encoded(Image.new("RGB", (2, 2), (9, 9, 9)), "PNG", transparency=(9, 9, 9))
    assert read_image(keyed).getpixel((0, 0)) == (255, 255, 255)


def test_print_colours():
    for mode in ("CMYK", "YCbCr"):
        plain = Image.new("RGB", (16, 16), (200, 60, 40)).convert(mode)
        found = np.asarray(read_image(encoded(plain, "JPEG", quality=95)), int)
        assert np.abs(found[8, 8] - (200, 60, 40)).max() < 12


@pytest.mark.parametrize("turn", range(1, 9))
def test_an_object_is_turned_as_its_file_is(picture, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        raw = encoded(picture(0, (40, 20)), form, exif=exif)
        with Image.open(io.BytesIO(raw)) as opened:
            assert (np.asarray(read_image(opened)) == np.asarray(read_image(raw))).all()
        assert read_image(raw).size == ((20, 40) if turn > 4 else (40, 20))


def test_formats_whose_decoders_take_more_memory_may_have_fewer_pixels(monkeypatch, picture):
    monkeypatch.setattr(readers, "MAX_PIXELS", 48 * 48)
    small = picture(0, (48, 48))
    assert read_image(encoded(small, "PNG")).size == (48, 48)
    with pytest.raises(ItemError, match="pixels at most; it has 48 x 48 pixels"):
        read_image(encoded(small, "WEBP"))


MEASURE = """
import resource, sys
from PIL import Image
from headstart.data.media.readers import read_image
read_image(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = read_image(sys.argv[2]).size
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / size[0] / size[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux alone")
@pytest.mark.parametrize("mode", ["I;16", "I", "F", "RGBA", "P", "LA", "CMYK", "RGB16"])
def test_a_pixel_takes_12_bytes_at_most(tmp_path, png16, mode):
    """A 16-bit PNG of 1.5 MB once took 22 bytes a pixel, 3.8 GB, in each decoding thread."""
    import subprocess

    for name, side in (("small", 10), ("large", 1500)):
        _write(tmp_path / name, mode, side, png16)
    words = [sys.executable, "-c", MEASURE, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 12


def _write(path, mode, side, png16):
    ramp = np.arange(side * side, dtype=np.uint32).reshape(side, side) % 3000
    if mode == "RGB16":
        path.write_bytes(png16(np.repeat(ramp[:, :, None], 3, axis=2).astype(np.uint16)))
    elif mode in ("I;16", "I", "F"):
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        Image.fromarray(ramp.astype(dtype)).save(path, "TIFF")
    elif mode == "CMYK":
        Image.fromarray(ramp.astype(np.uint8)).convert("CMYK").save(path, "TIFF")
    elif mode == "P":
        Image.fromarray(ramp.astype(np.uint8)).convert("P").save(path, "PNG", transparency=0)
    else:
        Image.fromarray(ramp.astype(np.uint8)).convert(mode).save(path, "PNG")


DAMAGED = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "PPM", "JPEG2000", "ICO", "HEIC")


@pytest.mark.parametrize("form", DAMAGED)
def test_a_damaged_file_is_one_sentence(picture, form):
    """Whatever a decoder raises: some raise RuntimeError, and some say it in several lines."""
    rng = np.random.default_rng(0)
    raw = heic(picture(0)) if form == "HEIC" else encoded(picture(0, (40, 40)), form)
    said = []
    for _ in range(60):
        bad = bytearray(raw)
        for place in rng.integers(0, min(len(raw), 400), rng.integers(1, 8)):
            bad[place] = rng.choice([0, 127, 255])
        with warnings.catch_warnings(action="ignore"):
            try:
                read_image(bytes(bad))
            except ItemError as error:
                said.append(str(error))
    assert said
    assert all(message.startswith("Cannot read the bytes given") and "\n" not in message for message in said)
