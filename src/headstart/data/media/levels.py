"""Pictures with more than 8 bits per channel: scaled to 8 bits by one rule, strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Levels", "eight_bit_picture", "white_level"]

STRIP = 2**20  # values scaled at a time
FLOATS = (1.0, 4.0, 16.0, 64.0)  # white levels of floats


@dataclass(frozen=True)
class Levels:
    """A picture as numbers, read in strips so that it is never copied completely.

    Attributes:
        width: width in pixels.
        height: height in pixels.
        channels: values per pixel, 1 or 3.
        rows: function of (first, last) that returns the rows first to last - 1, (rows, width) or (rows, width, 3).

    Examples:
        >>> values = np.zeros((4, 6), np.uint16)
        >>> Levels(6, 4, 1, lambda first, last: values[first:last]).height
        4
    """

    width: int
    height: int
    channels: int
    rows: Callable[[int, int], NDArray[Any]]

    def strips(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """The first row and the values of each strip."""
        step = max(1, STRIP // max(1, self.width * self.channels))
        for first in range(0, self.height, step):
            yield first, self.rows(first, min(first + step, self.height))


def white_level(low: float, high: float, *, is_float: bool) -> float:
    """The value that is shown as white: the smallest level of a fixed series that is not exceeded by any value.

    The levels are 255, 1023, 4095, 16383, 65535 and so on (8, 10, 12, 14, 16, ... bits); for floats 1, 4, 16 and 64
    come before them. So a 12-bit picture in a 16-bit file does not look nearly black, and the brightest pixel is never
    below a quarter of white. Pictures of one kind get the same scale, so they stay comparable, which they would not
    with a stretch from the smallest to the largest value. With negative values, black is minus the white level, and 0
    is middle grey.

    Args:
        low: the smallest value.
        high: the largest value.
        is_float: whether the values are fractions.

    Examples:
        >>> [white_level(0, high, is_float=False) for high in (200, 4000, 65535)]
        [255.0, 4095.0, 65535.0]
        >>> white_level(0, 0.7, is_float=True), white_level(-1024, 3071, is_float=False)
        (1.0, 4095.0)
    """
    most = max(high, -low)
    if is_float and most <= FLOATS[-1]:
        return next(level for level in FLOATS if most <= level)
    bits = 8
    # Steps of two bits, so the brightest value is never below a quarter of white.
    while bits < 1024 and most > 2.0**bits - 1:
        bits += 2
    return 2.0**bits - 1 if bits < 1024 else most


def eight_bit_picture(levels: Levels) -> tuple[Image, float]:
    """Convert to 8 bits per channel; also returns the value that became white (see `white_level`).

    NaN counts as 0, and infinite values count as the white level.

    Args:
        levels: the picture as integers, floats or booleans.

    Returns:
        A PIL image of mode L or RGB, and the white level.

    Examples:
        >>> values = np.array([[0, 4095]], np.uint16)
        >>> picture, white = eight_bit_picture(Levels(2, 1, 1, lambda first, last: values[first:last]))
        >>> np.asarray(picture).tolist(), white
        ([[0, 255]], 4095.0)
    """
    from PIL import Image

    low, high, is_float = _range(levels)
    white = white_level(low, high, is_float=is_float)
    page = Image.new("L" if levels.channels == 1 else "RGB", (levels.width, levels.height))
    for first, values in levels.strips():
        page.paste(Image.fromarray(_scaled(values, low, white)), (0, first))
    return page, white


def _range(levels: Levels) -> tuple[float, float, bool]:
    low, high, is_float = 0.0, 0.0, False
    for _, values in levels.strips():
        is_float = values.dtype.kind == "f"
        if is_float:
            values = values[np.isfinite(values)]  # noqa: PLW2901
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return low, high, is_float


def _scaled(values: NDArray[Any], low: float, white: float) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 and white == 255:
        return np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    with np.errstate(invalid="ignore"):  # raised by signalling NaNs
        # float32 represents integers up to 2^24 exactly, which suffices for 16 bits.
        plain: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    if values.dtype.kind == "f":
        plain = np.nan_to_num(plain, nan=0.0, posinf=white, neginf=-white if low < 0 else 0.0)
    # With negative values, [-white, white] is mapped to [0, 1], and 0 to middle grey.
    plain = (plain / white + 1) / 2 if low < 0 else plain / white
    return np.asarray(np.rint(plain.clip(0, 1) * 255), dtype=np.uint8)
