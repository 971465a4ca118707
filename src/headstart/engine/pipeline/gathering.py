"""Collect feature rows that arrive in any order: in memory, or in a temporary file if they are large."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ItemError, SaveError
from headstart.types import FeatureMatrix

__all__ = ["Gathering", "PositionGathering", "allocate_rows"]

MEMORY_BYTES = 256 * 2**20  # rows larger than this live in a temporary file
SLICE_BYTES = 16 * 2**20  # of rows that are copied at a time


def allocate_rows(n: int, width: int, dtype: np.dtype[np.floating[Any]] | type[np.floating[Any]]) -> FeatureMatrix:
    """An uninitialised array (n, width): in memory up to 256 MiB, else in a temporary file that is removed with it.

    Args:
        n: the number of rows.
        width: numbers per row.
        dtype: their type.

    Raises:
        SaveError: if there is no room for the file.

    Examples:
        >>> allocate_rows(2, 3, np.float32).shape
        (2, 3)
    """
    size = n * width * np.dtype(dtype).itemsize
    if size <= MEMORY_BYTES:
        return np.empty((n, width), dtype)
    with tempfile.TemporaryFile(prefix="headstart-rows-") as file:  # the map keeps its own handle
        try:
            if hasattr(os, "posix_fallocate"):  # a full disk must raise here; a write to the map would crash
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise _no_room(size, error) from error
        return np.memmap(file, dtype, "w+", shape=(n, width))


def _no_room(size: int, error: OSError) -> SaveError:
    return SaveError(
        f"There is no room for {size / 2**20:.0f} MiB of features in '{tempfile.gettempdir()}' "
        f"({error.strerror}); free space there or name another folder with the environment variable TMPDIR."
    )


def _slices(count: int, rows: FeatureMatrix) -> Iterator[slice]:
    """Slices that cover 0 to ``count``, each with as many rows as may be copied at once."""
    step = max(1, SLICE_BYTES // max(1, rows.shape[1] * rows.itemsize))
    return (slice(begin, min(begin + step, count)) for begin in range(0, count, step))


class Gathering:
    """Collects one row per item.

    Args:
        total: how many items there are.

    Examples:
        >>> gathering = Gathering(3)
        >>> gathering.put(np.array([2, 0]), np.array([[5.0], [6.0]]))
        >>> gathering.finish(np.array([0, 2]))[0]
        array([[6.],
               [5.]])
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._rows: FeatureMatrix = np.empty((0, 0), np.float32)

    def put(self, positions: NDArray[np.intp], rows: FeatureMatrix) -> None:
        """Store the rows of the items at ``positions``."""
        if self._rows.size == 0:
            self._rows = allocate_rows(self._total, rows.shape[1], rows.dtype)
        if rows.shape[1] != self._rows.shape[1]:
            raise ItemError(
                f"All items must have rows of one length. Got {self._rows.shape[1]} and, from item {positions[0]}, "
                f"{rows.shape[1]} numbers instead."
            )
        self._rows[positions] = rows

    def copy(self, positions: NDArray[np.intp], like: NDArray[np.intp]) -> None:
        """Give the items at ``positions`` the rows of those at ``like``."""
        for some in _slices(len(positions), self._rows):
            self._rows[positions[some]] = self._rows[like[some]]

    def finish(self, index: NDArray[np.intp]) -> tuple[FeatureMatrix, None]:
        """The rows of the items at ``index``, ascending, copied to the front of the array in place."""
        if len(index) < self._total:
            for some in _slices(len(index), self._rows):  # index[k] >= k, so no row is overwritten before it is copied
                self._rows[some] = self._rows[index[some]]
        return self._rows[: len(index)], None


class PositionGathering:
    """Collects several rows per item, one for each of its positions (tokens, patches, frames).

    Args:
        total: how many items there are.

    Examples:
        >>> gathering = PositionGathering(2)
        >>> gathering.put(np.array([1, 0]), [np.zeros((2, 1)), np.ones((1, 1))])
        >>> rows, offsets = gathering.finish(np.arange(2))
        >>> rows.ravel(), offsets
        (array([1., 0., 0.]), array([0, 1, 3]))
    """

    def __init__(self, total: int) -> None:
        self._begin = np.zeros(total, np.int64)  # the first row of each item, counted in the order of arrival
        self._count = np.zeros(total, np.int64)
        self._end = 0
        self._bytes = 0
        self._parts: list[FeatureMatrix] = []
        self._file: IO[bytes] | None = None
        self._shape: tuple[int, np.dtype[Any]] = (0, np.dtype(np.float32))

    def put(self, positions: NDArray[np.intp], rows: Sequence[FeatureMatrix]) -> None:
        """Store the rows (k, d) of each of the items at ``positions``."""
        for position, own in zip(positions, rows, strict=True):
            self._begin[position], self._count[position] = self._end, len(own)
            self._end += len(own)
            self._bytes += own.nbytes
            self._keep(own)

    def copy(self, positions: NDArray[np.intp], like: NDArray[np.intp]) -> None:
        """Give the items at ``positions`` the rows of those at ``like``."""
        self._begin[positions], self._count[positions] = self._begin[like], self._count[like]

    def finish(self, index: NDArray[np.intp]) -> tuple[FeatureMatrix, NDArray[np.int64]]:
        """The rows of the items at ``index``, one item after the other, and where each begins and ends."""
        offsets = np.concatenate([[0], np.cumsum(self._count[index])]).astype(np.int64)
        came = self._all()
        rows = allocate_rows(int(offsets[-1]), came.shape[1], came.dtype)
        for some in _slices(len(rows), rows):
            # Row p of the result belongs to the item with offsets[owner] <= p < offsets[owner + 1].
            places = np.arange(some.start, some.stop)
            owner = np.searchsorted(offsets, places, side="right") - 1
            rows[some] = came[self._begin[index[owner]] + places - offsets[owner]]
        if self._file is not None:
            self._file.close()
        return rows, offsets

    def _keep(self, own: FeatureMatrix) -> None:
        self._parts.append(own)
        if self._bytes <= MEMORY_BYTES:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="headstart-rows-")  # noqa: SIM115 (finish closes it)
            self._shape = (own.shape[1], own.dtype)
            for part in self._parts:
                self._file.write(np.ascontiguousarray(part).data)
        except OSError as error:
            raise _no_room(self._bytes, error) from error
        self._parts = []

    def _all(self) -> FeatureMatrix:
        if self._file is None:
            return np.concatenate(self._parts)
        self._file.flush()
        width, dtype = self._shape
        return np.memmap(self._file, dtype, "r", shape=(self._end, width))
