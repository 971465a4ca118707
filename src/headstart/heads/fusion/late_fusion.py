"""Late fusion: stacking of one linear head per source, with non-negative weights fitted on out-of-fold logits.

softmax(Σ_s w_s z_s / T_s) is linear in the concatenated rows, so the stack is stored as one linear head. The reported
loss is out-of-fold also for the weights: each row is scored with weights fitted on the other four of five folds.

References: Wolpert, "Stacked generalization", Neural Networks 1992; Breiman, "Stacked regressions", Machine Learning
1996 (non-negative weights).

Command: headstart fit DATA --source NAME --source NAME --fusion stack
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender, Solution, calibrated_evidence
from headstart.heads.fitted import Candidate
from headstart.heads.fusion.maps import join_maps
from headstart.heads.problem import Problem
from headstart.linear.calibration import log_softmax, softmax
from headstart.tasks import Calibration, is_classification, is_multilabel, is_regression
from headstart.tasks.classification import logit_terms
from headstart.types import Task, group_codes

__all__ = ["LATE_FUSION", "LateFusionHead", "fit_stack", "folded", "stack_contender"]

Array = NDArray[np.float64]

FOLDS = 5
SMALLEST = 1e-12  # floor of probabilities before the logarithm
SMALL_WEIGHT = 1e-3  # relative to the largest: a head with less is dropped, together with its source


@dataclass(frozen=True)
class LateFusionHead:
    """A weighted sum of linear heads, one per source; only fusion creates it.

    Attributes:
        name: ``"late_fusion"``.
        tasks: empty, since it cannot be fitted on a single source.
        complexity: 0, a weighted sum of closed-form heads.
    """

    name: str = "late_fusion"
    tasks: frozenset[str] = frozenset()
    complexity: int = 0


LATE_FUSION = LateFusionHead()


def fit_stack(logits: Array, y: NDArray[Any], task: Task) -> Array:
    """Stacking weights (s,): non-negative, with the lowest mean loss; a convex problem.

    Args:
        logits: (s, m, k) out-of-fold log-probabilities, log-odds or values of s heads.
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
        # non-negative least squares on (m·k, s), standardised so that targets in any unit count equally
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
    # ∂loss/∂w_s = E_p[z_s] - z_s[y], averaged over the m rows
    expected = np.einsum("mk,smk->s", softmax(scores), logits) / len(y)
    return loss, expected - logits[:, rows, y].mean(axis=1)


def _labels_cost(weights: Array, logits: Array, y: NDArray[Any]) -> tuple[float, Array]:
    scores = np.tensordot(weights, logits, axes=1)
    loss = float((np.logaddexp(0.0, scores) - y * scores).mean())
    # ∂loss/∂scores = expit(scores) - y, (m, k); tanh avoids overflow
    error = 0.5 * (1 + np.tanh(0.5 * scores)) - y
    return loss, np.asarray(np.einsum("mk,smk->s", error, logits) / error.size)


def folded(weight: Array, bias: Array, calibration: Calibration, task: Task) -> tuple[Array, Array]:
    """Fold the calibration into a linear head, so that its scores are logits.

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
        # softmax(s/T), or sigmoid(slope·s + intercept) per label: both are linear in the scores
        factor, offset = logit_terms(calibration)
        return weight * factor, bias * factor + offset
    if is_multilabel(task):
        return weight * calibration["slope"], bias * calibration["slope"] + calibration["intercept"]
    return weight, bias


def stack_contender(problem: Problem, members: Sequence[Contender], name: str) -> Contender:
    """The stack of several linear contenders, as one linear contender on their concatenated features.

    Args:
        problem: rows and labels.
        members: the best linear head of each source, all evaluated on ``problem.chosen``.
        name: name of the concatenated features.

    Examples:
        >>> from headstart.heads.contenders.spectral import spectral_contenders
        >>> from headstart.heads.feature_map import FeatureMap
        >>> from headstart.heads.ridge import RIDGE
        >>> y = np.repeat([0, 1], 20)
        >>> rows = 2.0 * y[:, None] + np.random.default_rng(0).normal(size=(40, 2))
        >>> problem = Problem(rows, y, Task("classification", ("n", "p")), (), None, 0)
        >>> maps = [FeatureMap("a", ((0, 1),), "none"), FeatureMap("b", ((1, 2),), "none")]
        >>> members = [spectral_contenders(problem, [one], [RIDGE])[0][0] for one in maps]
        >>> both = stack_contender(problem, members, "a + b")
        >>> both.feature_map.blocks, both.candidate.loss < min(one.candidate.loss for one in members)
        (((0, 1), (1, 2)), True)
    """
    task, y = problem.task, problem.y[problem.chosen]
    logits = np.stack([_logits(member.evidence.outputs, task) for member in members])
    centre = np.asarray(problem.chosen_targets.mean(axis=0)) if is_regression(task) else np.zeros(task.num_outputs)
    scores = np.empty(logits.shape[1:])
    for test in _folds(len(y), problem.chosen_groups, problem.seed):
        train = np.setdiff1d(np.arange(len(y)), test)
        weights = fit_stack(logits[:, train], y[train], task)
        # the centre comes from training rows only, not from the test rows
        middle = problem.chosen_targets[train].mean(axis=0) if is_regression(task) else centre
        scores[test] = np.tensordot(weights, logits[:, test] - middle, axes=1) + middle
    calibration, evidence = calibrated_evidence(problem, scores)
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
    # complete groups are dealt to the folds in random order
    fold = np.random.default_rng(seed).permutation(count) % min(FOLDS, count)
    return [np.flatnonzero(fold[codes] == k) for k in range(min(FOLDS, count))]


def _solve(members: Sequence[Contender], weights: Array, centre: Array, task: Task) -> Solution:
    # Σ w_s (z_s - c) + c with the mean target c, which is 0 for classification
    blocks, bias = [], centre * (1 - weights.sum())
    for member, weight in zip(members, weights, strict=True):
        solution = member.solve()
        own, offset = folded(solution.weight, solution.bias, member.calibration, task)
        blocks.append(weight * own)
        bias = bias + weight * offset
    return Solution(np.concatenate(blocks), bias)
