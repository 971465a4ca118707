"""The input of head selection: rows, labels, the candidates to compare, and the subset on which they are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.heads.architecture import Architecture
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
LayerChoice = Literal["auto", "last", "all", "best", "select", "standardised"]
# A mean over 5,000 rows has a standard error of 1.4 percent of the losses' standard deviation, for any n. Candidates
# are compared on the same rows, so their difference is known even better.
MAX_ROWS_FOR_CHOICE = 5000
MIN_GROUPS_FOR_CHOICE = 10


@dataclass(frozen=True)
class HeadSearch:
    """The candidates that head selection compares.

    Attributes:
        heads: names of heads; None or ``("solved",)`` for the closed-form heads (ridge and LDA, both solved from one
            eigendecomposition), ``("auto",)`` for all that support the task.
        class_weight: ``"balanced"`` gives each class the same total weight; None gives each row the same.
        prior: (C, d) the source's features of the class names or descriptions, in the order of the task's labels;
            closed-form heads shrink towards them. None for no such prior.
        drop_suspects: whether to leave out of the fit the rows whose label is contradicted by the other rows.
        fusion: how several sources are combined: ``"auto"`` (compares concatenation, banded ridge and stacking), one
            of ``"concat"``, ``"banded"``, ``"stack"``, ``"select"`` (the most relevant features of all blocks) and
            ``"attention"``, or ``"none"`` (only the best single source).
        layers: which layers of a source are candidates: ``"auto"`` (the last layer, and all blocks concatenated),
            ``"last"``, ``"all"``, ``"best"`` (also each single block), ``"select"`` (also the most relevant features
            of all blocks) or ``"standardised"`` (the last layer with standardised columns instead of unit norm).
        architecture: the one architecture to fit, as a search found it; heads, fusion and layers are then not used.
            None for the comparison that they describe.
        until: the value of `time.perf_counter` from which ``("auto",)`` tries no further head; default: no limit.
    """

    heads: tuple[str, ...] | None = None
    class_weight: str | None = None
    prior: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    drop_suspects: bool = False
    fusion: Fusion = "auto"
    layers: LayerChoice = "auto"
    architecture: Architecture | None = None
    until: float = field(default=math.inf, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows with labels, and the subset on which candidates are compared.

    Attributes:
        rows: (n, d) features of a source.
        y: labels as in `Dataset`.
        task: the label schema.
        blocks: the source's blocks; empty for a source without blocks.
        groups: (n,) integer codes of rows that are left out together; None if every row is its own group.
        seed: of the subset, and of heads that use random numbers.
        weights: (n,) weights of the rows, or None for equal weights.
        prior: (C, d) features of the classes that closed-form heads shrink towards, or None.

    Examples:
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> problem.chosen, problem.chosen_targets.shape
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
        """(n, k) targets of all rows, computed when they are sliced."""
        return TargetRows(self.y, self.task)

    @cached_property
    def chosen(self) -> NDArray[np.intp]:
        """(m,) sorted positions of the rows on which candidates are compared."""
        return rows_for_choice(len(self.y), self.groups, self.seed)

    @cached_property
    def chosen_targets(self) -> NDArray[np.float64]:
        """(m, k) targets of the chosen rows."""
        return self.targets[self.chosen]

    @cached_property
    def chosen_weights(self) -> NDArray[np.float64] | None:
        """(m,) weights of the chosen rows, or None."""
        return None if self.weights is None else self.weights[self.chosen]

    @cached_property
    def chosen_groups(self) -> NDArray[np.int64] | None:
        """(m,) groups of the chosen rows, or None."""
        return None if self.groups is None else self.groups[self.chosen]


def rows_for_choice(n: int, groups: NDArray[np.int64] | None, seed: int) -> NDArray[np.intp]:
    """Sorted positions of the rows on which candidates are compared: all up to 5,000, else a random subset.

    With groups, complete groups are drawn until there are at least 5,000 rows and ten groups.

    Args:
        n: number of rows.
        groups: (n,) integer codes of rows that stay together, or None.
        seed: of the random draw.

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
    # complete groups in random order until they hold enough rows
    enough = int(np.searchsorted(np.cumsum(counts[order]), MAX_ROWS_FOR_CHOICE)) + 1
    taken = order[: max(enough, MIN_GROUPS_FOR_CHOICE)]
    return np.flatnonzero(np.isin(codes, taken))


@dataclass(frozen=True, eq=False)
class TargetRows:
    """Targets (n, k) computed when they are sliced; the full one-hot matrix would need n·k numbers of memory.

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
