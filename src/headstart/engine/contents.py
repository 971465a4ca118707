"""Which items are the same, so that each content is encoded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.item_digest import DIGEST_BYTES, item_digest
from headstart.engine.pipeline import threads
from headstart.types import Modality

__all__ = ["Contents"]

CHUNK = 256  # items that a thread reads at a time
WINDOW = 4096  # digests that are handed on at a time


@dataclass(frozen=True)
class Contents:
    """Digests of the items' contents.

    Attributes:
        digests: (n, 16) uint8; zeros where there is none.
        known: (n,) whether an item has a digest.
        first: (n,) the position of the first item of the same content.

    Examples:
        >>> Contents.of(["good", "bad", "good"], "text").first
        array([0, 1, 0])
    """

    digests: NDArray[np.uint8]
    known: NDArray[np.bool_]
    first: NDArray[np.intp]

    @classmethod
    def of(cls, items: Sequence[Any], modality: Modality) -> Contents:
        """Read all items, in threads."""
        digests = np.zeros((len(items), DIGEST_BYTES), np.uint8)
        known = np.zeros(len(items), bool)

        def read(begin: int) -> None:
            for position in range(begin, min(begin + CHUNK, len(items))):
                found = item_digest(items[position], modality)
                if found is not None:
                    digests[position] = np.frombuffer(found, np.uint8)
                    known[position] = True

        with ThreadPoolExecutor(threads(), thread_name_prefix="headstart-digest") as pool:
            for _ in pool.map(read, range(0, len(items), CHUNK)):
                pass
        return cls(digests, known, _first(digests, known))

    @classmethod
    def unread(cls, count: int) -> Contents:
        """No digests: each item stands for itself."""
        return cls(np.zeros((count, DIGEST_BYTES), np.uint8), np.zeros(count, bool), np.arange(count))

    @property
    def distinct(self) -> NDArray[np.intp]:
        """Positions of the first item of each content, ascending."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))

    def keys(self, positions: NDArray[np.intp]) -> list[bytes | None]:
        """The digests of the items at ``positions``; None for an item without one."""
        return [self.digests[k].tobytes() if self.known[k] else None for k in positions]

    def windows(self) -> Iterator[NDArray[np.intp]]:
        """The positions of the contents that have digests, a few thousand at a time."""
        positions = self.distinct
        positions = positions[self.known[positions]]
        return (positions[begin : begin + WINDOW] for begin in range(0, len(positions), WINDOW))


def _first(digests: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    first = np.arange(len(digests))
    rows = np.flatnonzero(known)
    halves = digests[rows].view(np.uint64)
    order = np.lexsort((rows, halves[:, 0], halves[:, 1]))  # equal digests side by side, the first item first
    ranked = halves[order]
    new = np.ones(len(order), bool)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    first[rows[order]] = rows[order][np.flatnonzero(new)[np.cumsum(new) - 1]]
    return first
