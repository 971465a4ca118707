"""Random resized crop: with a horizontal flip and TrivialAugment, for photographs.

References: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015 (the crop); Müller & Hutter, "TrivialAugment",
ICCV 2021. All random numbers come from a given generator. The operations are those of
``torchvision.transforms.v2.functional`` on PIL pictures, which are faster than those on tensors and start no threads.

Command: headstart fit DATA --strategy lp_ft
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ParameterError
from headstart.params import check_number
from headstart.tune.augmentation.trivial_augment import trivial_augment

__all__ = ["Box", "PictureAugmentation", "random_box"]

TRIES = 10  # as in torchvision


class Box(NamedTuple):
    """A rectangle in a picture, in pixels.

    Attributes:
        top: first row.
        left: first column.
        height: number of rows.
        width: number of columns.

    Examples:
        >>> Box(0, 2, 4, 6).width
        6
    """

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class PictureAugmentation:
    """Random resized crop, then a flip, then TrivialAugment Wide.

    Attributes:
        scale: smallest and largest share of the picture's area that is kept, (0.5, 1). Training on ImageNet keeps as
            little as 8%, but with few pictures a crop below one half loses the object too often. (1, 1) with a ratio of
            (1, 1) crops nothing.
        ratio: smallest and largest aspect ratio of the crop, relative to that of the picture; (3/4, 4/3).
        flip: whether a picture is mirrored left to right with probability 1/2; False for digits, texts and left or
            right sides of a body.
        trivial: whether one operation of TrivialAugment Wide is applied.

    Raises:
        ParameterError: if ``scale`` or ``ratio`` is not a range of positive numbers, or ``scale`` exceeds 1.

    Examples:
        >>> picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
        >>> augment = PictureAugmentation()
        >>> changed = augment(picture, np.random.default_rng(0))
        >>> changed.shape, changed.dtype, np.array_equal(changed, augment(picture, np.random.default_rng(0)))
        ((8, 8, 3), dtype('uint8'), True)
    """

    scale: tuple[float, float] = (0.5, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True
    trivial: bool = True

    def __post_init__(self) -> None:
        _check_range(self.scale, "scale", high=1.0)
        _check_range(self.ratio, "ratio", high=math.inf)

    def __call__(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """The augmented picture, a new array (h, w, 3) uint8.

        Args:
            picture: (h, w, 3) uint8; not modified.
            rng: source of all random numbers.

        Raises:
            DataError: if ``picture`` is not such an array.
        """
        from PIL import Image
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as tvf

        _check_picture(picture)
        height, width = picture.shape[:2]
        box = random_box(height, width, rng, scale=self.scale, ratio=self.ratio)
        out: Image.Image = tvf.resized_crop(Image.fromarray(picture), *box, [height, width], InterpolationMode.BILINEAR)
        if self.flip and rng.random() < 0.5:
            out = tvf.horizontal_flip(out)
        return np.array(trivial_augment(out, rng) if self.trivial else out)


def random_box(
    height: int, width: int, rng: np.random.Generator, *, scale: tuple[float, float], ratio: tuple[float, float]
) -> Box:
    """A box of random area, aspect ratio and position.

    The area is uniform, and the aspect ratio log-uniform. A box that does not fit is drawn again, at most ten times;
    after that the box is the complete picture.

    Args:
        height: rows of the picture.
        width: columns of the picture.
        rng: source of the random numbers.
        scale: smallest and largest share of the area.
        ratio: smallest and largest aspect ratio (width / height), relative to that of the picture.

    Examples:
        >>> random_box(100, 100, np.random.default_rng(0), scale=(1.0, 1.0), ratio=(1.0, 1.0))
        Box(top=0, left=0, height=100, width=100)
    """
    logs = math.log(ratio[0]), math.log(ratio[1])
    for _ in range(TRIES):
        area, stretch = rng.uniform(*scale), math.exp(rng.uniform(*logs))
        # w h = area · W H, and (w / W) / (h / H) = stretch.
        w, h = round(width * math.sqrt(area * stretch)), round(height * math.sqrt(area / stretch))
        if 0 < w <= width and 0 < h <= height:
            return Box(int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w)
    return Box(0, 0, height, width)


def _check_range(value: tuple[float, float], name: str, *, high: float) -> None:
    if not isinstance(value, tuple | list) or len(value) != 2 or value[0] > value[1]:
        raise ParameterError(
            f"The '{name}' parameter of PictureAugmentation must be two numbers, the smaller one first. Got {value!r} "
            "instead."
        )
    for number in value:
        check_number(number, name, "PictureAugmentation", low=0, high=high, open_low=True)


def _check_picture(picture: NDArray[np.generic]) -> None:
    shape = np.shape(picture)
    if len(shape) != 3 or shape[2] != 3 or getattr(picture, "dtype", None) != np.uint8:
        raise DataError(
            "PictureAugmentation needs a picture as an array (height, width, 3) of uint8. Got an array "
            f"{shape} of {getattr(picture, 'dtype', type(picture).__name__)} instead; train without augmentation."
        )
