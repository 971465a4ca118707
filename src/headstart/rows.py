"""Rows by position, without reading or copying them all where they are many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.types import Rows

__all__ = ["RowView", "take_rows"]

COPIED_BYTES = 256 * 2**20  # more than this is not copied


@dataclass(frozen=True)
class RowView:
    """The rows of ``base`` at ``index``, read when they are sliced.

    Attributes:
        base: (n, d) rows, for instance a memory map.
        index: (m,) positions.

    Examples:
        >>> view = RowView(np.arange(6.0).reshape(3, 2), np.array([2, 0]))
        >>> view.shape, view[0:1]
        ((2, 2), array([[4., 5.]]))
    """

    base: Rows
    index: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, d)."""
        return (len(self.index), self.base.shape[1])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self.base[self.index[key]])


def take_rows(rows: Rows, index: NDArray[np.intp]) -> Rows:
    """Rows at ``index``: a copy of up to 256 MiB of what is in memory, a view of more and of what is on disk.

    Args:
        rows: (n, d) array, memory map or view.
        index: (m,) positions.

    Examples:
        >>> take_rows(np.eye(2), np.array([1]))
        array([[0., 1.]])
    """
    in_memory = isinstance(rows, np.ndarray) and not isinstance(rows, np.memmap)
    small = in_memory and rows[:1].nbytes * len(index) <= COPIED_BYTES
    return rows[index] if small else RowView(rows, index)
