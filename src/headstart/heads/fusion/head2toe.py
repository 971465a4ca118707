"""Head2Toe: selects features of all layers by the weights that a linear head gives them.

Blocks are scaled to unit norm and concatenated, and a ridge head is fitted. The relevance of feature i is the norm of
its weights, s_i = √Σ_c W_ic². The fraction of features to keep is chosen by cross-validation. The selection is repeated
in every fold: features selected on all rows would already depend on the test rows.

Reference: Evci, Dumoulin, Larochelle & Mozer, "Head2Toe: Utilizing Intermediate Representations for Better Transfer
Learning", ICML 2022 (there with a group lasso, gradient descent and a held-out fifth; here with ridge and folds).

Command: headstart fit DATA --layers select
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contend, Contender, calibrated_evidence
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

RIDGE = "ridge"  # the head used to rank and to evaluate features

FRACTIONS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
FOLDS = 5
MAX_TRAIN = 2000  # training rows of a fold: 35 eigendecompositions of at most this side
COUNT = 9  # number of penalties


def relevance(weight: Array) -> Array:
    """Relevance (d,) of each feature to a linear head: the L2 norm of its weights over outputs.

    Args:
        weight: (d, k).

    Examples:
        >>> relevance(np.array([[3.0, 4.0], [0.0, 1.0]]))
        array([5., 1.])
    """
    return np.asarray(np.sqrt((weight**2).sum(axis=1)))


def selected_map(full: FeatureMap, scores: Array, fraction: float, name: str) -> FeatureMap:
    """A feature map that keeps only the most relevant features of another.

    Args:
        full: a map that keeps all of its columns.
        scores: (num_features,) relevance.
        fraction: the share of features to keep, between 0 and 1; at least one feature is kept.
        name: name of the new map.

    Examples:
        >>> full = FeatureMap("all", ((0, 4),), "none")
        >>> selected_map(full, np.array([1.0, 4.0, 2.0, 3.0]), 0.5, "half").columns
        array([1, 3])
    """
    count = max(1, round(fraction * len(scores)))
    # the most relevant ones, in their original order
    columns = np.sort(np.argsort(-scores, kind="stable")[:count])
    return replace(
        full,
        name=name,
        columns=columns,
        shift=full.shift[columns] if full.shift.size else full.shift,
        scale=full.scale[columns] if full.scale.size else full.scale,
    )


def selection_contender(
    problem: Problem, full: FeatureMap, name: str, contend: Contend
) -> tuple[Contender, list[Candidate]]:
    """The best fraction of the features of ``full`` as a contender, and a candidate for every fraction.

    Args:
        problem: rows and labels.
        full: the map of all blocks, concatenated.
        name: name of the selected features; the fraction is appended.
        contend: fits heads on feature maps.

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
    labelled = _Labelled(problem.y[problem.chosen], problem.chosen_targets, problem.chosen_groups, problem.task)
    mapped = np.asarray(full(problem.rows[problem.chosen]), np.float64)
    tried, found = [], []
    for fraction, left_out in _cross_fitted(mapped, labelled, problem.seed).items():
        found.append(calibrated_evidence(problem, left_out)[1])
        tried.append(Candidate(f"{name} ({fraction:.0%})", RIDGE, float("nan"), float(found[-1].losses.mean())))
    best = int(np.argmin([candidate.loss for candidate in tried]))
    few = _thinned(np.arange(len(mapped)))
    spectrum = Spectrum.from_rows(mapped[few], labelled.targets[few])
    lam = _best_penalty(spectrum, mapped[few], labelled.at(few))
    scores = relevance(ridge_coefficients(spectrum, lam)[0])
    chosen = selected_map(full, scores, FRACTIONS[best], tried[best].features)
    contenders, _ = contend([chosen])
    solved = min(contenders, key=lambda one: (one.candidate.head != RIDGE, one.candidate.loss))
    # leave-one-out losses on features selected with the same rows are too low: report those of the folds
    candidate = replace(solved.candidate, loss=tried[best].loss)
    return replace(solved, candidate=candidate, evidence=found[best]), tried


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Labels, targets and groups of rows, for fitting and evaluation."""

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
    """For each fraction, out-of-fold scores (n, k) with selection and fit both repeated in every fold."""
    scores = {fraction: np.empty_like(labelled.targets) for fraction in FRACTIONS}
    for test in _folds(len(mapped), labelled.groups, seed):
        train = _thinned(np.setdiff1d(np.arange(len(mapped)), test))
        own, rows = labelled.at(train), mapped[train]
        spectrum = Spectrum.from_rows(rows, own.targets)
        weight, _ = ridge_coefficients(spectrum, _best_penalty(spectrum, rows, own))
        # select features on the training rows of the fold only; the test rows must not influence the selection
        order = np.argsort(-relevance(weight), kind="stable")
        for fraction in FRACTIONS:
            columns = order[: max(1, round(fraction * len(order)))]
            small = Spectrum.from_rows(rows[:, columns], own.targets)
            weight, bias = ridge_coefficients(small, _best_penalty(small, rows[:, columns], own))
            scores[fraction][test] = mapped[np.ix_(test, columns)] @ weight + bias
    return scores


def _thinned(train: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most 2,000 of the positions, evenly spaced."""
    if len(train) <= MAX_TRAIN:
        return train
    return train[np.linspace(0, len(train) - 1, MAX_TRAIN).round().astype(np.intp)]


def _folds(n: int, groups: NDArray[np.int64] | None, seed: int) -> Sequence[NDArray[np.intp]]:
    codes = group_codes(groups, n)
    count = int(codes.max()) + 1
    fold = np.random.default_rng(seed).permutation(count) % min(FOLDS, count)
    return [np.flatnonzero(fold[codes] == k) for k in range(min(FOLDS, count))]


def _best_penalty(spectrum: Spectrum, rows: Array, labelled: _Labelled) -> float:
    """The penalty with the lowest leave-one-out loss."""
    grid, groups = lambda_grid(spectrum, COUNT), labelled.groups
    if groups is not None and len(np.unique(groups)) < len(groups):
        left = leave_one_group_out(spectrum, rows, labelled.targets, groups, grid)
    else:
        left = leave_one_out(spectrum, rows, labelled.targets, grid)
    return float(grid[int(np.argmin([labelled.loss(found.predictions) for found in left]))])
