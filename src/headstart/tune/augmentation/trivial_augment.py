"""TrivialAugment Wide: one random operation on a picture, at a random strength.

Reference: Müller & Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", ICCV 2021. Operations
and strengths are those of ``torchvision.transforms.v2.TrivialAugmentWide``. That draws from torch's global generator;
here the generator is an argument, so that threads need not share one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BINS", "Operation", "operations", "trivial_augment"]

BINS = 31  # strengths of an operation, evenly spaced


@dataclass(frozen=True)
class Operation:
    """An operation on a picture, with its possible strengths.

    Attributes:
        name: as in the paper and in torchvision.
        apply: a function of a PIL picture and a strength that returns the changed PIL picture.
        magnitudes: the strengths, weakest first; a single one if the operation has no strength.
        signed: whether the sign of the strength is random too.

    Examples:
        >>> [(one.name, one.signed) for one in operations()][1]
        ('ShearX', True)
    """

    name: str
    apply: Callable[[Image, float], Image]
    magnitudes: tuple[float, ...]
    signed: bool = False


def trivial_augment(picture: Image, rng: np.random.Generator) -> Image:
    """The picture after one random operation.

    Args:
        picture: a PIL picture, mode RGB or L.
        rng: source of the uniformly random operation, strength and sign.

    Returns:
        A PIL picture of the same size and mode; areas that come from outside the picture are black.

    Examples:
        >>> from PIL import Image
        >>> picture = Image.new("RGB", (8, 6), (200, 100, 0))
        >>> trivial_augment(picture, np.random.default_rng(0)).size
        (8, 6)
    """
    table = operations()
    chosen = table[int(rng.integers(len(table)))]
    magnitude = chosen.magnitudes[int(rng.integers(len(chosen.magnitudes)))]
    negative = chosen.signed and rng.random() < 0.5
    return chosen.apply(picture, -magnitude if negative else magnitude)


@cache
def operations() -> tuple[Operation, ...]:
    """The 14 operations with their strengths, in torchvision's order.

    Examples:
        >>> print(*(operation.name for operation in operations()), sep=", ", end=".")
        Identity, ShearX, ShearY, ..., Posterize, Solarize, AutoContrast, Equalize.
    """
    from torchvision.transforms.v2 import functional as tvf

    # Posterize keeps 8 bits at the weakest strength and 2 at the strongest.
    bits = tuple(float(round(8 - k * 6 / (BINS - 1))) for k in range(BINS))
    return (
        Operation("Identity", lambda picture, _: picture, (0.0,)),
        Operation("ShearX", lambda picture, m: _shear(picture, m, 0.0), _linear(0.0, 0.99), signed=True),
        Operation("ShearY", lambda picture, m: _shear(picture, 0.0, m), _linear(0.0, 0.99), signed=True),
        Operation("TranslateX", lambda picture, m: _translate(picture, m, 0.0), _linear(0.0, 32.0), signed=True),
        Operation("TranslateY", lambda picture, m: _translate(picture, 0.0, m), _linear(0.0, 32.0), signed=True),
        Operation("Rotate", tvf.rotate, _linear(0.0, 135.0), signed=True),
        Operation("Brightness", _enhanced(tvf.adjust_brightness), _linear(0.0, 0.99), signed=True),
        Operation("Color", _enhanced(tvf.adjust_saturation), _linear(0.0, 0.99), signed=True),
        Operation("Contrast", _enhanced(tvf.adjust_contrast), _linear(0.0, 0.99), signed=True),
        Operation("Sharpness", _enhanced(tvf.adjust_sharpness), _linear(0.0, 0.99), signed=True),
        Operation("Posterize", lambda picture, m: tvf.posterize(picture, int(m)), bits),
        Operation("Solarize", lambda picture, m: tvf.solarize(picture, 255.0 * m), _linear(1.0, 0.0)),
        Operation("AutoContrast", lambda picture, _: tvf.autocontrast(picture), (0.0,)),
        Operation("Equalize", lambda picture, _: tvf.equalize(picture), (0.0,)),
    )


def _linear(first: float, last: float) -> tuple[float, ...]:
    """Evenly spaced strengths in float32, as in torchvision: Solarize's threshold must be equal to the last bit."""
    import torch

    return tuple(torch.linspace(first, last, BINS).tolist())


def _enhanced(adjust: Callable[[Image, float], Image]) -> Callable[[Image, float], Image]:
    return lambda picture, magnitude: adjust(picture, 1.0 + magnitude)


def _shear(picture: Image, x: float, y: float) -> Image:
    from torchvision.transforms.v2 import functional as tvf

    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    sheared: Image = tvf.affine(picture, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0])
    return sheared


def _translate(picture: Image, x: float, y: float) -> Image:
    from torchvision.transforms.v2 import functional as tvf

    moved: Image = tvf.affine(picture, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=[0.0, 0.0])
    return moved
