"""From probabilities of cells to the classes and objects of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import BACKGROUND, MaskArray
from headstart.decode.guided_filter import guided_filter
from headstart.decode.instances import objects_of
from headstart.params import check_number
from headstart.sources.preprocessing.bilinear import at_grid

__all__ = ["MaskDecoder", "cell_pixels"]


@dataclass(frozen=True)
class MaskDecoder:
    """How probabilities become a mask.

    Attributes:
        boundary: whether the last probability is that of outlines, so that objects are told apart.
        guided: whether probabilities are smoothed along the picture's edges (`guided_filter`).
        level: a pixel is foreground where the probability of the background is below 1 - level.
        seed_level: it is inside of an object where the interior has more than this share of interior and outline.
        grow: pixels by which interiors grow inside the foreground.
        least: pixels of the smallest object.

    Raises:
        ParameterError: for a value that is not allowed.

    Examples:
        >>> decoder = MaskDecoder(boundary=False, guided=False)
        >>> decoder(np.array([[[0.9, 0.1], [0.2, 0.8]]], np.float32), np.zeros((1, 2))).classes()
        array([[0, 1]], dtype=int16)
    """

    boundary: bool
    guided: bool = True
    level: float = 0.5
    seed_level: float = 0.5
    grow: int = 4
    least: int = 1

    def __post_init__(self) -> None:
        check_number(self.level, "level", "MaskDecoder", low=0, high=1)
        check_number(self.seed_level, "seed_level", "MaskDecoder", low=0, high=1)
        check_number(self.grow, "grow", "MaskDecoder", low=0, high=64, integer=True)
        check_number(self.least, "least", "MaskDecoder", low=1, high=10**6, integer=True)

    def __call__(self, probabilities: NDArray[np.float32], guide: NDArray[np.floating]) -> MaskArray:
        """The mask of a picture.

        Args:
            probabilities: (height, width, k) of its pixels.
            guide: (height, width) its grey values in [0, 1].
        """
        return self.decode(self.refined(probabilities, guide))

    def refined(self, probabilities: NDArray[np.float32], guide: NDArray[np.floating]) -> NDArray[np.float32]:
        """The probabilities, smoothed along the picture's edges if ``guided``."""
        return guided_filter(guide, probabilities) if self.guided else probabilities

    def decode(self, probabilities: NDArray[np.float32]) -> MaskArray:
        """The mask of refined probabilities."""
        classes = probabilities[..., : probabilities.shape[2] - self.boundary]
        inside = 1 + np.argmax(classes[..., 1:], axis=2)  # the class of a pixel, if it is not background
        if classes.shape[2] == 2 or self.boundary:
            foreground = classes[..., BACKGROUND] < 1 - self.level
        else:
            # of several classes without outlines the largest wins, the background with the odds of the level
            odds = self.level / max(1 - self.level, 1e-9)
            foreground = classes[..., 1:].max(axis=2) > classes[..., BACKGROUND] * odds
        codes = np.where(foreground, inside, BACKGROUND).astype(np.int16)
        if not self.boundary:
            return MaskArray(codes)
        within = np.take_along_axis(classes, inside[..., None], axis=2)[..., 0]
        seeds = within * (1 - self.seed_level) > probabilities[..., -1] * self.seed_level
        objects = self._objects(codes, seeds, classes.shape[2])
        return MaskArray(np.where(objects > 0, codes, BACKGROUND).astype(np.int16), objects)

    def _objects(self, codes: NDArray[np.int16], seeds: NDArray[np.bool_], num_classes: int) -> NDArray[np.int32]:
        objects = np.zeros(codes.shape, np.int32)
        for code in range(1, num_classes):
            own = codes == code
            if own.any():
                found = objects_of(seeds & own, own, grow=self.grow, least=self.least)
                objects = np.where(found > 0, found + objects.max(), objects)
        return objects.astype(np.int32)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MaskDecoder:
        """The decoder that `to_dict` gave.

        Raises:
            ValueError: if they are not valid; they may come from a file.
        """
        fine = set(values) == set(cls.__dataclass_fields__)
        if not fine or not all(isinstance(values[name], bool) for name in ("boundary", "guided")):
            raise ValueError(f"the decoder of masks is damaged: {dict(values)!r:.200}")
        return cls(**values)


def cell_pixels(cells: NDArray[np.float32], stride: int, read: tuple[int, int]) -> NDArray[np.float32]:
    """Probabilities of cells brought bilinearly to the pixels of the picture as it was read.

    Args:
        cells: (rows, columns, k).
        stride: pixels a cell.
        read: (height, width) at which the picture was read.

    Examples:
        >>> cell_pixels(np.array([[[0.0], [1.0]]], np.float32), 2, (2, 3))[0, :, 0]
        array([0.  , 0.25, 0.75], dtype=float32)
    """
    full = at_grid(cells, (cells.shape[0] * stride, cells.shape[1] * stride))
    return np.ascontiguousarray(full[: read[0], : read[1]])
