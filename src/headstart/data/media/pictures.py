"""Files of pictures: which formats are opened, how much memory one may take, and how they become RGB."""

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

from headstart.data.media.file_kinds import content_of, is_readable_picture
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
"""Pillow's names of the formats that are opened; none of them starts another program or reads another file."""

WORKING_BYTES = {"WEBP": 16, "GIF": 16, "AVIF": 20, "HEIF": 20, "JPEG2000": 24}
USUAL_BYTES = 12  # that decoding takes for each pixel at most, with the RGB picture of 4
DNG_VERSION = 50706  # a tag of raw photographs, of which Pillow would read the thumbnail
ANIMATION = 65536  # of a PNG, bytes in front of the picture where it is said to move
SERIES = ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
STRIP = 2**20
USUAL_WHITE = (1.0, 255.0)  # of fractions, and of 8 bits
DARK = 64  # of the upper byte: below, fewer than 14 bits are in use
ALPHA = ("LA", "RGBA", "PA", "La", "RGBa")
OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


class UnreadPictureError(ValueError):
    """Content that is not given to a decoder; the message ends the sentence "Cannot read X as a picture: ...".

    Examples:
        >>> str(UnreadPictureError("its content is a PDF document"))
        'its content is a PDF document'
    """


@dataclass(frozen=True)
class ReadPicture:
    """A picture as read.

    Attributes:
        image: mode RGB, upright.
        white: the value that became 255 where there were more than 8 bits a channel, else 0 (see
            `headstart.data.media.levels.white_level`).
        has_more: whether further pages or frames follow, which are not read.

    Examples:
        >>> from PIL import Image
        >>> ReadPicture(Image.new("RGB", (2, 2))).has_more
        False
    """

    image: Image
    white: float = 0.0
    has_more: bool = False


@functools.cache
def _formats() -> tuple[str, ...]:
    """The formats that are meant and that this install has."""
    from PIL import Image

    Image.init()
    return tuple(name for name in PICTURE_FORMATS if name in Image.OPEN)


@functools.cache
def _has_heif() -> bool:
    """Whether HEIC can be read; where the extra is installed, its decoder is registered with Pillow."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    _formats.cache_clear()
    return True


@contextmanager
def open_picture_file(raw: bytes, name: str | None, most_pixels: int) -> Iterator[ImageFile]:
    """The opened picture, not decoded yet.

    What the file holds is told by its first bytes, whatever its name: only the formats of `PICTURE_FORMATS` are opened
    (and Targa, which has no sign, by its name), so that no PostScript, metafile or document reaches a decoder.

    Args:
        raw: the whole file.
        name: its name, where it has one.
        most_pixels: how many pixels a picture may have at 12 bytes of memory each; of formats whose decoders take more
            bytes a pixel, fewer.

    Raises:
        UnreadPictureError: if it holds something else, or needs an extra that is not installed.
        DecompressionBombError: if it has too many pixels.

    Examples:
        >>> with open_picture_file(b"%!PS-Adobe-3.0", "photo.jpg", 10**6):
        ...     pass
        Traceback (most recent call last):
        headstart.data.media.pictures.UnreadPictureError: its content is PostScript, which is not read; convert it to \
PNG or JPEG
    """
    from PIL import Image

    suffix = Path(name).suffix.lower() if name else ""
    _check_content(raw, suffix)
    with open_formats(raw, (*_formats(), "TGA") if suffix == ".tga" else _formats()) as picture:
        most = most_pixels * USUAL_BYTES // WORKING_BYTES.get(picture.format or "", USUAL_BYTES)
        if picture.width * picture.height > most:
            raise Image.DecompressionBombError(f"it has {picture.width} x {picture.height} pixels")
        if picture.format == "TIFF" and DNG_VERSION in picture.getexif():
            raise UnreadPictureError("its content is a raw photograph, which is not read; convert it to PNG or JPEG")
        yield picture


def open_formats(raw: bytes, formats: Sequence[str]) -> ImageFile:
    """A picture of one of a few formats, not decoded yet, by the plugins of Pillow.

    ``Image.open`` does the same, but prints a warning for pictures that are large and within the bounds here.

    Args:
        raw: the whole file.
        formats: Pillow's names.

    Raises:
        UnidentifiedImageError: if it is of none of them.

    Examples:
        >>> open_formats(b"P5 2 1 255 " + bytes(2), ["PPM"]).size
        (2, 1)
    """
    from PIL import Image, UnidentifiedImageError

    Image.init()
    for name in formats:
        factory, accepts = Image.OPEN[name]
        verdict = accepts(raw[:16]) if accepts else True
        if isinstance(verdict, str) or not verdict:  # words say why a decoder is missing
            continue
        try:
            return factory(io.BytesIO(raw), "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # as Image.open does: it is of another format
            continue
    raise UnidentifiedImageError("its content is of no known image format")


def _check_content(raw: bytes, suffix: str) -> None:
    from PIL import features

    content = content_of(raw)
    if content.name == "a HEIC picture" and not _has_heif():
        raise UnreadPictureError("HEIC needs an extra that is not installed: pip install 'headstart[heic]'")
    if content.name == "an AVIF picture" and not features.check("avif"):
        raise UnreadPictureError("this install of Pillow reads no AVIF: pip install --upgrade pillow")
    if content.name == "a TIFF picture" and suffix in (".dng", ".nef", ".nrw", ".arw", ".pef", ".srw", ".raw"):
        raise UnreadPictureError("its content is a raw photograph, which is not read; convert it to PNG or JPEG")
    if content.name == "text":
        raise UnreadPictureError("its content is of no known image format, but text")
    if not is_readable_picture(content):
        advice = f", {content.advice}" if content.advice else ""
        raise UnreadPictureError(f"its content is {content.name}{advice or ', no picture'}")


def decode_picture(raw: bytes, name: str | None, most_pixels: int, draft_size: tuple[int, int] | None) -> ReadPicture:
    """The first picture of a file as RGB, upright.

    Args:
        raw: the whole file.
        name: its name, where it has one.
        most_pixels: as `open_picture_file`.
        draft_size: (width, height) that is enough for a JPEG.

    Raises:
        UnreadPictureError: as `open_picture_file`.
        DecompressionBombError: as `open_picture_file`.
        OSError: and other errors of Pillow, if it is damaged or truncated.

    Examples:
        >>> decode_picture(b"P5 2 1 4095 " + bytes([0, 0, 15, 255]), None, 100, None).image.getpixel((1, 0))
        (255, 255, 255)
    """
    image, white, turn, is_series = _first(raw, name, most_pixels, draft_size)  # frees what it was decoded from
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
    """A decoded picture as RGB, grey ones as L, and the white level (0 where it has 8 bits a channel).

    It is converted a strip at a time, so that beside the picture itself no more than the result is in memory.

    Args:
        picture: of any mode.

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
    """The EXIF orientation, 1 to 8; 1 where there is none, or none that means something.

    Examples:
        >>> from PIL import Image
        >>> orientation(Image.new("L", (2, 2)))
        1
    """
    from PIL import ExifTags

    turn = picture.getexif().get(ExifTags.Base.Orientation, 1)
    return turn if turn in range(1, 9) else 1


def transposition(turn: int) -> Transpose | None:
    """What turns and mirrors a picture of an EXIF orientation upright; None where nothing has to be done.

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
    """The picture turned and mirrored as its EXIF orientation says, in mode RGB.

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
    """How the pixels of an undecoded file lie in it; empty where that is not one known mode."""
    modes = {tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args for tile in picture.tile}
    mode = modes.pop() if len(modes) == 1 else ""
    return mode if isinstance(mode, str) else ""


def _deep_colours(picture: ImageFile, raw: bytes, name: str | None, mode: str) -> tuple[Image | None, float]:
    """A dark picture of 16 bits a colour; None for a bright one, or where its lower bytes cannot be had.

    Pillow keeps the upper byte of each channel. With the bytes swapped it gives the lower one.
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
        image, white = eight_bit_picture(Levels(*shape, lambda first, last: _joined(upper, lower, first, last)))
    if picture.mode == "RGBA":
        image.putalpha(picture.getchannel("A"))
        image = _on_white(image)
    return image, white


def _swapped(args: tuple[Any, ...] | str | None, mode: str) -> tuple[Any, ...] | str:
    return (mode, *args[1:]) if isinstance(args, tuple) else mode


def _joined(upper: Image, lower: Image, first: int, last: int) -> NDArray[Any]:
    joined: NDArray[Any] = _rows(upper, first, last).astype(np.uint16)
    joined <<= 8
    joined |= _rows(lower, first, last)
    return joined


def _follows(raw: bytes, name: str | None, most_pixels: int) -> bool:
    """Whether a further page or frame follows the first; of the usual PNG and WebP the header says so."""
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
