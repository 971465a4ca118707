"""Held-out outputs: of a held-out split, or by nested cross-validation.

In cross-validation, features, head and λ are chosen anew inside each training part, so that the choice does not
depend on the items that it is evaluated on (Varma & Simon, "Bias in error estimation when using cross-validation for
model selection", BMC Bioinformatics 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.linear.checks import CHUNK
from headstart.rows import take_rows
from headstart.tasks import task_methods
from headstart.types import Block, Rows, Task

__all__ = ["HeldOut", "SplitPlan", "held_out_outputs"]


@dataclass(frozen=True)
class SplitPlan:
    """Which items the model is fitted on, and which it is evaluated on.

    Attributes:
        parts: (train, test) positions; one pair for a held-out split, several for cross-validation.
        how: the procedure in one clause, for the report.

    Examples:
        >>> SplitPlan(((np.array([0, 1]), np.array([2])),), "1 held-out item").evaluated
        array([2])
    """

    parts: tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]
    how: str

    @property
    def evaluated(self) -> NDArray[np.intp]:
        """Positions of the evaluated items, part by part."""
        return np.concatenate([test for _, test in self.parts])

    @property
    def fitted(self) -> NDArray[np.intp]:
        """Positions that the final model is fitted on: the training part, or everything in cross-validation."""
        return self.parts[0][0] if len(self.parts) == 1 else np.sort(self.evaluated)


@dataclass(frozen=True)
class HeldOut:
    """Outputs for the evaluated items.

    Attributes:
        outputs: (m, k) in the order of ``SplitPlan.evaluated``.
        heads: the fitted head of each part.
        scores: (m, k) the same before the calibration; None where they are not known.

    Examples:
        >>> HeldOut(np.zeros((2, 1)), ()).outputs.shape
        (2, 1)
    """

    outputs: NDArray[np.float64]
    heads: tuple[FittedHead, ...]
    scores: NDArray[np.float64] | None = None


def held_out_outputs(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    plan: SplitPlan,
    *,
    blocks: Sequence[Block] = (),
    groups: NDArray[np.int64] | None = None,
    search: HeadSearch = HeadSearch(),
    seed: int = 0,
) -> HeldOut:
    """Fit on each training part and give outputs for its test part.

    Args:
        rows: (n, d) features of all items.
        y: labels as in `Dataset`, of all items.
        task: the label schema.
        plan: which items are fitted on and which are evaluated.
        blocks: the source's blocks; empty for rows as they are.
        groups: (n,) codes of rows that are left out together in the choice of the head, or None.
        search: the heads and features to choose from.
        seed: seed of the choice, which draws rows where there are many; default 0.

    Returns:
        Outputs and heads.

    Examples:
        >>> x = np.array([[0.0], [0.2], [2.0], [2.2], [0.1]], np.float32)
        >>> plan = SplitPlan(((np.array([0, 1, 2, 3]), np.array([4])),), "held out")
        >>> task = Task("classification", ("low", "high"))
        >>> held_out_outputs(x, np.array([0, 0, 1, 1, 0]), task, plan).outputs.argmax(axis=1)
        array([0])
    """
    methods = task_methods(task)
    outputs, fitted, place = np.empty((len(plan.evaluated), task.num_outputs)), [], 0
    scores = np.empty_like(outputs)
    for train, test in plan.parts:
        inner = None if groups is None else groups[train]
        training = take_rows(rows, train)
        head = select_head(training, y[train], task, blocks=blocks, groups=inner, search=search, seed=seed)
        for start in range(0, len(test), CHUNK):
            part = test[start : start + CHUNK]
            now = slice(place, place + len(part))
            scores[now] = head.scores(take_rows(rows, part))
            outputs[now] = methods.outputs(scores[now], head.calibration)
            place += len(part)
        fitted.append(head)
    return HeldOut(outputs, tuple(fitted), scores)
