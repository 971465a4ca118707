"""Masks: a class, and where wanted an object, for each pixel of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError

__all__ = ["BACKGROUND", "IGNORED", "Mask", "MaskArray"]

BACKGROUND = 0
"""The class code of the background; ``task.labels[0]`` is its name."""

IGNORED = -1
"""The code of pixels that are neither trained on nor counted."""


@runtime_checkable
class Mask(Protocol):
    """The labelled pixels of one picture, in memory or in a file that is read when it is asked for.

    Examples:
        >>> isinstance(MaskArray(np.zeros((2, 3), np.int16)), Mask)
        True
    """

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        ...

    def classes(self) -> NDArray[np.int16]:
        """(height, width) codes into ``task.labels``, `BACKGROUND` or `IGNORED`."""
        ...

    def instances(self) -> NDArray[np.int32] | None:
        """(height, width) numbers of objects, 0 where there is none; None where only classes are known."""
        ...


@dataclass(frozen=True, eq=False)
class MaskArray:
    """A mask in memory.

    Attributes:
        values: (height, width) int16 class codes.
        objects: (height, width) int32 numbers of objects, or None.

    Raises:
        DataError: if the arrays differ in size.

    Examples:
        >>> mask = MaskArray(np.array([[0, 1, 1], [0, 0, 1]], np.int16))
        >>> mask.size, int(mask.classes().sum()), mask.instances() is None
        ((3, 2), 3, True)
    """

    values: NDArray[np.int16]
    objects: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or (self.objects is not None and self.objects.shape != self.values.shape):
            found = "none" if self.objects is None else str(self.objects.shape)
            raise DataError(
                f"A mask needs classes (height, width), and objects of that size or none. Got {self.values.shape} and "
                f"{found} instead."
            )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.values.shape[1], self.values.shape[0]

    def classes(self) -> NDArray[np.int16]:
        """(height, width) class codes."""
        return self.values

    def instances(self) -> NDArray[np.int32] | None:
        """(height, width) numbers of objects, or None."""
        return self.objects
