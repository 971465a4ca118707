"""Windows of one size that cover a picture of any size, so that a body runs at one shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Windows"]


@dataclass(frozen=True)
class Windows:
    """Overlapping windows over a picture; each part of it belongs to the window in which it lies most centrally.

    Attributes:
        size: (height, width) of the picture in pixels.
        window: (height, width) of a window, multiples of ``align``.
        overlap: by how many pixels neighbours overlap at least.
        align: windows begin at multiples of it, so that the grids of a body's deep blocks coincide.

    Examples:
        >>> windows = Windows((100, 300), (128, 128), overlap=64, align=32)
        >>> windows.padded, windows.starts
        ((128, 320), [(0, 0), (0, 64), (0, 128), (0, 192)])
    """

    size: tuple[int, int]
    window: tuple[int, int]
    overlap: int
    align: int = 32

    @property
    def padded(self) -> tuple[int, int]:
        """(height, width) of the picture after padding on the right and below, which the windows cover exactly."""
        tall, wide = (
            max(window, -(-length // self.align) * self.align)
            for length, window in zip(self.size, self.window, strict=True)
        )
        return tall, wide

    @property
    def starts(self) -> list[tuple[int, int]]:
        """(top, left) of each window, row by row."""
        tall, wide = self._axes
        return [(top, left) for top in tall for left in wide]

    @property
    def _axes(self) -> tuple[list[int], list[int]]:
        tall, wide = (self._axis(length, window) for length, window in zip(self.padded, self.window, strict=True))
        return tall, wide

    def _axis(self, length: int, window: int) -> list[int]:
        step = max(self.align, (window - min(self.overlap, window // 2)) // self.align * self.align)
        return [*range(0, length - window, step), length - window]

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """All windows (k, height, width, 3) of a picture (height, width, 3), padded by repeating its last pixels.

        Args:
            pixels: the picture.
        """
        beyond = [(0, padded - length) for padded, length in zip(self.padded, self.size, strict=True)]
        padded = np.pad(pixels, [*beyond, (0, 0)], mode="edge") if any(after for _, after in beyond) else pixels
        tall, wide = self.window
        return np.stack([padded[top : top + tall, left : left + wide] for top, left in self.starts])

    def owned(self, stride: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """For each window the cells of the picture that are taken from it, and where they lie in the window.

        Args:
            stride: pixels a cell; a divisor of ``align``.

        Yields:
            (rows, columns) of the picture's grid, and the same of the window's grid.

        Examples:
            >>> windows = Windows((64, 96), (64, 64), overlap=32)
            >>> windows.starts, [inner[1] for _, inner in windows.owned(8)]
            ([(0, 0), (0, 32)], [slice(0, 6, None), slice(2, 8, None)])
        """
        tall, wide = (
            list(self._owners(starts, window, length, stride))
            for starts, window, length in zip(self._axes, self.window, self.size, strict=True)
        )
        for rows, inner_rows in tall:
            for columns, inner_columns in wide:
                yield (rows, columns), (inner_rows, inner_columns)

    def joined(self, parts: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the pixels of all windows as those of the picture.

        Args:
            parts: (windows, window height, window width, k).

        Returns:
            (height, width, k) float32.

        Examples:
            >>> windows = Windows((40, 70), (64, 64), overlap=32)
            >>> windows.joined(np.ones((len(windows.starts), 64, 64, 2), np.float32)).shape
            (40, 70, 2)
        """
        whole = np.empty((*self.size, parts.shape[3]), np.float32)
        for part, (outer, inner) in zip(parts, self.owned(1), strict=True):
            whole[outer] = part[inner]
        return whole

    def _owners(self, starts: list[int], window: int, length: int, stride: int) -> Iterator[tuple[slice, slice]]:
        cells = -(-length // stride)
        # neighbours share their overlap evenly
        cuts = [
            0,
            *((after + before + window) // 2 // stride for before, after in pairwise(starts)),
        ]
        for start, begin, end in zip(starts, cuts, [*cuts[1:], cells], strict=True):
            outer = slice(min(begin, cells), min(end, cells))
            yield outer, slice(outer.start - start // stride, outer.stop - start // stride)
