"""Random crops of labelled pictures: turned, mirrored, scaled, and with other light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED

__all__ = ["CropSettings", "plain_crops", "random_crop"]


@dataclass(frozen=True)
class CropSettings:
    """How crops are drawn.

    Attributes:
        side: of a crop, in pixels, a multiple of 32.
        scale: largest factor by which a crop is enlarged or reduced.
        light: largest change of contrast and brightness, as a share.

    Examples:
        >>> CropSettings().side
        128
    """

    side: int = 128
    scale: float = 1.4
    light: float = 0.25


def random_crop(
    pixels: NDArray[np.uint8], codes: NDArray[np.int16], settings: CropSettings, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """A crop (side, side, 3) and its codes (side, side); pixels beyond the picture are mirrored, and ignored.

    Args:
        pixels: (height, width, 3) uint8.
        codes: (height, width).
        settings: how it is drawn.
        rng: draws it.

    Examples:
        >>> rng, wanted = np.random.default_rng(0), CropSettings(64)
        >>> crop, codes = random_crop(np.zeros((40, 90, 3), np.uint8), np.ones((40, 90), np.int16), wanted, rng)
        >>> crop.shape, codes.shape, np.unique(codes)
        ((64, 64, 3), (64, 64), array([-1,  1], dtype=int16))
    """
    factor = float(np.exp(rng.uniform(-1, 1) * np.log(settings.scale)))
    read = max(8, round(settings.side / factor))
    tall, wide = codes.shape
    top, left = (int(rng.integers(0, max(length - read, 0) + 1)) for length in (tall, wide))
    # the place of each pixel of the crop in the picture, by the nearest pixel
    steps = ((np.arange(settings.side) + 0.5) * read / settings.side).astype(int)
    rows, columns = top + steps, left + steps
    inside = (rows < tall)[:, None] & (columns < wide)
    crop_codes = codes[_mirrored(rows, tall)[:, None], _mirrored(columns, wide)]
    crop_codes = np.where(inside, crop_codes, IGNORED).astype(np.int16)
    part = pixels[_mirrored(np.arange(top, top + read), tall)[:, None], _mirrored(np.arange(left, left + read), wide)]
    crop = _resized(part, settings.side)
    turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
    crop, crop_codes = np.rot90(crop, turn), np.rot90(crop_codes, turn)
    if mirror:
        crop, crop_codes = crop[:, ::-1], crop_codes[:, ::-1]
    return _relit(crop, settings.light, rng), np.ascontiguousarray(crop_codes)


def plain_crops(
    pixels: NDArray[np.uint8], codes: NDArray[np.int16], side: int
) -> list[tuple[NDArray[np.uint8], NDArray[np.int16]]]:
    """Crops side by side that cover a picture, as it is; pixels beyond it are mirrored, and ignored.

    Args:
        pixels: (height, width, 3) uint8.
        codes: (height, width).
        side: of a crop, in pixels.

    Examples:
        >>> len(plain_crops(np.zeros((40, 90, 3), np.uint8), np.zeros((40, 90), np.int16), 64))
        2
    """
    tall, wide = codes.shape
    found = []
    for top in range(0, tall, side):
        for left in range(0, wide, side):
            rows, columns = np.arange(top, top + side), np.arange(left, left + side)
            inside = (rows < tall)[:, None] & (columns < wide)
            places = _mirrored(rows, tall)[:, None], _mirrored(columns, wide)
            found.append((pixels[places], np.where(inside, codes[places], IGNORED).astype(np.int16)))
    return found


def _mirrored(places: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Places inside of 0 to ``length - 1``, mirrored at the ends."""
    period = max(2 * (length - 1), 1)
    turned = places % period
    return np.where(turned < length, turned, period - turned)


def _resized(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    from PIL import Image

    if part.shape[0] == side:
        return part
    return np.asarray(Image.fromarray(part).resize((side, side), Image.Resampling.BILINEAR))


def _relit(crop: NDArray[np.uint8], most: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    gain = 1 + rng.uniform(-most, most) + rng.uniform(-most, most, 3) / 4
    shift = 255 * rng.uniform(-most, most) / 2
    middle = crop.mean()
    return np.asarray(np.clip((crop - middle) * gain + middle + shift, 0, 255), dtype=np.uint8)
