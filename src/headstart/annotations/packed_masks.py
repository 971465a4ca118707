"""Masks held as runs of equal pixels, so that those of many pictures fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations.masks import Mask

__all__ = ["PackedMask"]


@dataclass(frozen=True, eq=False)
class _Runs:
    """Values of pixels, row by row: one for each run with its length, or all of them where that is smaller."""

    values: NDArray[Any]
    lengths: NDArray[np.uint32] | None

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> _Runs:
        flat = np.ascontiguousarray(pixels).ravel()
        starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])) if flat.size else np.zeros(0, np.intp)
        small = _smallest(flat)
        if len(starts) * (small.itemsize + 4) >= flat.size * small.itemsize:
            return cls(flat.astype(small), None)
        lengths = np.diff(np.concatenate([starts, [flat.size]])).astype(np.uint32)
        return cls(flat[starts].astype(small), lengths)

    def pixels(self, size: tuple[int, int], dtype: type[Any]) -> NDArray[Any]:
        flat = self.values if self.lengths is None else np.repeat(self.values, self.lengths)
        return flat.astype(dtype).reshape(size[1], size[0])

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + (0 if self.lengths is None else self.lengths.nbytes)


def _smallest(values: NDArray[Any]) -> np.dtype[Any]:
    """The smallest type of whole numbers that holds all values."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    kinds = (np.uint8, np.int8, np.uint16, np.int16, np.int32)
    return next((np.dtype(k) for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max), values.dtype)


@dataclass(frozen=True, eq=False)
class PackedMask:
    """A `headstart.annotations.Mask` that is unpacked when it is asked for.

    Attributes:
        size: (width, height) in pixels.

    Examples:
        >>> from headstart.annotations import MaskArray
        >>> values = np.zeros((200, 300), np.int16)
        >>> values[50:60, 20:40] = 1
        >>> packed = PackedMask.of(MaskArray(values, values.astype(np.int32)))
        >>> packed.nbytes, values.nbytes, bool((packed.classes() == values).all())
        (210, 120000, True)
    """

    size: tuple[int, int]
    _classes: _Runs
    _objects: _Runs | None

    @classmethod
    def of(cls, mask: Mask) -> PackedMask:
        """The same mask, packed.

        Args:
            mask: any mask; its arrays are not kept.
        """
        objects = mask.instances()
        return cls(mask.size, _Runs.of(mask.classes()), None if objects is None else _Runs.of(objects))

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        return self._classes.nbytes + (0 if self._objects is None else self._objects.nbytes)

    def classes(self) -> NDArray[np.int16]:
        """(height, width) class codes."""
        return self._classes.pixels(self.size, np.int16)

    def instances(self) -> NDArray[np.int32] | None:
        """(height, width) numbers of objects, or None."""
        return None if self._objects is None else self._objects.pixels(self.size, np.int32)
