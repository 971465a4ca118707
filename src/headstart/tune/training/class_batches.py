"""Batches that hold several items of each of their classes, so that every batch has pairs of both kinds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.params import check_number
from headstart.tune.training.batches import Batch, ItemBatches

__all__ = ["ClassBatches", "class_order"]

ORDER = 2  # what the seed is used for; `headstart.tune.training.batches` has 0 and 1


def class_order(codes: NDArray[np.int64], classes: int, each: int, seed: int, epoch: int) -> list[NDArray[np.intp]]:
    """Positions of the items of each batch of an epoch: ``classes`` classes and ``each`` items of them.

    Classes take turns, and so do the items of a class: none comes again before all others have come, so that a rare
    class counts as much as a frequent one. An epoch has as many items as there are, but for rounding.

    Args:
        codes: (n,) classes of the items.
        classes: classes in a batch; all where there are fewer.
        each: items of each class; of a class with fewer all.
        seed: of the order.
        epoch: number of the epoch.

    Examples:
        >>> codes = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
        >>> [codes[batch].tolist() for batch in class_order(codes, 2, 2, seed=0, epoch=0)]
        [[2, 2, 1, 1], [0, 0, 1, 1]]
    """
    rng = np.random.default_rng([seed, ORDER, epoch])
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    classes = min(classes, len(members))
    steps = max(1, round(len(codes) / sum(min(each, len(part)) for part in members) * len(members) / classes))
    turns = _turns(np.arange(len(members)), rng)
    items = [_turns(part, rng) for part in members]
    return [
        np.concatenate([_distinct(items[k], min(each, len(members[k]))) for k in _distinct(turns, classes)])
        for _ in range(steps)
    ]


def _turns(values: NDArray[np.intp], rng: np.random.Generator) -> Iterator[int]:
    """The values in a random order, and again in another one, without end."""
    while True:
        yield from (int(value) for value in rng.permutation(values))


def _distinct(turns: Iterator[int], count: int) -> list[int]:
    """The next values, without those that came already where one order ends and the next begins."""
    found: list[int] = []
    while len(found) < count:
        value = next(turns)
        if value not in found:
            found.append(value)
    return found


class ClassBatches:
    """Batches by `class_order` of items that other batches read and collate; they come as they are, not augmented.

    Args:
        batches: the items.
        targets: (n, k) rows of a classification, 1 for the class of each item.
        classes: classes in a batch, at least 2.
        each: items of each class in a batch, at least 2.
        seed: of the order.

    Raises:
        ParameterError: if a batch has no pairs of both kinds.

    Examples:
        >>> from headstart.tune.training.settings import Training
        >>> targets = np.eye(2)[[0, 0, 1, 1]]
        >>> items = ItemBatches([0.0, 0.1, 5.0, 5.1], targets, np.asarray, np.stack, Training(), seed=0)
        >>> made = ClassBatches(items, targets, 2, 2, seed=0)
        >>> [batch] = next(made.epoch(0, 0))
        >>> made.steps, sorted(batch.inputs.tolist())
        (1, [0.0, 0.1, 5.0, 5.1])
    """

    def __init__(
        self, batches: ItemBatches, targets: NDArray[np.float64], classes: int, each: int, *, seed: int
    ) -> None:
        check_number(classes, "classes", type(self).__name__, low=2, integer=True)
        check_number(each, "each", type(self).__name__, low=2, integer=True)
        self._batches, self._seed, self._shape = batches, seed, (classes, each)
        self._codes = targets.argmax(axis=1)
        self._targets = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(self._order(0))

    def epoch(self, number: int, start: int) -> Iterator[list[Batch]]:
        """The batches of an epoch from number ``start`` on, each in one part: its pairs need all of it."""
        for index in self._order(number)[start:]:
            inputs = self._batches.inputs(index.tolist())
            yield [Batch(inputs, self._targets[torch.from_numpy(index)], index, len(index))]

    def _order(self, epoch: int) -> list[NDArray[np.intp]]:
        return class_order(self._codes, *self._shape, self._seed, epoch)
