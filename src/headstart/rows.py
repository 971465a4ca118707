"""Row selection by position: a copy if the selection is small, else a view that is read when it is sliced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.types import Rows

__all__ = ["RowView", "take_rows"]

COPIED_BYTES = 256 * 2**20  # a larger selection becomes a view


@dataclass(frozen=True)
class RowView:
    """A view of the rows of ``base`` at ``index``; rows are read when the view is sliced.

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
    """Select rows: a copy if ``rows`` is in memory and the selection takes at most 256 MiB, else a view.

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
