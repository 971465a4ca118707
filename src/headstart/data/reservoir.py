"""Reservoir sampling: a uniform sample of bounded size from a stream of unknown length.

Reference: Vitter 1985, "Random Sampling with a Reservoir", ACM Transactions on Mathematical Software 11 (algorithm R).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import numpy as np

from headstart.params import check_number

__all__ = ["ReservoirSampling"]

T = TypeVar("T")


class ReservoirSampling(Generic[T]):
    """A memory of at most ``size`` items, in which after n items each has the same chance size / n to be.

    The t-th item takes the place of a random one with probability size / t. The same items in the same order with the
    same seed give the same memory.

    Args:
        size: the most items that are kept; 0 keeps none.
        seed: of the random numbers.

    Attributes:
        size: as given.
        seen: how many items have come.

    Raises:
        ParameterError: if the size is no integer from 0 on.

    Examples:
        >>> memory = ReservoirSampling(3, seed=0)
        >>> memory.extend(range(100))
        >>> len(memory.items), memory.seen
        (3, 100)
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        check_number(size, "size", type(self).__name__, low=0, integer=True)
        self.size, self.seen = size, 0
        self._rng, self._items = np.random.default_rng(seed), list[T]()

    @property
    def items(self) -> tuple[T, ...]:
        """The kept items, in no particular order."""
        return tuple(self._items)

    def add(self, item: T) -> None:
        """Show one item of the stream."""
        self.seen += 1
        if len(self._items) < self.size:
            self._items.append(item)
        elif self.size:
            place = int(self._rng.integers(self.seen))
            if place < self.size:
                self._items[place] = item

    def extend(self, items: Iterable[T]) -> None:
        """Show several items, in their order."""
        for item in items:
            self.add(item)
