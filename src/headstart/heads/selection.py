"""Leave-one-out selection: features, head and λ are chosen by left-out loss, then solved on all rows.

Ridge and LDA are read off one eigendecomposition for each feature map; nothing is trained and no row is held out. Rows
that belong together (near duplicates, patients) are left out together. All rows are fitted, in chunks; the losses are
compared on 5,000 of them, so that nothing with a number for each row and class is ever made. Heads that are
scikit-learn estimators are compared with them on the same rows, on the feature map that served the solved heads best;
of the heads that the data cannot tell from the best, the simplest is kept.

Command: headstart fit DATA --layers best --head auto
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.heads.contenders.contender import Contender
from headstart.heads.contenders.estimators import LATE, estimator_contenders
from headstart.heads.contenders.tie_set import simplest_of_the_best
from headstart.heads.estimator.threads import threads_for
from headstart.heads.fitted import FittedHead
from headstart.heads.fusion.feature_choice import choose_features
from headstart.heads.label_noise.cleaning import fit_without_suspects
from headstart.heads.problem import HeadSearch, Problem
from headstart.heads.registry import AUTO, EstimatorHead, SpectralHead, heads_for
from headstart.heads.ridge import RIDGE
from headstart.heads.spectral.class_weights import row_weights
from headstart.types import Block, Rows, Task

__all__ = ["select_head"]

FEW_NUMBERS = 2_000_000  # of rows whose eigendecomposition gains nothing from a second thread


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
    """Fit the head of least left-out loss over feature maps, heads and λ; of heads that tie, the simplest.

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
    if search.drop_suspects:
        fit = partial(select_head, task=task, blocks=blocks, seed=seed)
        return fit_without_suspects(fit, rows, y, task, groups=groups, search=search)
    weights = row_weights(y, task, search.class_weight)
    problem = Problem(rows, y, task, blocks, groups, seed, weights, search.prior)
    heads = heads_for(task, search.heads)
    solved = [head for head in heads if isinstance(head, SpectralHead)]
    others = [head for head in heads if isinstance(head, EstimatorHead)]
    if others and weights is not None:
        raise ParameterError(
            f"Class weights serve heads that are solved in closed form ('ridge', 'lda'). Got '{others[0].name}'; leave "
            "the weights out, or name a solved head."
        )
    with threads_for(len(rows), rows.shape[1], FEW_NUMBERS):
        choice = choose_features(problem, search, solved or [cast("SpectralHead", RIDGE)])
        contenders, tried = (list(choice.contenders), list(choice.tried)) if solved else ([], [])
        if others:
            found, more = estimator_contenders(
                problem, _least(choice.contenders).feature_map, others,
                best=_least(contenders) if contenders else None, screen=AUTO in (search.heads or ()),
                until=search.until,
            )  # fmt: skip
            contenders, tried = contenders + found, tried + more
        best = simplest_of_the_best(contenders, problem.together).fitted(tuple(tried))
    late = [candidate.head for candidate in tried if candidate.note.endswith(LATE)]
    notes = (*choice.notes, *([f"not tried, because {LATE}: {', '.join(late)}"] if late else []))
    return replace(best, notes=notes) if notes else best


def _least(contenders: Sequence[Contender]) -> Contender:
    return min(contenders, key=lambda contender: contender.candidate.loss)
