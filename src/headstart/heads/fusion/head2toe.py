"""Head2Toe: selection among the features of all layers by the weights that a linear head gives them.

Each block is of unit norm, all blocks stand side by side, a ridge head is solved, and a feature's relevance is the norm
of its weights, s_i = √Σ_c W_ic². The share of features that is kept is chosen by left-out loss with the selection
redone without the rows that are judged: selected once on all rows, left-out rows would have had a say in it.

Reference: Evci, Dumoulin, Larochelle & Mozer, "Head2Toe: Utilizing Intermediate Representations for Better Transfer
Learning", ICML 2022 (there by a group lasso fitted by gradient steps and a held-out fifth; here by ridge and folds).

Command: headstart fit DATA --layers select
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contend, Contender, weigh
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate
from headstart.heads.problem import Problem
from headstart.linear.leave_out import leave_one_group_out, leave_one_out
from headstart.linear.ridge import lambda_grid, ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.tasks import task_methods
from headstart.types import Task, group_codes

__all__ = ["FRACTIONS", "relevance", "selected_map", "selection_contender"]

Array = NDArray[np.float64]

RIDGE = "ridge"  # the head by which features are ranked and judged

FRACTIONS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
FOLDS = 5
MAX_TRAIN = 2000  # rows that a fold is fitted on: 35 eigendecompositions of at most this side
COUNT = 9  # penalties


def relevance(weight: Array) -> Array:
    """How much a linear head uses each feature: the norm of its row of weights.

    Args:
        weight: (d, k).

    Examples:
        >>> relevance(np.array([[3.0, 4.0], [0.0, 1.0]]))
        array([5., 1.])
    """
    return np.asarray(np.sqrt((weight**2).sum(axis=1)))


def selected_map(whole: FeatureMap, scores: Array, fraction: float, name: str) -> FeatureMap:
    """The map that keeps the most relevant features of another.

    Args:
        whole: a map that keeps all of its columns.
        scores: (num_features,) relevance.
        fraction: the share that is kept; at least one feature is.
        name: of the new map.

    Examples:
        >>> whole = FeatureMap("all", ((0, 4),), "none")
        >>> selected_map(whole, np.array([1.0, 4.0, 2.0, 3.0]), 0.5, "half").columns
        array([1, 3])
    """
    count = max(1, round(fraction * len(scores)))
    # the best ones, kept in their order, so that blocks stay together
    columns = np.sort(np.argsort(-scores, kind="stable")[:count])
    return replace(
        whole,
        name=name,
        columns=columns,
        shift=whole.shift[columns] if whole.shift.size else whole.shift,
        scale=whole.scale[columns] if whole.scale.size else whole.scale,
    )


def selection_contender(
    problem: Problem, whole: FeatureMap, name: str, contend: Contend
) -> tuple[Contender, list[Candidate]]:
    """The best share of the features of ``whole`` as a contender, and every share that was tried.

    Args:
        problem: rows and labels.
        whole: all blocks side by side.
        name: of the chosen features; the share is added to it.
        contend: gives the contenders of feature maps.

    Examples:
        >>> from headstart.heads import HEADS
        >>> from headstart.heads.contenders.spectral import spectral_contenders
        >>> from headstart.types import Task
        >>> y = np.repeat([0, 1], 20)
        >>> rows = np.random.default_rng(0).normal(size=(40, 8)) + np.outer(3 * y, np.eye(8)[0])
        >>> problem = Problem(rows, y, Task("classification", ("n", "p")), (), None, 0)
        >>> contend = lambda maps: spectral_contenders(problem, maps, [HEADS["ridge"]])
        >>> _, tried = selection_contender(problem, FeatureMap("all", ((0, 8),), "none"), "chosen", contend)
        >>> [candidate.features for candidate in tried][:3]
        ['chosen (1%)', 'chosen (5%)', 'chosen (10%)']
    """
    labelled = _Labelled(problem.y[problem.chosen], problem.truth, problem.together, problem.task)
    mapped = np.asarray(whole(problem.rows[problem.chosen]), np.float64)
    tried, found = [], []
    for fraction, left_out in _cross_fitted(mapped, labelled, problem.seed).items():
        found.append(weigh(problem, left_out)[1])
        tried.append(Candidate(f"{name} ({fraction:.0%})", RIDGE, float("nan"), float(found[-1].losses.mean())))
    best = int(np.argmin([candidate.loss for candidate in tried]))
    few = _thinned(np.arange(len(mapped)))
    spectrum = Spectrum.from_rows(mapped[few], labelled.targets[few])
    lam = _best_penalty(spectrum, mapped[few], labelled.at(few))
    scores = relevance(ridge_coefficients(spectrum, lam)[0])
    chosen = selected_map(whole, scores, FRACTIONS[best], tried[best].features)
    contenders, _ = contend([chosen])
    solved = min(contenders, key=lambda one: (one.candidate.head != RIDGE, one.candidate.loss))
    # exact left-out losses of features that were selected with the row are too low; those of the folds are honest
    candidate = replace(solved.candidate, loss=tried[best].loss)
    return replace(solved, candidate=candidate, evidence=found[best]), tried


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Labels of rows in every form that a fit and its judgement need."""

    y: NDArray[Any]
    targets: Array
    groups: NDArray[np.int64] | None
    task: Task

    def at(self, rows: NDArray[np.intp]) -> _Labelled:
        groups = None if self.groups is None else self.groups[rows]
        return _Labelled(self.y[rows], self.targets[rows], groups, self.task)

    def loss(self, scores: Array) -> float:
        methods = task_methods(self.task)
        return float(methods.loss(methods.outputs(scores, methods.calibrate(scores, self.y)), self.y).mean())


def _cross_fitted(mapped: Array, labelled: _Labelled, seed: int) -> dict[float, Array]:
    """For each share the scores of rows by a head that was selected and fitted without them."""
    scores = {fraction: np.empty_like(labelled.targets) for fraction in FRACTIONS}
    for test in _folds(len(mapped), labelled.groups, seed):
        train = _thinned(np.setdiff1d(np.arange(len(mapped)), test))
        own, rows = labelled.at(train), mapped[train]
        spectrum = Spectrum.from_rows(rows, own.targets)
        weight, _ = ridge_coefficients(spectrum, _best_penalty(spectrum, rows, own))
        # features are chosen on the training rows of the fold alone: chosen with the test rows they would look too good
        order = np.argsort(-relevance(weight), kind="stable")
        for fraction in FRACTIONS:
            columns = order[: max(1, round(fraction * len(order)))]
            small = Spectrum.from_rows(rows[:, columns], own.targets)
            weight, bias = ridge_coefficients(small, _best_penalty(small, rows[:, columns], own))
            scores[fraction][test] = mapped[np.ix_(test, columns)] @ weight + bias
    return scores


def _thinned(train: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(train) <= MAX_TRAIN:
        return train
    return train[np.linspace(0, len(train) - 1, MAX_TRAIN).round().astype(np.intp)]


def _folds(n: int, groups: NDArray[np.int64] | None, seed: int) -> Sequence[NDArray[np.intp]]:
    codes = group_codes(groups, n)
    count = int(codes.max()) + 1
    fold = np.random.default_rng(seed).permutation(count) % min(FOLDS, count)
    return [np.flatnonzero(fold[codes] == k) for k in range(min(FOLDS, count))]


def _best_penalty(spectrum: Spectrum, rows: Array, labelled: _Labelled) -> float:
    """The penalty of least left-out loss."""
    grid, groups = lambda_grid(spectrum, COUNT), labelled.groups
    if groups is not None and len(np.unique(groups)) < len(groups):
        left = leave_one_group_out(spectrum, rows, labelled.targets, groups, grid)
    else:
        left = leave_one_out(spectrum, rows, labelled.targets, grid)
    return float(grid[int(np.argmin([labelled.loss(found.predictions) for found in left]))])
