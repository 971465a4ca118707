"""Batch sizes, and how many prepared items may wait for the body; both adapt to memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Sentence
from headstart.engine.pipeline.memory import available_memory
from headstart.errors import SourceError
from headstart.types import Modality

__all__ = ["Pace", "running_order", "size_in_bytes"]

BATCH_SIZES: dict[Modality, int] = {  # the fastest or nearly the fastest on 2 to 16 CPU cores
    "image": 32,
    "text": 1024,
    "audio": 16,
    "vector": 4096,
}
# Working memory for one item: a convolutional body at 224 pixels in fp32 takes about 10 MiB.
WORKING_BYTES: dict[Modality, int] = {
    "image": 16 * 2**20,
    "text": 2**20,
    "audio": 64 * 2**20,
    "vector": 2**16,
}
BATCHES_AHEAD = 3  # prepared batches that may wait for the body
FEW = 32  # batches are not made smaller than this to get more of them
WAITING_BYTES = 512 * 2**20  # of prepared items, or an eighth of the free memory if that is less


class Pace:
    """The batch size, which adapts to memory.

    Args:
        modality: the kind of items.
        count: how many items there are.
        streams: how many batches run at once.
        wanted: items per batch; None for the default of the modality, or less if memory or ``count`` is small.
        several: whether an item has several rows. Their size is known only after the first batch, which is then small.

    Attributes:
        size: items per batch.
        notes: how the size was changed, one sentence each.

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
        """Whether another batch may be prepared while so many wait; the first one runs alone, to be measured."""
        if batches == 0:
            return True
        if self._largest is None or batches >= BATCHES_AHEAD:
            return False
        return (items + self.size) * self._largest <= self._bytes_ahead

    def measure(self, prepared: Sequence[Any]) -> None:
        """Record the size of prepared items or their rows; one batch must fit into the memory for waiting items."""
        largest = max(map(size_in_bytes, prepared), default=1)
        with self._lock:
            self._largest = max(self._largest or 1, largest)
            self.size = min(self.size, max(1, self._bytes_ahead // self._largest))

    def halve(self, size: int, name: str) -> None:
        """Halve the batch size, because a batch of ``size`` items did not fit into memory.

        Raises:
            SourceError: if a single item does not fit.
        """
        with self._lock:
            if size <= 1:
                free = available_memory()
                there = "" if free is None else f" ({free / 2**20:,.0f} MiB)"
                raise SourceError(
                    f"The source '{name}' needs more memory for a single item than is free{there}; close other "
                    "programs, or use a smaller source."
                )
            smaller = max(1, size // 2)
            if smaller < self.size:  # otherwise a batch that ran at the same time has halved it already
                self.size = smaller
                self.notes.append(f"A batch of {size} did not fit into memory; batches of {smaller} were used instead.")


def _first_size(modality: Modality, count: int, streams: int, free: int | None) -> int:
    size = BATCH_SIZES[modality]
    if count > FEW:  # several batches, so that preparing and running overlap
        size = min(size, max(FEW, -(-count // (2 * max(streams, 2)))))
    if free is not None:
        size = min(size, max(1, free // (2 * max(streams, 1) * WORKING_BYTES[modality])))
    return size


def size_in_bytes(value: Any) -> int:
    """The approximate memory of an item, raw or prepared, in bytes.

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
    if hasattr(value, "getbands"):  # a PIL image, decoded or not
        return int(4 * value.width * value.height)
    return int(getattr(value, "nbytes", 64))


def _characters(item: object) -> int:
    if isinstance(item, Sentence):
        return len(item.text)
    return len(item) if isinstance(item, str) else 0


def running_order(items: Sequence[Any], positions: NDArray[np.intp], modality: Modality) -> NDArray[np.intp]:
    """The positions in the order to run: texts longest first, which keeps padding low.

    Args:
        items: all items.
        positions: (m,) of the items to run.
        modality: the kind of items.

    Examples:
        >>> running_order(["a", "bbb", "cc"], np.arange(3), "text").tolist()
        [1, 2, 0]
    """
    if modality != "text":
        return positions
    lengths = [_characters(items[k]) for k in positions]
    return positions[np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")]
