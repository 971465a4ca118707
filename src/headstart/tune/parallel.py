"""Training on several processes: each takes its share of every batch, and their gradients are summed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

__all__ = ["Parallel"]


class Parallel(Protocol):
    """One process among several that train together.

    Examples:
        >>> sorted(name for name in vars(Parallel) if not name.startswith("_"))
        ['rank', 'size', 'sum']
    """

    @property
    def rank(self) -> int:
        """This process's number, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many processes there are."""
        ...

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes; all of them call it in the same order."""
        ...
