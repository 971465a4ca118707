"""Picture files: supported formats, limits on memory, and conversion to RGB."""

from __future__ import annotations

import functools
import io
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.file_kinds import TO_PICTURE, content_of, is_readable_picture
from headstart.data.media.levels import Levels, eight_bit_picture

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose
    from PIL.ImageFile import ImageFile

__all__ = [
    "PICTURE_FORMATS",
    "USUAL_WHITE",
    "ReadPicture",
    "UnreadPictureError",
    "decode_picture",
    "open_formats",
    "open_picture_file",
    "orientation",
    "to_rgb",
    "transposition",
    "upright",
]

PICTURE_FORMATS = (
    "JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "ICO", "PCX", "MPO",
)  # fmt: skip
"""Supported formats, by Pillow's names; none of their decoders starts another program or reads another file."""

# Peak memory of decoding in bytes per pixel, for decoders that need more than usual.
WORKING_BYTES = {"WEBP": 16, "GIF": 16, "AVIF": 20, "HEIF": 20, "JPEG2000": 24}
USUAL_BYTES = 12  # peak memory of decoding in bytes per pixel, including 4 for the RGB picture
DNG_VERSION = 50706  # TIFF tag of raw photographs, of which Pillow would read the thumbnail
ANIMATION = 65536  # first bytes of a PNG, in which an animation must be declared
SERIES = ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
STRIP = 2**20
USUAL_WHITE = (1.0, 255.0)  # white levels of floats and of 8 bits, which are not reported
DARK = 64  # if all upper bytes are below, at most 14 bits are used
ALPHA = ("LA", "RGBA", "PA", "La", "RGBa")
OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


class UnreadPictureError(ValueError):
    """Content that is not passed to a decoder; the message completes the sentence "Cannot read X as a picture: ...".

    Examples:
        >>> str(UnreadPictureError("its content is a PDF document"))
        'its content is a PDF document'
    """


@dataclass(frozen=True)
class ReadPicture:
    """A picture as read.

    Attributes:
        image: mode RGB, upright.
        white: the value that became 255 if there were more than 8 bits per channel, else 0 (see
            `headstart.data.media.levels.white_level`).
        has_more: whether the file has further pages or frames, which are not read.
    """

    image: Image
    white: float = 0.0
    has_more: bool = False


@functools.cache
def _formats() -> tuple[str, ...]:
    """The supported formats that this installation of Pillow can open."""
    from PIL import Image

    Image.init()
    return tuple(name for name in PICTURE_FORMATS if name in Image.OPEN)


@functools.cache
def _has_heif() -> bool:
    """Whether HEIC can be read; if the extra is installed, its decoder is registered with Pillow."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    _formats.cache_clear()
    return True


@contextmanager
def open_picture_file(raw: bytes, name: str | None, most_pixels: int) -> Iterator[ImageFile]:
    """Open a picture file without decoding it.

    The format is detected from the first bytes, not from the name (except Targa, which has no signature). Only the
    formats in `PICTURE_FORMATS` are opened, so no PostScript, metafile or document reaches a decoder.

    Args:
        raw: the content of the file.
        name: its name, or None.
        most_pixels: the maximum number of pixels at 12 bytes of memory each; the limit is lower for formats whose
            decoders need more bytes per pixel.

    Raises:
        UnreadPictureError: if it contains something else, or needs an extra that is not installed.
        DecompressionBombError: if it has too many pixels.

    Examples:
        >>> with open_picture_file(b"%!PS-Adobe-3.0", "photo.jpg", 10**6):
        ...     pass
        Traceback (most recent call last):
        headstart.data.media.pictures.UnreadPictureError: its content is PostScript, which is not supported; \
convert it to PNG or JPEG
    """
    from PIL import Image

    suffix = Path(name).suffix.lower() if name else ""
    _check_content(raw, suffix)
    with open_formats(raw, (*_formats(), "TGA") if suffix == ".tga" else _formats()) as picture:
        most = most_pixels * USUAL_BYTES // WORKING_BYTES.get(picture.format or "", USUAL_BYTES)
        if picture.width * picture.height > most:
            raise Image.DecompressionBombError(f"it has {picture.width} x {picture.height} pixels")
        if picture.format == "TIFF" and DNG_VERSION in picture.getexif():
            raise UnreadPictureError(f"its content is a raw photograph, {TO_PICTURE}")
        yield picture


def open_formats(raw: bytes, formats: Sequence[str]) -> ImageFile:
    """Open a picture in one of the given formats with Pillow's plugins, without decoding it.

    ``Image.open`` does the same, but warns about large pictures that are within the limits here.

    Args:
        raw: the content of the file.
        formats: Pillow's names of the formats to try.

    Raises:
        UnidentifiedImageError: if it is in none of them.

    Examples:
        >>> open_formats(b"P5 2 1 255 " + bytes(2), ["PPM"]).size
        (2, 1)
    """
    from PIL import Image, UnidentifiedImageError

    Image.init()
    for name in formats:
        factory, accepts = Image.OPEN[name]
        verdict = accepts(raw[:16]) if accepts else True
        if isinstance(verdict, str) or not verdict:  # a string says why a decoder is missing
            continue
        try:
            return factory(io.BytesIO(raw), "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # another format, as in Image.open
            continue
    raise UnidentifiedImageError("its content is not in a known image format")


def _check_content(raw: bytes, suffix: str) -> None:
    from PIL import features

    content = content_of(raw)
    if content.name == "a HEIC picture" and not _has_heif():
        raise UnreadPictureError("HEIC needs an extra that is not installed: pip install 'headstart[heic]'")
    if content.name == "an AVIF picture" and not features.check("avif"):
        raise UnreadPictureError("this installation of Pillow cannot read AVIF: pip install --upgrade pillow")
    if content.name == "a TIFF picture" and suffix in (".dng", ".nef", ".nrw", ".arw", ".pef", ".srw", ".raw"):
        raise UnreadPictureError(f"its content is a raw photograph, {TO_PICTURE}")
    if content.name == "text":
        raise UnreadPictureError("its content is text, not a known image format")
    if not is_readable_picture(content):
        advice = f", {content.advice}" if content.advice else ""
        raise UnreadPictureError(f"its content is {content.name}{advice or ', not a picture'}")


def decode_picture(raw: bytes, name: str | None, most_pixels: int, draft_size: tuple[int, int] | None) -> ReadPicture:
    """Decode the first picture of a file as RGB, upright.

    Args:
        raw: the content of the file.
        name: its name, or None.
        most_pixels: as for `open_picture_file`.
        draft_size: (width, height) that suffices for a JPEG; None decodes in full.

    Raises:
        UnreadPictureError: as for `open_picture_file`.
        DecompressionBombError: as for `open_picture_file`.
        OSError: and other errors of Pillow, if it is damaged or truncated.

    Examples:
        >>> decode_picture(b"P5 2 1 4095 " + bytes([0, 0, 15, 255]), None, 100, None).image.getpixel((1, 0))
        (255, 255, 255)
    """
    image, white, turn, is_series = _first(
        raw, name, most_pixels, draft_size
    )  # its file and buffers are freed before the next page is sought
    return ReadPicture(upright(image, turn), white, is_series and _follows(raw, name, most_pixels))


def _first(
    raw: bytes, name: str | None, most_pixels: int, draft_size: tuple[int, int] | None
) -> tuple[Image, float, int, bool]:
    with open_picture_file(raw, name, most_pixels) as picture:
        if draft_size is not None:
            picture.draft("RGB", draft_size)
        mode = _raw_mode(picture)
        picture.load()
        image, white = None, 0.0
        if ";16" in mode and picture.mode in ("RGB", "RGBA"):
            image, white = _deep_colours(picture, raw, name, mode)
        if image is None:
            image, level = to_rgb(picture)
            white = white or level
        return image, white, orientation(picture), picture.format in SERIES


def to_rgb(picture: Image) -> tuple[Image, float]:
    """Convert a decoded picture to RGB (or L if it is grey); also returns the white level, 0 for 8 bits per channel.

    It is converted in strips, so only the picture and the result are in memory.

    Args:
        picture: a picture of any mode.

    Examples:
        >>> from PIL import Image
        >>> image, white = to_rgb(Image.fromarray(np.full((2, 2), 4095, np.uint16)))
        >>> image.getpixel((0, 0)), white
        (255, 4095.0)
    """
    if picture.mode.startswith("I") or picture.mode == "F":
        grey, white = eight_bit_picture(Levels(*picture.size, 1, lambda first, last: _rows(picture, first, last)))
        return grey, 0.0 if white in USUAL_WHITE else white
    if "transparency" in picture.info or picture.mode in ALPHA:
        return _on_white(picture), 0.0
    return picture if picture.mode in ("RGB", "L") else picture.convert("RGB"), 0.0


def orientation(picture: Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or if it is invalid.

    Examples:
        >>> from PIL import Image
        >>> orientation(Image.new("L", (2, 2)))
        1
    """
    from PIL import ExifTags

    turn = picture.getexif().get(ExifTags.Base.Orientation, 1)
    return turn if turn in range(1, 9) else 1


def transposition(turn: int) -> Transpose | None:
    """The transposition that makes a picture with an EXIF orientation upright; None if it already is.

    Args:
        turn: the orientation, 1 to 8; anything else counts as 1.

    Examples:
        >>> transposition(6).name, transposition(1) is None
        ('ROTATE_270', True)
    """
    from PIL.Image import Transpose

    methods = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip
    return methods.get(turn)


def upright(image: Image, turn: int) -> Image:
    """Rotate and mirror a picture according to its EXIF orientation; the result has mode RGB.

    Examples:
        >>> from PIL import Image
        >>> upright(Image.new("L", (4, 2)), 6).size
        (2, 4)
    """
    method = transposition(turn)
    turned = image if method is None else image.transpose(method)
    return turned if turned.mode == "RGB" else turned.convert("RGB")


def _rows(picture: Image, first: int, last: int) -> NDArray[Any]:
    return np.asarray(picture.crop((0, first, picture.width, last)))


def _on_white(picture: Image) -> Image:
    from PIL import Image

    page = Image.new("RGB", picture.size)
    step = max(1, STRIP // picture.width)
    for first in range(0, picture.height, step):
        strip = picture.crop((0, first, picture.width, min(first + step, picture.height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        page.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, first))
    return page


def _raw_mode(picture: ImageFile) -> str:
    """The raw mode of an undecoded file (how its pixels are stored); empty unless there is exactly one."""
    modes = {tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args for tile in picture.tile}
    mode = modes.pop() if len(modes) == 1 else ""
    return mode if isinstance(mode, str) else ""


def _deep_colours(picture: ImageFile, raw: bytes, name: str | None, mode: str) -> tuple[Image | None, float]:
    """A dark picture with 16 bits per channel; None for a bright one, or if its lower bytes cannot be read.

    Pillow keeps only the upper byte of each channel. Decoded with swapped byte order, it returns the lower byte.
    """
    upper = picture if picture.mode == "RGB" else picture.convert("RGB")
    counts = upper.histogram()  # 256 levels of each channel
    is_bright = any(any(counts[start + DARK : start + 256]) for start in (0, 256, 512))
    swapped = mode[:-1] + OTHER_BYTE.get(mode[-1], "")
    if is_bright or not swapped.endswith(("16B", "16L")):
        return None, 65535.0
    with open_picture_file(raw, name, picture.width * picture.height * WORKING_BYTES["JPEG2000"]) as other:
        other.tile = [tile._replace(args=_swapped(tile.args, swapped)) for tile in other.tile]
        other.load()
        lower = other if other.mode == "RGB" else other.convert("RGB")
        shape = (*picture.size, 3)
        image, white = eight_bit_picture(
            Levels(*shape, lambda first, last: _sixteen_bit_rows(upper, lower, first, last))
        )
    if picture.mode == "RGBA":
        image.putalpha(picture.getchannel("A"))
        image = _on_white(image)
    return image, white


def _swapped(args: tuple[Any, ...] | str | None, mode: str) -> tuple[Any, ...] | str:
    return (mode, *args[1:]) if isinstance(args, tuple) else mode


def _sixteen_bit_rows(upper: Image, lower: Image, first: int, last: int) -> NDArray[Any]:
    joined: NDArray[Any] = _rows(upper, first, last).astype(np.uint16)
    joined <<= 8
    joined |= _rows(lower, first, last)
    return joined


def _follows(raw: bytes, name: str | None, most_pixels: int) -> bool:
    """Whether the file has a second page or frame; for PNG and WebP the header tells without decoding."""
    if raw.startswith(b"\x89PNG") and b"acTL" not in raw[:ANIMATION]:
        return False
    if raw[8:12] == b"WEBP" and not (raw[12:16] == b"VP8X" and raw[20] & 2):
        return False
    with open_picture_file(raw, name, most_pixels) as picture:
        try:
            picture.seek(1)
        except (EOFError, OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError):
            return False
    return True
