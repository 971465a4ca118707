"""SpecAugment: frequency bands and time intervals of a spectrogram are masked, and it is shifted in time.

Reference: Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", Interspeech
2019, without time warping, which contributes least in the paper. The largest masks (3/16 of the bands and of the
frames) are those of Gong, Chung & Glass, "AST: Audio Spectrogram Transformer", Interspeech 2021, for ESC-50.

Command: headstart fit DATA --strategy lp_ft
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.params import check_number

__all__ = ["SpecAugment"]


@dataclass(frozen=True)
class SpecAugment:
    """A circular shift in time, then frequency masks and time masks, filled with the picture's mean.

    Each picture of a sound has its own shift and masks. Nothing is mirrored, and no colour is changed.

    Attributes:
        masks: number of frequency masks, and of time masks, 2 as in the paper's policy LD.
        frequency: largest share of the bands that one mask covers, 3/16.
        time: largest share of the frames that one mask covers, 3/16.
        shift: largest circular shift to either side, as a share of the frames, 0.1.

    Raises:
        ParameterError: if a share is not in [0, 1].

    Examples:
        >>> picture = np.zeros((4, 8, 3), np.uint8)
        >>> picture[:, 2] = 160
        >>> turned = SpecAugment(masks=0, shift=0.5)([picture], np.random.default_rng(0))[0]
        >>> turned[0, :, 0]
        array([  0,   0,   0,   0,   0, 160,   0,   0], dtype=uint8)
        >>> SpecAugment(frequency=0, time=0.5, shift=0)([picture], np.random.default_rng(1))[0][0, :, 0]
        array([  0,   0, 160,   0,   0,  20,  20,   0], dtype=uint8)
    """

    masks: int = 2
    frequency: float = 3 / 16
    time: float = 3 / 16
    shift: float = 0.1

    def __post_init__(self) -> None:
        check_number(self.masks, "masks", "SpecAugment", low=0, integer=True)
        for name in ("frequency", "time", "shift"):
            check_number(getattr(self, name), name, "SpecAugment", low=0, high=1)

    def __call__(self, pictures: Sequence[NDArray[Any]], rng: np.random.Generator) -> list[NDArray[Any]]:
        """The augmented pictures of one sound, as new arrays.

        Args:
            pictures: the pictures of the sound, (bands, frames, channels), of any numeric dtype; not modified.
            rng: source of all random numbers.

        Raises:
            DataError: if one of them is not such an array.
        """
        return [self._one(picture, rng) for picture in pictures]

    def _one(self, picture: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if np.ndim(picture) != 3:
            raise DataError(
                "SpecAugment needs pictures of sounds as arrays (bands, frames, channels). Got one of shape "
                f"{np.shape(picture)} instead; train without augmentation."
            )
        bands, frames = picture.shape[:2]
        # `np.roll` returns a copy, so the masks below do not change the given picture.
        most = int(self.shift * frames)
        out: NDArray[Any] = np.roll(picture, int(rng.integers(-most, most + 1)), axis=1)
        mean = out.mean()
        fill = out.dtype.type(np.round(mean) if np.issubdtype(out.dtype, np.integer) else mean)
        for _ in range(self.masks):
            out[_mask(bands, self.frequency, rng)] = fill
            out[:, _mask(frames, self.time, rng)] = fill
        return out


def _mask(length: int, most: float, rng: np.random.Generator) -> slice:
    width = int(rng.integers(int(most * length) + 1))
    start = int(rng.integers(length - width + 1))
    return slice(start, start + width)
