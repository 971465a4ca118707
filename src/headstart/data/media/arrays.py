"""Arrays as pictures, with any number type and with channels first or last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.levels import Levels, eight_bit_picture
from headstart.data.media.pictures import USUAL_WHITE, ReadPicture
from headstart.errors import ItemError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["CHANNELS", "is_picture_shape", "picture_of_array"]

CHANNELS = (1, 3, 4)


def is_picture_shape(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape can be one picture.

    Examples:
        >>> is_picture_shape((32, 32)), is_picture_shape((3, 32, 32)), is_picture_shape((32, 32, 7))
        (True, True, False)
    """
    if not all(shape):
        return False
    return len(shape) == 2 or (len(shape) == 3 and (shape[2] in CHANNELS or _is_channels_first(shape)))


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return shape[0] in CHANNELS and shape[0] <= min(shape[1:])


def picture_of_array(values: NDArray[Any]) -> ReadPicture:
    """Convert an array to a picture.

    Values are scaled like those of files with more than 8 bits (see `headstart.data.media.levels.white_level`): uint8
    is unchanged, booleans become black and white, floats in [0, 1] are multiplied by 255. The last of four channels is
    the opacity, from 0 to the white level.

    Args:
        values: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), or with channels first.

    Raises:
        ItemError: for another shape or type, or if a value is not finite.

    Examples:
        >>> picture_of_array(np.ones((3, 4, 6))).image.getpixel((0, 0))
        (255, 255, 255)
    """
    if values.dtype.kind not in "biuf":
        raise ItemError(f"A picture array must hold numbers. Got {values.dtype} instead.")
    if not is_picture_shape(values.shape):
        raise ItemError(
            "A picture array must be (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), or have its channels first. "
            f"Got {values.shape} instead."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ItemError("A picture array must hold finite numbers; replace NaN and infinite values.")
    if values.ndim == 2:
        values = values[:, :, None]
    elif values.shape[2] not in CHANNELS:
        values = np.moveaxis(values, 0, 2)
    height, width, channels = values.shape
    colours, opacity = values[:, :, :3], values[:, :, 3] if channels == 4 else None
    shape = (width, height, 1 if channels == 1 else 3)
    image, white = eight_bit_picture(Levels(*shape, lambda first, last: _rows(colours, first, last)))
    if opacity is not None:
        image = _on_white(image, opacity)
    return ReadPicture(image.convert("RGB"), 0.0 if white in USUAL_WHITE else white)


def _rows(values: NDArray[Any], first: int, last: int) -> NDArray[Any]:
    rows = values[first:last]
    return np.ascontiguousarray(rows[:, :, 0] if rows.shape[2] == 1 else rows)


def _on_white(image: Image, opacity: NDArray[Any]) -> Image:
    import PIL.Image

    height, width = opacity.shape
    mask, _ = eight_bit_picture(Levels(width, height, 1, lambda first, last: np.ascontiguousarray(opacity[first:last])))
    return PIL.Image.composite(image, PIL.Image.new("RGB", image.size, "white"), mask)
