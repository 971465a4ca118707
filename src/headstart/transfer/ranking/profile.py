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
from headstart.rows import take_rows
from headstart.tasks import base_kind, is_classification
from headstart.transfer.ranking.figures import main_metric
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.types import Block, Rows, Task

__all__ = ["BlockWorth", "profile_facts", "transfer_profile"]


MOST_ROWS, FEWEST_ROWS = 2000, 100  # training items of a profile in a report
OPERATIONS = 2e10  # of its eigendecompositions: about half a second


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


def profile_facts(prepared: Prepared, judged: Judged) -> dict[str, Any] | None:
    """The transfer profile of a fit's training items as plain JSON values; None for fewer than two blocks of one body.

    At most as many training items are used as `OPERATIONS` allow.

    Args:
        prepared: encoded items.
        judged: the plan of the fit.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> texts, silent = ["good film", "lovely", "great fun", "bad film", "awful", "dull"], SilentReporter()
        >>> data = read((texts * 4, ["+", "+", "+", "-", "-", "-"] * 4))
        >>> prepared = prepare(data, open_source("toy"), RunContext(silent))
        >>> facts = profile_facts(prepared, judge(prepared, HeadSearch(("ridge",)), 0, silent))
        >>> facts["metric"], [block["block"] for block in facts["blocks"]]
        ('accuracy', ['letters', 'trigrams'])
    """
    blocks, fitted = prepared.source.info.blocks, judged.plan.fitted
    if len(blocks) < 2 or any(block.part or block.numbers for block in blocks):
        return None
    task, y = prepared.dataset.labelled()
    count = min(len(fitted), MOST_ROWS)
    while count > FEWEST_ROWS and _operations(count, blocks, task.num_outputs) > OPERATIONS:
        count = count * 3 // 4
    drawn = fitted if count == len(fitted) else np.sort(np.random.default_rng(judged.seed).permutation(fitted)[:count])
    if is_classification(task) and len(np.unique(y[drawn])) < task.num_outputs:
        return None
    groups = None if judged.groups is None else judged.groups[drawn]
    found = transfer_profile(take_rows(prepared.rows, drawn), y[drawn], task, blocks, groups, seed=judged.seed)
    metric = {"classification": "accuracy", "regression": "R²"}.get(base_kind(task), "share of correct labels")
    shown = [{"block": one.block, "width": one.width, "merit": one.merit, "loss": one.loss} for one in found]
    return {"metric": metric, "items": len(drawn), "blocks": shown}


def _operations(count: int, blocks: Sequence[Block], outputs: int) -> float:
    """As in `headstart.transfer.stages.judge.affordable_folds`."""
    sides = [(block.width, min(count, block.width)) for block in blocks]
    return sum(2 * max(count, d) * side**2 + 25 * side**3 + 120 * count * side * outputs for d, side in sides)
