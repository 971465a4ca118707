"""Batches of tensors that are there, for trainings without items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from headstart.tune.training.batches import epoch_order


class ArrayBatches:
    """Batches of tensors that are there.

    Args:
        arrays: tensors of n rows each.
        size: rows in a batch.
        seed: of their order.
    """

    def __init__(self, arrays: Sequence[Tensor], size: int, *, seed: int) -> None:
        self._arrays, self._size, self._seed = arrays, size, seed

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(epoch_order(len(self._arrays[0]), self._size, self._seed, 0))

    def epoch(self, number: int, start: int) -> Iterator[Sequence[Any]]:
        """The batches of an epoch from number ``start`` on."""
        for index in epoch_order(len(self._arrays[0]), self._size, self._seed, number)[start:]:
            yield [[array[torch.from_numpy(index)] for array in self._arrays]]
