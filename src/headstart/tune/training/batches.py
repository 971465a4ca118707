"""Batches of training items; their order depends on seed and epoch alone, so a resumed training sees the same ones."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.engine.body.machine import cores
from headstart.tune.training.settings import Training

__all__ = ["Batch", "ItemBatches", "epoch_order"]

AHEAD = 3  # batches that are prepared in advance
SORTED = 8  # batches whose texts are sorted by length together, at least: more pad less, but mix less
MOST_SORTED = 50  # at most, for many items: a quarter of them, as in the length-grouped sampler of transformers
MEMORY = 2**30  # bytes of prepared items that are kept between epochs
ORDER, AUGMENT = 0, 1  # streams of random numbers that one seed opens


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of items, or a micro-batch of one.

    Attributes:
        inputs: what the body's forward function takes.
        targets: (n, k) float32 rows, as the task's methods make them.
        positions: (n,) positions of the items among the training items.
        batch_size: number of items in the complete batch, of which these may be a part.

    Examples:
        >>> Batch(torch.ones(2, 3), torch.ones(2, 1), np.arange(2), 4).share
        0.5
    """

    inputs: Any
    targets: Tensor
    positions: NDArray[np.intp]
    batch_size: int

    @property
    def share(self) -> float:
        """The share of the complete batch's items, by which a micro-batch's mean loss counts."""
        return len(self.positions) / self.batch_size

    def to(self, device: str) -> Batch:
        """The same batch on a device."""
        from headstart.tune.training.device import to_device

        return replace(self, inputs=to_device(self.inputs, device), targets=self.targets.to(device))


def epoch_order(
    n: int, size: int, seed: int, epoch: int, lengths: NDArray[np.intp] | None = None
) -> list[NDArray[np.intp]]:
    """Positions of the items of each batch of an epoch, in random order.

    A last batch of a single item is left out, since batch normalisation cannot compute a deviation of one item.

    Args:
        n: number of items.
        size: items in a batch.
        seed: of the order.
        epoch: number of the epoch, from 0.
        lengths: (n,) lengths of texts; each batch then holds texts of similar length. None for any order.

    Examples:
        >>> [len(batch) for batch in epoch_order(9, 4, 0, 0)]
        [4, 4]
        >>> [len(batch) for batch in epoch_order(10, 4, 0, 0)]
        [4, 4, 2]
    """
    rng = np.random.default_rng([seed, ORDER, epoch])
    order = rng.permutation(n)
    if lengths is not None:
        # Sorted by length within windows of several batches: a batch has similar lengths, and batches still mix.
        window = size * max(SORTED, min(MOST_SORTED, n // (4 * size)))
        order = np.concatenate(
            [part[np.argsort(lengths[part], kind="stable")] for part in np.split(order, range(window, n, window))]
        )
    batches = [order[start : start + size] for start in range(0, n, size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches.pop()
    # Sorted batches are shuffled, since lengths would rise within each window.
    return [batches[k] for k in rng.permutation(len(batches))] if lengths is not None else batches


class ItemBatches:
    """Batches of items that threads read and augment while the body trains.

    Args:
        items: n items.
        targets: (n, k) rows.
        prepare: reads one item; called from several threads.
        collate: makes the body's inputs from prepared items.
        training: gives the sizes of batches and micro-batches.
        seed: of the order and of the augmentation.
        augment: changes a prepared item, given a random generator; None for no augmentation.
        share: (rank, number of processes) of this process among those that train together.

    Examples:
        >>> made = ItemBatches([1.0, 2.0], np.eye(2), np.asarray, np.stack, Training(batch_size=2), seed=0)
        >>> [batch] = next(made.epoch(0, 0))
        >>> sorted(batch.inputs.tolist()), batch.targets.shape
        ([1.0, 2.0], torch.Size([2, 2]))
    """

    def __init__(
        self,
        items: Sequence[Any],
        targets: NDArray[Any],
        prepare: Callable[[Any], Any],
        collate: Callable[[Sequence[Any]], Any],
        training: Training,
        *,
        seed: int,
        augment: Callable[[Any, np.random.Generator], Any] | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._items, self._prepare, self._collate, self._augment = items, prepare, collate, augment
        self._targets = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))
        self._size, self._micro = training.batch_size, training.micro_batch or training.batch_size
        self._seed, self._rank, self._processes = seed, *share
        self._kept: dict[int, Any] = {}
        self._bytes = 0
        self._lengths: NDArray[np.intp] | None = None

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(self._order(0))

    def __len__(self) -> int:
        return len(self._items)

    def sort_by_length(self) -> None:
        """Make each batch hold texts of similar length; this prepares all items."""
        self._lengths = np.array([len(self.prepared(k)) for k in range(len(self._items))], dtype=np.intp)

    def prepared(self, position: int) -> Any:
        """A prepared item; it is kept in memory while there is room."""
        if position in self._kept:
            return self._kept[position]
        value = self._prepare(self._items[position])
        size = sum(np.asarray(part).nbytes for part in value) if isinstance(value, list) else np.asarray(value).nbytes
        if self._bytes + size <= MEMORY:
            self._kept[position], self._bytes = value, self._bytes + size
        return value

    def epoch(self, number: int, start: int) -> Iterator[list[Batch]]:
        """The batches of an epoch from number ``start`` on, each as a list of micro-batches."""
        with ThreadPoolExecutor(max(2, cores())) as pool:
            ahead: deque[tuple[NDArray[np.intp], int, list[Future[Any]]]] = deque()
            for index in self._order(number)[start:]:
                own = index[self._rank :: self._processes]  # this process's share of the batch
                ahead.append((own, len(index), [self._soon(pool, int(k), number) for k in own]))
                if len(ahead) > AHEAD:
                    yield self._batch(*ahead.popleft())
            while ahead:
                yield self._batch(*ahead.popleft())

    def _soon(self, pool: ThreadPoolExecutor, position: int, epoch: int) -> Future[Any]:
        if self._augment is not None or position not in self._kept:
            return pool.submit(self._ready, position, epoch)
        there: Future[Any] = Future()  # handing an item that is at hand to a thread takes longer than using it
        there.set_result(self._kept[position])
        return there

    def _ready(self, position: int, epoch: int) -> Any:
        item = self.prepared(position)
        if self._augment is None:
            return item
        # A generator per item and epoch: the result depends neither on the thread nor on what came before.
        return self._augment(item, np.random.default_rng([self._seed, AUGMENT, epoch, position]))

    def _batch(self, index: NDArray[np.intp], size: int, ready: list[Future[Any]]) -> list[Batch]:
        items = [future.result() for future in ready]
        parts = [slice(k, k + self._micro) for k in range(0, len(index), self._micro)]
        return [
            Batch(self._collate(items[part]), self._targets[torch.from_numpy(index[part])], index[part], size)
            for part in parts
        ]

    def with_inputs(
        self, items: Sequence[Any], prepare: Callable[[Any], Any], collate: Callable[[Sequence[Any]], Any]
    ) -> ItemBatches:
        """The same batches in the same order, with other inputs and without augmentation."""
        made = copy.copy(self)
        made._items, made._prepare, made._collate, made._augment = items, prepare, collate, None
        made._kept, made._bytes = {}, 0
        return made

    def inputs(self, positions: Sequence[int]) -> Any:
        """The collated inputs of items, without augmentation."""
        return self._collate([self.prepared(int(k)) for k in positions])

    def by_length(self) -> NDArray[np.intp]:
        """Positions of all items; if batches are sorted by length, longest texts first."""
        if self._lengths is None:
            return np.arange(len(self._items))
        return np.argsort(-self._lengths, kind="stable")

    def _order(self, epoch: int) -> list[NDArray[np.intp]]:
        return epoch_order(len(self._items), self._size, self._seed, epoch, self._lengths)
