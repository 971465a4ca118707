"""Decoding pictures at a reduced scale: a crop of 224 pixels does not need all of a 12 megapixel JPEG.

libjpeg decodes at 1/2, 1/4 or 1/8 of the size by transforming only the low frequencies of each 8x8 block. Pillow is as
fast as simplejpeg: both call libjpeg-turbo and give the same bits. Scales in between, such as 5/8, are not optimised
there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headstart.data.media.pictures import open_formats, transposition
from headstart.data.media.readers import BROKEN, MAX_IMAGE_BYTES, MAX_PIXELS, read_bytes, read_image

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["OpenedPicture", "open_picture"]

JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class OpenedPicture:
    """A picture, perhaps decoded at a fraction of its size.

    Attributes:
        image: RGB, upright.
        size: (width, height) of the picture at full scale, in pixels.
        box: (left, top, right, bottom) of the picture within ``image``; at a reduced scale its edges may lie
            between pixels.

    Examples:
        >>> import numpy as np
        >>> open_picture(np.zeros((4, 6), np.uint8)).box
        (0.0, 0.0, 6.0, 4.0)
    """

    image: Image
    size: tuple[int, int]
    box: tuple[float, float, float, float]


def open_picture(item: object, least: tuple[int, int] | None = None) -> OpenedPicture:
    """Open a picture as RGB, upright, decoding no more pixels than needed.

    Args:
        item: anything that `headstart.data.media.readers.read_image` reads; a file is read once.
        least: (height, width) in pixels that are enough: a JPEG is decoded at the smallest of the scales 1, 1/2, 1/4
            and 1/8 that still covers them. None for full scale.

    Raises:
        ItemError: as `headstart.data.media.readers.read_image`; truncated files are detected at every scale.

    Examples:
        >>> import numpy as np
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(file, "JPEG")
        >>> opened = open_picture(file.getvalue(), (40, 40))
        >>> opened.image.size, opened.size
        ((60, 45), (120, 90))
    """
    if not isinstance(item, (str, os.PathLike, bytes, Mapping)):
        return _full_scale(read_image(item))
    raw = read_bytes(item, MAX_IMAGE_BYTES)
    opened = _jpeg(raw, least or (MAX_PIXELS, MAX_PIXELS)) if raw.startswith(JPEG) else None
    if opened is not None:
        return opened
    return _full_scale(read_image(raw if isinstance(item, bytes) else {"bytes": raw, "path": _path(item)}))


def _path(item: str | os.PathLike[str] | Mapping[str, Any]) -> str | None:
    path = item.get("path") if isinstance(item, Mapping) else os.fspath(item)
    return path if isinstance(path, str) else None


def _full_scale(image: Image) -> OpenedPicture:
    return OpenedPicture(image, image.size, (0.0, 0.0, float(image.width), float(image.height)))


def _jpeg(raw: bytes, least: tuple[int, int]) -> OpenedPicture | None:
    """A plain JPEG; None for those left to `read_image`: other colour modes, too many pixels, damaged files."""
    from PIL import ExifTags, Image

    try:
        with open_formats(raw, ("JPEG",)) as picture:
            width, height = picture.size
            if picture.mode not in ("RGB", "L") or width * height > MAX_PIXELS:
                return None
            turn = picture.getexif().get(ExifTags.Base.Orientation, 1)
            # `draft` takes (width, height) as stored; EXIF orientations 5 to 8 swap the axes.
            drafted = picture.draft(None, least[::-1] if turn not in (5, 6, 7, 8) else least)
            picture.load()
            image = picture if picture.mode == "RGB" else picture.convert("RGB")
            # At a reduced scale the image is rounded up to full pixels; the box is its exact extent.
            box = drafted[1] if drafted else (0, 0, width, height)
            return _upright(image, (width, height), (float(box[2]), float(box[3])), turn)
    except (*BROKEN, MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None  # read_image reports why


def _upright(image: Image, size: tuple[int, int], extent: tuple[float, float], turn: int) -> OpenedPicture:
    """The picture rotated and mirrored by its EXIF orientation, and its box with it."""
    method = transposition(turn)
    if method is None:
        return OpenedPicture(image, size, (0.0, 0.0, *extent))
    # Padding right of and below the extent comes to the left or the top where the orientation mirrors that axis.
    beyond = (image.width - extent[0], image.height - extent[1])
    if turn >= 5:  # the axes are swapped
        size, extent, beyond = size[::-1], extent[::-1], beyond[::-1]
    left = beyond[0] if turn in (2, 3, 6, 7) else 0.0
    top = beyond[1] if turn in (3, 4, 7, 8) else 0.0
    return OpenedPicture(image.transpose(method), size, (left, top, left + extent[0], top + extent[1]))
