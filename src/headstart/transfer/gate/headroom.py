"""Headroom of fine-tuning: the error of the closed-form head, its learning curve, and the losses of earlier blocks."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.wilson import wilson
from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.tasks import is_classification
from headstart.types import Block, Rows, Task

__all__ = ["LossCurve", "Mismatch", "headroom", "loss_curve", "mismatch"]

MOST_ROWS = 2000  # of the largest point of a learning curve: it only explains a verdict
SHARES = (0.25, 0.5, 1.0)
FEWEST = 24  # rows of a point of the curve
DOUBLING = 4.0  # upper bound on the time ratio of a head when its rows double


@dataclass(frozen=True)
class LossCurve:
    """Leave-one-out loss of the head on frozen features, by the number of training items.

    Attributes:
        counts: numbers of items.
        losses: leave-one-out loss with each of them; nan if a point was skipped.
        floor: the limit of a + b n^-c for n to infinity, which is what the frozen features can reach with any number of
            items; nan if the points do not determine it.
    """

    counts: tuple[int, ...]
    losses: tuple[float, ...]
    floor: float


@dataclass(frozen=True)
class Mismatch:
    """Whether an earlier block serves the target better than the last one.

    Attributes:
        last: leave-one-out loss of a head on the last block alone.
        best: the lowest such loss of any block.
        block: the name of that block.

    Examples:
        >>> Mismatch(0.5, 0.4, "blocks.3").mismatched
        True
    """

    last: float
    best: float
    block: str

    @property
    def mismatched(self) -> bool:
        """Whether the late blocks have specialised on another task: the best loss is below 98% of the last block's."""
        return self.best < 0.98 * self.last


def headroom(head: FittedHead, y: NDArray[np.int64], task: Task) -> tuple[float, float]:
    """The most that any strategy could gain: the leave-one-out error of the head, and its upper 95% bound.

    Args:
        head: with its evidence.
        y: labels of the items that it was fitted on.
        task: the label schema.

    Returns:
        The share of wrong items and Wilson's upper bound; for other tasks than classification the loss twice (for
        regression the squared error in units of the target's variance).

    Examples:
        >>> from headstart.heads import select_head
        >>> x, y, task = np.eye(4) + 1, np.array([0, 0, 1, 1]), Task("classification", ("a", "b"))
        >>> headroom(select_head(x, y, task), y, task)[1] > 0
        True
    """
    evidence = head.evidence
    if evidence is None:
        return head.loss, head.loss
    if not is_classification(task):
        return float(evidence.losses.mean()), float(evidence.losses.mean())
    wrong = evidence.outputs.argmax(axis=1) != y[evidence.index]
    return float(wrong.mean()), wilson(float(wrong.sum()), len(wrong))[1]


def loss_curve(
    rows: Rows,
    y: NDArray[np.int64],
    task: Task,
    *,
    blocks: Sequence[Block],
    search: HeadSearch,
    seed: int,
    seconds: float = math.inf,
) -> LossCurve:
    """Leave-one-out losses with a quarter, half and all of the items, at most 2,000, and the floor they extrapolate to.

    With losses l₁, l₂, l₃ at n, 2n and 4n, a + b n^-c has the floor a = (l₁ l₃ - l₂²) / (l₁ + l₃ - 2 l₂).

    Args:
        rows: (n, d) features.
        y: their labels.
        task: the label schema.
        blocks: of the source.
        search: the candidates of the choice of head.
        seed: of the nested parts; the smaller ones are subsets of the larger.
        seconds: time limit; a part that would exceed it, judging by the one before, is skipped.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(200, 4)).astype(np.float32), np.arange(200) % 2
        >>> x[:, 0] += y
        >>> task = Task("classification", ("a", "b"))
        >>> loss_curve(x, y, task, blocks=(), search=HeadSearch(), seed=0).counts
        (50, 100, 200)
    """
    order = np.random.default_rng(seed).permutation(len(y))[:MOST_ROWS]
    counts = [int(share * len(order)) for share in SHARES]
    losses: list[float] = []
    began, last = time.perf_counter(), 0.0
    for count in counts:
        part, now = np.sort(order[:count]), time.perf_counter()
        if now - began + DOUBLING * last > seconds:
            losses.append(float("nan"))
            continue
        if count < FEWEST or (is_classification(task) and len(np.unique(y[part])) < task.num_outputs):
            losses.append(float("nan"))
            continue
        head = select_head(np.asarray(rows[part]), y[part], task, blocks=blocks, search=search, seed=seed)
        losses.append(head.loss)
        last = time.perf_counter() - now
    # equal ratios of n make (l1 - a) / (l2 - a) = (l2 - a) / (l3 - a), which is solved for a; a curve that does not
    # bend upwards has no floor
    first, second, third = losses
    bend = first + third - 2 * second
    floor = (first * third - second**2) / bend if bend > 0 else float("nan")
    return LossCurve(tuple(counts), tuple(losses), floor if 0 <= floor <= third else float("nan"))


def mismatch(
    rows: Rows,
    y: NDArray[np.int64],
    task: Task,
    *,
    blocks: Sequence[Block],
    seed: int,
    seconds: float = math.inf,
) -> Mismatch | None:
    """Compare leave-one-out losses of a ridge head on each block alone; None with one block, or if time is short.

    Args:
        rows: (n, d) features.
        y: their labels.
        task: the label schema.
        blocks: of the source.
        seed: of the sample of at most 2,000 rows.
        seconds: time limit.

    Examples:
        >>> mismatch(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), blocks=(), seed=0)
    """
    if len(blocks) < 2:
        return None
    part = np.sort(np.random.default_rng(seed).permutation(len(y))[:MOST_ROWS])
    x, edges = np.asarray(rows[part]), np.cumsum([0, *(block.width for block in blocks)])
    losses, began = [], time.perf_counter()
    for number, (block, a, b) in enumerate(zip(blocks, edges, edges[1:], strict=False)):
        # the mean time of the blocks so far, times one more block, would exceed the limit
        if (time.perf_counter() - began) * (number + 1) > seconds * max(number, 1):
            return None
        head = select_head(x[:, a:b], y[part], task, blocks=(block,), search=HeadSearch(("ridge",)), seed=seed)
        losses.append(head.loss)
    best = int(np.argmin(losses))
    return Mismatch(losses[-1], losses[best], blocks[best].name)
