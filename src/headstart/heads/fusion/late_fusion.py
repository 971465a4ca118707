"""Late fusion: the left-out log-probabilities of several heads, added with weights of 0 or more.

softmax(Σ_s w_s z_s / T_s) is linear in the rows side by side, so the stack is stored as one linear head. What is
reported is the loss of weights that were fitted without the row that they are judged on (5 folds).

References: Wolpert, "Stacked generalization", Neural Networks 1992; Breiman, "Stacked regressions", Machine Learning
1996 (weights that are not negative).

Command: headstart fit DATA --source NAME --source NAME --fusion stack
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender, Solution, weigh
from headstart.heads.fitted import Candidate
from headstart.heads.fusion.maps import join_maps
from headstart.heads.problem import Problem
from headstart.linear.calibration import log_softmax, softmax
from headstart.tasks import Calibration, is_classification, is_multilabel, is_regression
from headstart.types import Task, group_codes

__all__ = ["LATE_FUSION", "LateFusionHead", "fit_stack", "folded", "stacked"]

Array = NDArray[np.float64]

FOLDS = 5
SMALLEST = 1e-12
SMALL_WEIGHT = 1e-3  # of the largest: a head of less is left out, and its source with it


@dataclass(frozen=True)
class LateFusionHead:
    """A weighted sum of linear heads, one for each source; it is made by fusing sources, not by itself.

    Attributes:
        name: ``"late_fusion"``.
        tasks: the task kinds that it serves.
        complexity: 0: a weighted sum of heads that are solved in closed form.

    Examples:
        >>> LATE_FUSION.name
        'late_fusion'
    """

    name: str = "late_fusion"
    tasks: frozenset[str] = frozenset()  # of a single source there is nothing to stack
    complexity: int = 0


LATE_FUSION = LateFusionHead()


def fit_stack(logits: Array, y: NDArray[Any], task: Task) -> Array:
    """Weights (s,) of 0 or more of least mean loss; a convex problem.

    Args:
        logits: (s, m, k) left-out log-probabilities, log-odds or values of s heads.
        y: labels of the m rows as in `Dataset`.
        task: the label schema.

    Examples:
        >>> right, noise = np.log([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.log([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
        >>> weights = fit_stack(np.stack([right, noise]), np.array([0, 1, 1]), Task("classification", ("a", "b")))
        >>> bool(weights[0] > 0), bool((weights >= 0).all())
        (True, True)
    """
    from scipy.optimize import minimize, nnls

    if is_regression(task):
        truth = np.asarray(y, dtype=np.float64).reshape(logits.shape[1:])
        spread = np.where(truth.std(axis=0) > 0, truth.std(axis=0), 1.0)
        # non-negative least squares on (s, m·k) standardised columns: targets of any unit weigh the same
        centred = (logits - truth.mean(axis=0)) / spread
        return np.asarray(nnls(centred.reshape(len(logits), -1).T, ((truth - truth.mean(axis=0)) / spread).ravel())[0])
    cost = partial(_classes_cost if is_classification(task) else _labels_cost, logits=logits, y=np.asarray(y))
    start, bounds = np.full(len(logits), 1 / len(logits)), [(0.0, None)] * len(logits)
    options: Any = {"maxiter": 500, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x, dtype=np.float64)


def _classes_cost(weights: Array, logits: Array, y: NDArray[Any]) -> tuple[float, Array]:
    scores = np.tensordot(weights, logits, axes=1)
    rows = np.arange(len(y))
    loss = -float(log_softmax(scores)[rows, y].mean())
    # the gradient E_p[z_s] - z_s at the label, for each member s, mean over the m rows
    expected = np.einsum("mk,smk->s", softmax(scores), logits) / len(y)
    return loss, expected - logits[:, rows, y].mean(axis=1)


def _labels_cost(weights: Array, logits: Array, y: NDArray[Any]) -> tuple[float, Array]:
    scores = np.tensordot(weights, logits, axes=1)
    loss = float((np.logaddexp(0.0, scores) - y * scores).mean())
    # expit(scores) - y without overflow: the derivative of the loss in the scores (m, k)
    error = 0.5 * (1 + np.tanh(0.5 * scores)) - y
    return loss, np.asarray(np.einsum("mk,smk->s", error, logits) / error.size)


def folded(weight: Array, bias: Array, calibration: Calibration, task: Task) -> tuple[Array, Array]:
    """A linear head whose scores are logits, the calibration folded into it.

    Args:
        weight: (d, k).
        bias: (k,).
        calibration: as `TaskMethods.calibrate` gave it.
        task: the label schema.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> folded(np.eye(2), np.ones(2), {"temperature": np.array([2.0])}, task)[1]
        array([0.5, 0.5])
    """
    if is_classification(task):
        return weight / calibration["temperature"][0], bias / calibration["temperature"][0]
    if is_multilabel(task):
        return weight * calibration["slope"], bias * calibration["slope"] + calibration["intercept"]
    return weight, bias


def stacked(problem: Problem, members: Sequence[Contender], name: str) -> Contender:
    """The stack of linear contenders as one linear contender on the union of their features.

    Args:
        problem: rows and labels.
        members: the best linear head of each source, all judged on ``problem.chosen``.
        name: of the union of features.

    Examples:
        >>> from headstart.heads.contenders.spectral import spectral_contenders
        >>> from headstart.heads.feature_map import FeatureMap
        >>> from headstart.heads.ridge import RIDGE
        >>> y = np.repeat([0, 1], 20)
        >>> rows = 2.0 * y[:, None] + np.random.default_rng(0).normal(size=(40, 2))
        >>> problem = Problem(rows, y, Task("classification", ("n", "p")), (), None, 0)
        >>> maps = [FeatureMap("a", ((0, 1),), "none"), FeatureMap("b", ((1, 2),), "none")]
        >>> members = [spectral_contenders(problem, [one], [RIDGE])[0][0] for one in maps]
        >>> both = stacked(problem, members, "a + b")
        >>> both.feature_map.blocks, both.candidate.loss < min(one.candidate.loss for one in members)
        (((0, 1), (1, 2)), True)
    """
    task, y = problem.task, problem.y[problem.chosen]
    logits = np.stack([_logits(member.evidence.outputs, task) for member in members])
    centre = np.asarray(problem.truth.mean(axis=0)) if is_regression(task) else np.zeros(task.num_outputs)
    scores = np.empty(logits.shape[1:])
    for test in _folds(len(y), problem.together, problem.seed):
        train = np.setdiff1d(np.arange(len(y)), test)
        weights = fit_stack(logits[:, train], y[train], task)
        # of the training rows only: the row that is judged has no part in the centre
        middle = problem.truth[train].mean(axis=0) if is_regression(task) else centre
        scores[test] = np.tensordot(weights, logits[:, test] - middle, axes=1) + middle
    calibration, evidence = weigh(problem, scores)
    final = fit_stack(logits, y, task)
    kept = [s for s, weight in enumerate(final) if weight > SMALL_WEIGHT * final.max()] or [0]
    members, final = [members[s] for s in kept], final[kept]
    feature_map = join_maps([member.feature_map for member in members], name)
    candidate = Candidate(name, LATE_FUSION.name, float("nan"), float(evidence.losses.mean()))
    solve = partial(_solve, members, final, centre, task)
    return Contender(candidate, calibration, evidence, feature_map, None, solve)


def _logits(outputs: Array, task: Task) -> Array:
    if is_classification(task):
        return np.asarray(np.log(np.maximum(outputs, SMALLEST)))
    if is_multilabel(task):
        kept = np.clip(outputs, SMALLEST, 1 - SMALLEST)
        return np.asarray(np.log(kept) - np.log1p(-kept))
    return outputs


def _folds(m: int, groups: NDArray[np.int64] | None, seed: int) -> list[NDArray[np.intp]]:
    codes = group_codes(groups, m)
    count = int(codes.max()) + 1
    # whole groups go round the folds in a random order
    fold = np.random.default_rng(seed).permutation(count) % min(FOLDS, count)
    return [np.flatnonzero(fold[codes] == k) for k in range(min(FOLDS, count))]


def _solve(members: Sequence[Contender], weights: Array, centre: Array, task: Task) -> Solution:
    # Σ w_s (z_s - c) + c: values are stacked around their mean c, which is 0 for classes
    blocks, bias = [], centre * (1 - weights.sum())
    for member, weight in zip(members, weights, strict=True):
        solution = member.solve()
        own, offset = folded(solution.weight, solution.bias, member.calibration, task)
        blocks.append(weight * own)
        bias = bias + weight * offset
    return Solution(np.concatenate(blocks), bias)
