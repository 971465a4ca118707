"""Batches with several items of each of their classes, so that every batch has positive and negative pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.params import check_number
from headstart.tune.training.batches import Batch, ItemBatches

__all__ = ["ClassBatches", "class_order"]

ORDER = 2  # stream of random numbers that the seed opens; `headstart.tune.training.batches` has 0 and 1


def class_order(codes: NDArray[np.int64], classes: int, each: int, seed: int, epoch: int) -> list[NDArray[np.intp]]:
    """Positions of the items of each batch of an epoch: ``classes`` classes with ``each`` items per class.

    Classes take turns, and so do the items of a class: none is drawn again before all others have been drawn. A rare
    class thus counts as much as a frequent one. Up to rounding, an epoch draws as many items as there are.

    Args:
        codes: (n,) class codes of the items.
        classes: classes in a batch; all classes if there are fewer.
        each: items per class; all items of a class that has fewer.
        seed: of the order.
        epoch: number of the epoch, from 0.

    Examples:
        >>> codes = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
        >>> [codes[batch].tolist() for batch in class_order(codes, 2, 2, seed=0, epoch=0)]
        [[2, 2, 1, 1], [0, 0, 1, 1]]
    """
    rng = np.random.default_rng([seed, ORDER, epoch])
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    classes = min(classes, len(members))
    # Items over the mean size of a batch, which is classes · mean over classes of min(each, size of the class).
    steps = max(1, round(len(codes) / sum(min(each, len(part)) for part in members) * len(members) / classes))
    turns = _turns(np.arange(len(members)), rng)
    items = [_turns(part, rng) for part in members]
    return [
        np.concatenate([_distinct(items[k], min(each, len(members[k]))) for k in _distinct(turns, classes)])
        for _ in range(steps)
    ]


def _turns(values: NDArray[np.intp], rng: np.random.Generator) -> Iterator[int]:
    """The values in one random order after another, endlessly."""
    while True:
        yield from (int(value) for value in rng.permutation(values))


def _distinct(turns: Iterator[int], count: int) -> list[int]:
    """The next ``count`` distinct values; across the border of two random orders a value may come twice."""
    found: list[int] = []
    while len(found) < count:
        value = next(turns)
        if value not in found:
            found.append(value)
    return found


class ClassBatches:
    """Batches in the order of `class_order`, of items that other batches read and collate, without augmentation.

    Args:
        batches: gives the items.
        targets: (n, k) one-hot rows.
        classes: classes in a batch, at least 2.
        each: items of each class in a batch, at least 2.
        seed: of the order.

    Raises:
        ParameterError: if ``classes`` or ``each`` is below 2, so that a batch lacks negative or positive pairs.

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
        """The batches of an epoch from number ``start`` on, each as one micro-batch, since pairs span all of it."""
        for index in self._order(number)[start:]:
            inputs = self._batches.inputs(index.tolist())
            yield [Batch(inputs, self._targets[torch.from_numpy(index)], index, len(index))]

    def _order(self, epoch: int) -> list[NDArray[np.intp]]:
        return class_order(self._codes, *self._shape, self._seed, epoch)
