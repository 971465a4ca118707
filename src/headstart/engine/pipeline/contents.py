"""Items with equal content, so that each distinct content is encoded exactly once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.pipeline.digest import DIGEST_BYTES, item_digest
from headstart.engine.pipeline.streaming import threads
from headstart.reporting import LOOKING, Progress
from headstart.types import Modality

__all__ = ["Contents"]

# items that a thread digests at a time
CHUNKS: dict[Modality, int] = {"image": 64, "text": 1024, "audio": 16, "vector": 1024}
WINDOW = 4096  # digests per lookup


@dataclass(frozen=True)
class Contents:
    """Digests of the items' contents.

    Attributes:
        digests: (n, 16) uint8; zeros for an item without a digest.
        known: (n,) whether an item has a digest.
        first: (n,) the position of the first item with the same content.
        stamps: (n, 2) size in bytes and modification time in ns of the files that were read; zeros for other items.

    Examples:
        >>> Contents.of(["good", "bad", "good"], "text").first
        array([0, 1, 0])
    """

    digests: NDArray[np.uint8]
    known: NDArray[np.bool_]
    first: NDArray[np.intp]
    stamps: NDArray[np.int64]

    @classmethod
    def of(cls, items: Sequence[Any], modality: Modality, progress: Progress | None = None) -> Contents:
        """Digest all items, in threads; ``progress`` is called with 0 items done and the number digested so far."""
        size = CHUNKS[modality]
        digests = np.zeros((len(items), DIGEST_BYTES), np.uint8)
        known = np.zeros(len(items), bool)
        stamps = np.zeros((len(items), 2), np.int64)

        def read(begin: int) -> None:
            for position in range(begin, min(begin + size, len(items))):
                stamps[position] = _stamp(items[position], modality)
                found = item_digest(items[position], modality)
                if found is not None:
                    digests[position] = np.frombuffer(found, np.uint8)
                    known[position] = True

        with ThreadPoolExecutor(threads(), thread_name_prefix="headstart-digest") as pool:
            begins = range(0, len(items), size)
            for begin, _ in zip(begins, pool.map(read, begins), strict=True):
                if progress is not None and begin + size < len(items):
                    progress(0, len(items), f"{LOOKING} {begin + size:,} of {len(items):,}")
        return cls(digests, known, _first(digests, known), stamps)

    @classmethod
    def unread(cls, count: int) -> Contents:
        """Contents without digests: each item counts as distinct."""
        nothing = np.zeros((count, DIGEST_BYTES), np.uint8), np.zeros(count, bool)
        return cls(*nothing, np.arange(count), np.zeros((count, 2), np.int64))

    @property
    def distinct(self) -> NDArray[np.intp]:
        """Positions of the first item of each distinct content, ascending."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))

    def keys(self, positions: NDArray[np.intp], items: Sequence[Any]) -> list[bytes | None]:
        """The digests of the items at ``positions``; None for an item without, or whose file has changed since."""
        return [
            self.digests[k].tobytes() if self.known[k] and self._is_as_read(k, items[k]) else None for k in positions
        ]

    def _is_as_read(self, position: int, item: object) -> bool:
        before = tuple(self.stamps[position].tolist())
        return before == (0, 0) or before == _stamp(item, "image")

    def windows(self) -> Iterator[NDArray[np.intp]]:
        """Positions of the distinct contents that have digests, a few thousand at a time."""
        positions = self.distinct
        positions = positions[self.known[positions]]
        return (positions[begin : begin + WINDOW] for begin in range(0, len(positions), WINDOW))


def _stamp(item: object, modality: Modality) -> tuple[int, int]:
    if modality not in ("image", "audio") or not isinstance(item, str | os.PathLike):
        return 0, 0
    try:
        about = os.stat(item)  # noqa: PTH116 (a million files)
    except (OSError, ValueError):
        return 0, 0
    return about.st_size, about.st_mtime_ns


def _first(digests: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    first = np.arange(len(digests))
    rows = np.flatnonzero(known)
    halves = digests[rows].view(np.uint64)  # (m, 2): a digest of 16 bytes as two numbers, for fast sorting
    order = np.lexsort((rows, halves[:, 0], halves[:, 1]))  # equal digests side by side, the first item first
    ranked = halves[order]
    new = np.ones(len(order), bool)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    # cumsum(new) - 1 numbers the runs of equal digests; each item gets the first item of its run
    first[rows[order]] = rows[order][np.flatnonzero(new)[np.cumsum(new) - 1]]
    return first
