"""How many items go through the body at once, and how many may wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.pipeline.memory import available_memory
from headstart.errors import SourceError
from headstart.types import Modality

__all__ = ["Pace", "running_order", "size_in_bytes"]

BATCH_SIZES: dict[Modality, int] = {  # best or near best on 2 to 16 CPU cores
    "image": 32,
    "text": 1024,
    "audio": 16,
    "vector": 4096,
}
# What a body may need for one item while it runs: a convolutional body of 224 pixels in fp32 takes about 10 MiB.
WORKING_BYTES: dict[Modality, int] = {
    "image": 16 * 2**20,
    "text": 2**20,
    "audio": 64 * 2**20,
    "vector": 2**16,
}
BATCHES_AHEAD = 3  # prepared batches that may wait for the body
FEW = 32  # a batch is not made smaller than this to have more of them
WAITING_BYTES = 512 * 2**20  # of prepared items, or an eighth of what is free


class Pace:
    """The size of batches, which adapts to memory.

    Args:
        modality: what kind of thing an item is.
        count: how many items there are.
        streams: how many batches run at once.
        wanted: items in a batch; None for the best known number, or less where memory or ``count`` is small.
        several: whether an item has several rows, whose size only the first batch tells; it is then small.

    Attributes:
        size: items in a batch.
        notes: what happened to it, in one sentence each.

    Examples:
        >>> pace = Pace("image", 1000, 1, 8)
        >>> pace.halve(8, "toy")
        >>> pace.size
        4
    """

    def __init__(
        self, modality: Modality, count: int, streams: int = 1, wanted: int | None = None, *, several: bool = False
    ) -> None:
        free = available_memory()
        size = _first_size(modality, count, streams, free)
        self.size = wanted or (min(size, FEW) if several else size)
        self.notes: list[str] = []
        self._bytes_ahead = min(WAITING_BYTES, (free or WAITING_BYTES) // 8)
        self._largest: int | None = None  # bytes of a prepared item
        self._lock = Lock()

    def has_room(self, batches: int, items: int) -> bool:
        """Whether another batch may be prepared while so many wait; the first one goes alone, to be measured."""
        if batches == 0:
            return True
        if self._largest is None or batches >= BATCHES_AHEAD:
            return False
        return (items + self.size) * self._largest <= self._bytes_ahead

    def measure(self, prepared: Sequence[Any]) -> None:
        """Learn how large prepared items, or their rows, are; a batch must not fill the memory that may wait."""
        largest = max(map(size_in_bytes, prepared), default=1)
        with self._lock:
            self._largest = max(self._largest or 1, largest)
            self.size = min(self.size, max(1, self._bytes_ahead // self._largest))

    def halve(self, size: int, name: str) -> None:
        """Go on with smaller batches, because one of ``size`` items did not fit into memory.

        Raises:
            SourceError: where a single item does not fit.
        """
        with self._lock:
            if size <= 1:
                free = available_memory()
                there = "" if free is None else f" (there are {free / 2**20:,.0f} MiB)"
                raise SourceError(
                    f"The source '{name}' needs more memory for a single item than there is{there}; close other "
                    "programs, or take a smaller source."
                )
            smaller = max(1, size // 2)
            if smaller < self.size:  # else another batch that ran at the same time has said so
                self.size = smaller
                self.notes.append(f"A batch of {size} did not fit into memory; it went on with batches of {smaller}.")


def _first_size(modality: Modality, count: int, streams: int, free: int | None) -> int:
    size = BATCH_SIZES[modality]
    if count > FEW:  # several batches, so that preparing and running overlap
        size = min(size, max(FEW, -(-count // (2 * max(streams, 2)))))
    if free is not None:
        size = min(size, max(1, free // (2 * max(streams, 1) * WORKING_BYTES[modality])))
    return size


def size_in_bytes(value: Any) -> int:
    """About how much memory an item takes, as it was given or prepared.

    Examples:
        >>> size_in_bytes(np.zeros(3)), size_in_bytes({"ids": [1, 2]}), size_in_bytes("good")
        (24, 16, 4)
    """
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(size_in_bytes, value.values()))
    if isinstance(value, list | tuple):
        return 8 * len(value) + (
            sum(map(size_in_bytes, value)) if value and not isinstance(value[0], int | float) else 0
        )
    if hasattr(value, "getbands"):  # a picture, decoded or not
        return int(4 * value.width * value.height)
    return int(getattr(value, "nbytes", 64))


def running_order(items: Sequence[Any], positions: NDArray[np.intp], modality: Modality) -> NDArray[np.intp]:
    """The positions in the order to run: texts longest first, so that a batch holds little padding.

    Args:
        items: all items.
        positions: (m,) of those that are to run.
        modality: what kind of thing an item is.

    Examples:
        >>> running_order(["a", "bbb", "cc"], np.arange(3), "text").tolist()
        [1, 2, 0]
    """
    if modality != "text":
        return positions
    lengths = [len(item) if isinstance(item := items[k], str) else 0 for k in positions]
    return positions[np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")]
