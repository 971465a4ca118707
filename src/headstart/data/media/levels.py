"""Pictures of more than 8 bits a channel, brought to 8 by one rule, a strip of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Levels", "eight_bit_picture", "white_level"]

STRIP = 2**20  # values that are scaled at a time
FLOATS = (1.0, 4.0, 16.0, 64.0)


@dataclass(frozen=True)
class Levels:
    """A picture as numbers, read by strips so that it is never copied whole.

    Attributes:
        width: pixels of a row.
        height: rows.
        channels: values of a pixel: 1 or 3.
        rows: gives the rows from a first to before a last one, (rows, width) or (rows, width, 3).

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
    """The value that is shown as white: of a few fixed ones, the smallest that holds all values of the picture.

    They are 255, 1023, 4095, 16383, 65535 and so on (8, 10, 12, 14, 16, ... bits), and for floats 1, 4, 16 and 64
    before them. So 12 bits in a container of 16 are not shown nearly black, the brightest pixel never falls below a
    quarter of white, and pictures of one kind get the same scale: unlike with a stretch from the least to the largest
    value, they stay comparable. Values below 0 put black at minus the white level, and 0 at middle grey.

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
    # Two bits a step, so the brightest value is never below a quarter of white.
    while bits < 1024 and most > 2.0**bits - 1:
        bits += 2
    return 2.0**bits - 1 if bits < 1024 else most


def eight_bit_picture(levels: Levels) -> tuple[Image, float]:
    """The picture with 8 bits a channel, and the value that became white (see `white_level`).

    What is no number counts as 0, and infinite values as the largest finite one.

    Args:
        levels: the picture as numbers of any integer or floating type, or of booleans.

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
    with np.errstate(invalid="ignore"):  # of a NaN that signals
        # float32 holds integers up to 2^24 exactly, which suffices for 16 bits.
        plain: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    if values.dtype.kind == "f":
        plain = np.nan_to_num(plain, nan=0.0, posinf=white, neginf=-white if low < 0 else 0.0)
    # With values below 0, [-white, white] is mapped to [0, 1] and 0 to middle grey.
    plain = (plain / white + 1) / 2 if low < 0 else plain / white
    return np.asarray(np.rint(plain.clip(0, 1) * 255), dtype=np.uint8)
