"""Input transforms: cheap changes of pictures, texts and sounds before they are encoded, such as inverted polarity.

New data often differ from those of a fit in how they were framed, scanned, typed or recorded. Undoing this does more
than a map of features can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio, read_image
from headstart.errors import ItemError, ParameterError
from headstart.params import check_choice, check_number
from headstart.types import Modality

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["TRANSFORMS", "InputTransform", "parse_transform"]

CONTENT = 0.1  # a pixel belongs to the content if it differs from the background by more than this share of the range
LEVEL = 0.1  # root mean square of a levelled sound: -20 dB of full scale


@dataclass(frozen=True)
class InputTransform:
    """A change of each item before it is encoded.

    Attributes:
        name: a key of `TRANSFORMS`.
        value: its number, for those that take one; else 0.

    Raises:
        ParameterError: for an unknown name, or a number that is not allowed.

    Examples:
        >>> InputTransform("lower")("GOOD Morning")
        'good morning'
        >>> str(InputTransform("frame", 0.7)), InputTransform("frame", 0.7).modality
        ('frame=0.7', 'image')
    """

    name: str
    value: float = 0.0

    def __post_init__(self) -> None:
        check_choice(self.name, "name", "InputTransform", tuple(TRANSFORMS))
        kind = TRANSFORMS[self.name]
        check_number(self.value, "value", f"the input transform '{self.name}'", low=kind.low, high=kind.high)

    def __str__(self) -> str:
        return f"{self.name}={self.value:g}" if TRANSFORMS[self.name].high > 0 else self.name

    @property
    def modality(self) -> Modality:
        """The kind of items that it changes."""
        return TRANSFORMS[self.name].modality

    def __call__(self, item: Any) -> Any:
        """The changed item: a PIL image, a text, or (samples, rate); raises `ItemError` where it cannot be read."""
        return TRANSFORMS[self.name].change(item, self.value)


def parse_transform(text: str) -> InputTransform:
    """The transform of ``NAME`` or ``NAME=NUMBER``.

    Args:
        text: such as ``"invert"`` or ``"frame=0.7"``.

    Raises:
        ParameterError: if it is neither.

    Examples:
        >>> parse_transform("side=16")
        InputTransform(name='side', value=16.0)
    """
    name, equals, number = text.partition("=")
    try:
        return InputTransform(name, float(number) if equals else 0.0)
    except ValueError as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"An input transform must be NAME or NAME=NUMBER. Got {text[:60]!r} instead.") from None


def _inverted(item: Any, _value: float) -> Image:
    from PIL import ImageOps

    return ImageOps.invert(read_image(item))


def _framed(item: Any, share: float) -> Image:
    """The content's box, its longer side ``share`` of the frame, in the middle of the background colour."""
    from PIL import Image

    picture = read_image(item)
    pixels = np.asarray(picture, dtype=np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background = np.median(border, axis=0)
    rows, columns = np.nonzero(np.abs(pixels - background).max(axis=2) > 255 * CONTENT)
    if not len(rows):
        return picture
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    width, height = box[2] - box[0], box[3] - box[1]
    scale = share * min(picture.width / width, picture.height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new("RGB", picture.size, tuple(int(level) for level in background))
    content = picture.resize(size, Image.Resampling.BICUBIC, box=box)
    canvas.paste(content, ((picture.width - size[0]) // 2, (picture.height - size[1]) // 2))
    return canvas


def _coarser(item: Any, side: float) -> Image:
    """The picture at a longer side of ``side`` pixels, enlarged to its size again."""
    from PIL import Image

    picture = read_image(item)
    scale = side / max(picture.size)
    if scale >= 1:
        return picture
    small = picture.resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.BOX
    )
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def _lower(item: Any, _value: float) -> str:
    if not isinstance(item, str):
        raise ItemError(f"The input transform 'lower' needs texts. Got {type(item).__name__}.")
    return item.lower()


def _levelled(item: Any, _value: float) -> tuple[NDArray[np.float32], int]:
    samples, rate = read_audio(item)
    level = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return (samples if level == 0 else (samples * np.float32(LEVEL / level)).clip(-1, 1)), rate


def _narrower(item: Any, rate: float) -> tuple[NDArray[np.float32], int]:
    """The sound as if recorded at a lower rate: frequencies above half of it are removed."""
    import soxr

    samples, own = read_audio(item)
    if rate >= own:
        return samples, own
    return soxr.resample(samples, own, int(rate)).astype(np.float32), int(rate)


@dataclass(frozen=True)
class _Kind:
    """A transform: what it changes, how, and its allowed numbers."""

    modality: Modality
    change: Callable[[Any, float], Any]
    low: float = 0.0
    high: float = 0.0


TRANSFORMS: Mapping[str, _Kind] = {
    "invert": _Kind("image", _inverted),
    "frame": _Kind("image", _framed, 0.05, 1.0),
    "side": _Kind("image", _coarser, 1, 4096),
    "lower": _Kind("text", _lower),
    "level": _Kind("audio", _levelled),
    "rate": _Kind("audio", _narrower, 1000, 192_000),
}
"""By name: ``invert`` (light and dark), ``frame=0.7`` (the content's share of the frame), ``side=16`` (fewer pixels), \
``lower`` (case), ``level`` (loudness) and ``rate=8000`` (bandwidth, in Hz)."""
