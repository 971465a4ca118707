"""Leave-one-out selection: features, head and λ are chosen by leave-one-out loss; the choice is refitted on all rows.

Ridge and LDA are closed-form ("solved") heads: one eigendecomposition per feature map gives them for every λ, with
exact leave-one-out predictions. Nothing is trained by gradients and no row is held out. Rows that belong together (near
duplicates, images of one patient) are left out together. All rows are fitted, in chunks, but losses are compared on at
most 5,000 of them, so that no matrix of all rows by classes is needed. Heads that are scikit-learn estimators are
compared on the same rows, on the feature map that was best for the closed-form heads. Among heads whose loss does not
differ significantly from the best, the simplest is chosen.

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
from headstart.heads.architecture import Architecture
from headstart.heads.architectures.contender import architecture_contender
from headstart.heads.contenders.chosen_calibration import with_chosen_calibration
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

FEW_NUMBERS = 2_000_000  # n·d below which an eigendecomposition gains nothing from a second thread


def select_head(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    *,
    blocks: Sequence[Block] = (),
    groups: NDArray[np.int64] | None = None,
    search: HeadSearch = HeadSearch(),
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> FittedHead:
    """Fit the head with the lowest leave-one-out loss over feature maps, heads and λ; among ties, the simplest head.

    Above 5,000 rows the loss is averaged over 5,000 random rows (or complete groups), each predicted exactly by the fit
    on all other rows. Using all rows would not improve the choice: on a million rows of 512 features and 100 classes
    it takes minutes instead of seconds, for the same held-out log-loss (``benchmarks/million_rows.py``).

    Args:
        rows: (n, d) features of a source; a memory map is read in chunks and never copied.
        y: labels as in `Dataset`.
        task: the label schema.
        blocks: the source's blocks; empty for a source without blocks.
        groups: (n,) integer codes of rows that are left out together; None if every row is its own group.
        search: the candidates to compare.
        weights: (n,) of the rows, for closed-form heads; they multiply class weights. Default: equal weights.
        seed: of the subset on which candidates are compared, if there are more than 5,000 rows.

    Returns:
        The chosen head, fitted on all rows and calibrated on leave-one-out or out-of-fold scores.

    Raises:
        UnknownNameError: if a head's name is not registered.
        ParameterError: if a head does not support the task.

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
        if weights is not None:
            raise ParameterError(
                "Suspects are dropped among rows of equal weight; leave out 'weights' or keep suspects."
            )
        fit = partial(select_head, task=task, blocks=blocks, seed=seed)
        return fit_without_suspects(fit, rows, y, task, groups=groups, search=search)
    of_classes = row_weights(y, task, search.class_weight)
    if of_classes is not None:
        weights = of_classes if weights is None else weights * of_classes
    problem = Problem(rows, y, task, blocks, groups, seed, weights, search.prior)
    if search.architecture is not None:
        return _of_architecture(problem, search.architecture)
    heads = heads_for(task, search.heads)
    solved = [head for head in heads if isinstance(head, SpectralHead)]
    others = [head for head in heads if isinstance(head, EstimatorHead)]
    if others and weights is not None:
        raise ParameterError(
            "Weights of classes and rows work only with heads that are solved in closed form ('ridge', 'lda'). Got "
            f"'{others[0].name}'; drop the weights or choose one of these heads."
        )
    with threads_for(len(rows), rows.shape[1], FEW_NUMBERS):
        # without a closed-form candidate, ridge still picks the features for the estimators
        choice = choose_features(problem, search, solved or [cast("SpectralHead", RIDGE)])
        contenders, tried = (list(choice.contenders), list(choice.tried)) if solved else ([], [])
        if others:
            found, more = estimator_contenders(
                problem, _lowest_loss(choice.contenders).feature_map, others,
                best=_lowest_loss(contenders) if contenders else None, screen=AUTO in (search.heads or ()),
                until=search.until,
            )  # fmt: skip
            contenders, tried = contenders + found, tried + more
        best = simplest_of_the_best(contenders, problem.chosen_groups).fitted(tuple(tried))
        best = with_chosen_calibration(problem, best)
    late = [candidate.head for candidate in tried if candidate.note.endswith(LATE)]
    notes = (*choice.notes, *([f"not tried, because {LATE}: {', '.join(late)}"] if late else []))
    return replace(best, notes=notes) if notes else best


def _of_architecture(problem: Problem, architecture: Architecture) -> FittedHead:
    with threads_for(len(problem.rows), problem.rows.shape[1], FEW_NUMBERS):
        contender, tried = architecture_contender(problem, architecture)
        return with_chosen_calibration(problem, contender.fitted(tuple(tried)))


def _lowest_loss(contenders: Sequence[Contender]) -> Contender:
    return min(contenders, key=lambda contender: contender.candidate.loss)
