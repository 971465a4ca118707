"""Choose features, head and λ by left-out loss, then solve on all rows.

Ridge and LDA are read off one eigendecomposition for each feature map; nothing is trained and no row is held out. Rows
that belong together (near duplicates, patients) are left out together. All rows are fitted, in chunks; the losses are
compared on 5,000 of them, so that nothing with a number for each row and class is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import candidate_maps
from headstart.heads.fitted import FittedHead
from headstart.heads.problem import HeadSearch, Problem
from headstart.heads.registry import HEADS, SpectralHead, solved_heads
from headstart.heads.spectral_contenders import spectral_contenders
from headstart.params import check_choice
from headstart.types import Block, Rows, Task

__all__ = ["select_head"]


def select_head(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    *,
    blocks: Sequence[Block] = (),
    groups: NDArray[np.int64] | None = None,
    search: HeadSearch = HeadSearch(),
    seed: int = 0,
) -> FittedHead:
    """Fit the head of least left-out loss over feature maps, heads and λ.

    Above 5,000 rows the loss is that of 5,000 drawn at random (or of whole groups), each predicted exactly by the fit
    on all the others. Leave-one-out on all rows would choose no better: on a million rows of 512 features and 100
    classes it takes minutes instead of seconds for the same held-out log-loss (``benchmarks/million_rows.py``).

    Args:
        rows: (n, d) features of a source; a memory map is read in chunks and never copied.
        y: labels as in `Dataset`.
        task: the label schema.
        blocks: the source's blocks; empty for rows as they are.
        groups: (n,) integer codes of rows that are left out together; None where every row stands alone.
        search: what is compared.
        seed: for the rows that the choice is made on, where there are more than 5,000.

    Returns:
        The chosen head, solved on all rows and calibrated on left-out scores.

    Raises:
        UnknownNameError: if a head's name is not registered.
        ParameterError: if a head does not serve the task.

    References:
        Allen, "The relationship between variable selection and data augmentation and a method for prediction",
        Technometrics 1974 (leave-one-out by leverage); Golub, Heath & Wahba, 1979.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(40, 3)).astype(np.float32)
        >>> fitted = select_head(x, (x[:, :1] * 2).astype(float), Task("regression", ("y",)))
        >>> fitted.weight[:, 0].round(2) + 0.0
        array([2., 0., 0.])
    """
    problem = Problem(rows, y, task, blocks, groups, seed)
    heads = [head for name in _heads_for(task, search.heads) if isinstance(head := HEADS[name], SpectralHead)]
    contenders, tried = spectral_contenders(problem, candidate_maps(rows, blocks), heads)
    best = min(contenders, key=lambda contender: contender.candidate.loss)
    return best.fitted(tuple(tried))


def _heads_for(task: Task, heads: Sequence[str] | None) -> list[str]:
    if heads is None:
        return solved_heads(task)
    serving = [name for name in HEADS if task.kind in HEADS[name].tasks]
    for name in heads:
        if name in HEADS:
            check_choice(name, "head", f"a {task.kind} fit", serving)
    return [HEADS[name].name for name in heads]
