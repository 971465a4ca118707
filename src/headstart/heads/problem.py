"""What a choice of head is made on: rows, labels, and the rows whose left-out losses are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.tasks import task_methods
from headstart.types import Block, Rows, Task, group_codes

__all__ = [
    "Fusion",
    "HeadSearch",
    "LayerChoice",
    "Problem",
    "TargetRows",
    "rows_for_choice",
]

Fusion = Literal["auto", "concat", "banded", "stack", "select", "attention", "none"]
LayerChoice = Literal["auto", "last", "all", "best", "select"]
# Left-out loss is an average; 5,000 rows give it to 1.4 percent of its spread, whatever n is, and candidates are
# compared on the same rows, so that their difference is known better still.
MAX_ROWS_FOR_CHOICE = 5000
MIN_GROUPS_FOR_CHOICE = 10


@dataclass(frozen=True)
class HeadSearch:
    """What is compared when a head is chosen.

    Attributes:
        heads: names of heads; None or ``("solved",)`` for those that one eigendecomposition gives (ridge and LDA),
            ``("auto",)`` for all that serve the task.
        class_weight: ``"balanced"`` lets each class count the same; None each row.
        prior: (C, d) what the source makes of the classes' names or descriptions, in the order of the task's labels:
            rows that solved heads shrink towards; None for none.
        drop_suspects: whether rows whose label all others contradict are left out of the fit.
        fusion: how several sources are put together: ``"auto"`` (concatenated, banded and stacked), one of
            ``"concat"``, ``"banded"``, ``"stack"``, ``"select"`` (features of all blocks by relevance) and
            ``"attention"``, or ``"none"`` (the best one alone).
        layers: which layers of a source are in the running: ``"auto"`` (the last one, and all blocks together),
            ``"last"``, ``"all"``, ``"best"`` (each block by itself too) or ``"select"`` (features of all blocks by
            relevance too).
        until: when `time.perf_counter` says so, ``("auto",)`` tries no further head; never by default.

    Examples:
        >>> HeadSearch(("ridge",)).heads
        ('ridge',)
    """

    heads: tuple[str, ...] | None = None
    class_weight: str | None = None
    prior: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    drop_suspects: bool = False
    fusion: Fusion = "auto"
    layers: LayerChoice = "auto"
    until: float = field(default=math.inf, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows with labels, and the part of them that the choice is made on.

    Attributes:
        rows: (n, d) features of a source.
        y: labels as in `Dataset`.
        task: the label schema.
        blocks: the source's blocks; empty for rows as they are.
        groups: (n,) integer codes of rows that are left out together; None where every row stands alone.
        seed: for the rows that the choice is made on, and for heads that draw.
        weights: (n,) weights of the rows, or None where all weigh the same.
        prior: (C, d) class rows that solved heads shrink towards, or None.

    Examples:
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> problem.chosen, problem.truth.shape
        (array([0, 1, 2, 3]), (4, 2))
    """

    rows: Rows
    y: NDArray[Any]
    task: Task
    blocks: Sequence[Block]
    groups: NDArray[np.int64] | None
    seed: int
    weights: NDArray[np.float64] | None = None
    prior: NDArray[Any] | None = None

    @cached_property
    def targets(self) -> TargetRows:
        """(n, k) targets of all rows, made as they are wanted."""
        return TargetRows(self.y, self.task)

    @cached_property
    def chosen(self) -> NDArray[np.intp]:
        """(m,) sorted positions of the rows that the choice is made on."""
        return rows_for_choice(len(self.y), self.groups, self.seed)

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """(m, k) targets of the chosen rows."""
        return self.targets[self.chosen]

    @cached_property
    def chosen_weights(self) -> NDArray[np.float64] | None:
        """(m,) weights of the chosen rows, or None."""
        return None if self.weights is None else self.weights[self.chosen]

    @cached_property
    def together(self) -> NDArray[np.int64] | None:
        """(m,) groups of the chosen rows, or None."""
        return None if self.groups is None else self.groups[self.chosen]


def rows_for_choice(n: int, groups: NDArray[np.int64] | None, seed: int) -> NDArray[np.intp]:
    """Sorted positions of 5,000 of n rows, or of whole groups until there are as many rows and ten groups.

    Args:
        n: number of rows.
        groups: (n,) integer codes of rows that stay together, or None.
        seed: of the draw.

    Examples:
        >>> rows_for_choice(3, None, 0), len(rows_for_choice(20_000, None, 0))
        (array([0, 1, 2]), 5000)
    """
    if n <= MAX_ROWS_FOR_CHOICE:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    if groups is None:
        return np.sort(rng.choice(n, MAX_ROWS_FOR_CHOICE, replace=False))
    codes = group_codes(groups, n)
    counts = np.bincount(codes)
    order = rng.permutation(len(counts))
    # whole groups in a random order until they hold enough rows
    enough = int(np.searchsorted(np.cumsum(counts[order]), MAX_ROWS_FOR_CHOICE)) + 1
    taken = order[: max(enough, MIN_GROUPS_FOR_CHOICE)]
    return np.flatnonzero(np.isin(codes, taken))


@dataclass(frozen=True, eq=False)
class TargetRows:
    """Rows of targets (n, k) that are made when they are sliced: one-hot rows of all items would be n times k numbers.

    Attributes:
        y: labels as in `Dataset`, of n items.
        task: the label schema.

    Examples:
        >>> targets = TargetRows(np.array([1, 0, 1]), Task("classification", ("ant", "bee")))
        >>> targets.shape, targets[1:]
        ((3, 2), array([[1., 0.],
               [0., 1.]]))
    """

    y: NDArray[Any]
    task: Task

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, k)."""
        return (len(self.y), self.task.num_outputs)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        return task_methods(self.task).targets(self.y[key], self.task.num_outputs)
