"""The transfer profile: leave-one-out loss of each block of a body alone, which shows where the useful features are.

Early blocks hold edges, colours or letters; late blocks hold what the body was trained for. If a block before the last
one has the lowest loss, the source task differs from the target, and reading that block (or all of them) pays.

References:
    Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS 2014; Alain & Bengio,
    "Understanding intermediate layers using linear classifier probes", 2016; Evci et al., "Head2Toe", ICML 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.heads import HEADS, FeatureMap, SpectralHead
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.problem import Problem
from headstart.heads.registry import solved_heads
from headstart.transfer.ranking.figures import main_metric
from headstart.types import Block, Rows, Task

__all__ = ["BlockWorth", "transfer_profile"]


@dataclass(frozen=True)
class BlockWorth:
    """The results of one block of a body alone.

    Attributes:
        block: its name.
        width: its number of columns.
        head: the head of lowest leave-one-out loss.
        loss: that mean loss: nats, or squared error in units of the target's variance.
        merit: the main metric, leave-one-out: accuracy, share of correct labels, or R².
    """

    block: str
    width: int
    head: str
    loss: float
    merit: float


def transfer_profile(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    blocks: Sequence[Block],
    groups: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
) -> tuple[BlockWorth, ...]:
    """Leave-one-out metric and loss of each block, each from one eigendecomposition of its own columns.

    Args:
        rows: (n, d) features, the blocks side by side.
        y: labels as in `Dataset`.
        task: the label schema.
        blocks: the source's blocks, first to last.
        groups: (n,) integer codes of rows that are left out together; None if every row is its own group.
        seed: of the sample of rows that losses are compared on, if there are more than 5,000.

    Returns:
        One entry per block, in their order.

    Raises:
        DataError: if the widths of the blocks do not sum to d.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(40) % 2
        >>> x = np.column_stack([rng.normal(size=(40, 2)), y + rng.normal(size=40) / 9, 1 - y])
        >>> found = transfer_profile(x, y, Task("classification", ("a", "b")), [Block("early", 2), Block("late", 2)])
        >>> [worth.block for worth in found], found[1].merit
        (['early', 'late'], 1.0)
    """
    edges = np.concatenate([[0], np.cumsum([block.width for block in blocks])]).astype(int)
    if edges[-1] != rows.shape[1]:
        raise DataError(f"The blocks have {edges[-1]} columns in total, but the rows {rows.shape[1]}; give all blocks.")
    problem = Problem(rows, y, task, blocks, groups, seed)
    heads = [head for name in solved_heads(task) if isinstance(head := HEADS[name], SpectralHead)]
    truth, found = y[problem.chosen], []
    for block, (start, stop) in zip(blocks, pairwise(edges.tolist()), strict=True):
        alone = FeatureMap(block.name, ((start, stop),), "unit_norm")
        contenders, _ = spectral_contenders(problem, [alone], heads)
        best = min(contenders, key=lambda contender: contender.candidate.loss)
        metric = main_metric(task, best.evidence.outputs, truth)
        found.append(BlockWorth(block.name, block.width, best.candidate.head, best.candidate.loss, metric))
    return tuple(found)
