"""Candidates that are scikit-learn estimators: their out-of-fold losses, with clearly worse ones stopped early."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender, Solution, calibrated_evidence
from headstart.heads.estimator.cross_fitting import cross_fitted_scores, five_folds, fold_scores, quietly_fitted
from headstart.heads.estimator.protocols import ChoosesParameters, Estimator, LeaveOneOutScores, Linear
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate
from headstart.heads.problem import Problem
from headstart.heads.registry import EstimatorHead, ScreenedHead
from headstart.heads.standard_error import mean_and_error
from headstart.tasks import base_kind, task_methods

__all__ = ["LATE", "estimator_contenders"]

Array = NDArray[np.float64]
LATE = "the time limit is over"
CLEARLY_WORSE = 3.0  # standard errors of the paired difference on the first fold


def estimator_contenders(
    problem: Problem,
    feature_map: FeatureMap,
    heads: Sequence[EstimatorHead],
    *,
    best: Contender | None = None,
    screen: bool = False,
    until: float = math.inf,
) -> tuple[list[Contender], list[Candidate]]:
    """Compute the out-of-fold loss of each head, with optional screening.

    With ``screen``, a head that declares itself too slow for the data is skipped. A head whose loss on the first fold
    exceeds the best so far by more than three standard errors is not run on the other folds.

    Args:
        problem: rows and labels.
        feature_map: from source rows to head rows.
        heads: heads to compare.
        best: the best contender so far, to screen against.
        screen: whether heads may be skipped or stopped early.
        until: with ``screen``, the value of `time.perf_counter` from which no further head is tried.

    Returns:
        The contenders that were run on all folds, and all candidates, with a note on each that was not.

    Examples:
        >>> from headstart.heads.naive_bayes import NAIVE_BAYES
        >>> from headstart.types import Task
        >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> problem = Problem(x, y, Task("classification", ("a", "b")), (), None, 0)
        >>> found, tried = estimator_contenders(problem, FeatureMap("rows", ((0, 1),), "none"), [NAIVE_BAYES])
        >>> len(found), tried[0].head
        (1, 'naive_bayes')
    """
    mapped = feature_map(problem.rows[problem.chosen])
    found: list[Contender] = []
    tried: list[Candidate] = []
    # simple heads first: they are fast, and set the loss that slower ones have to reach
    for head in sorted(heads, key=lambda head: head.complexity):
        reason = _skipped(head, problem) if screen else ""
        if screen and time.perf_counter() > until:
            reason = LATE
        if reason:
            tried.append(Candidate(feature_map.name, head.name, np.nan, np.nan, note=f"left out: {reason}"))
            continue
        contender, candidate = _run(problem, feature_map, mapped, head, best if screen else None)
        tried.append(candidate)
        if contender is not None:
            found.append(contender)
            best = contender if best is None or candidate.loss < best.candidate.loss else best
    return found, tried


def _skipped(head: EstimatorHead, problem: Problem) -> str:
    """The head's reason to be skipped, or an empty string; a head that is no `ScreenedHead` is always tried."""
    n, d = problem.rows.shape
    return head.skipped(problem.task, n=n, d=d) if isinstance(head, ScreenedHead) else ""


def _run(
    problem: Problem, feature_map: FeatureMap, mapped: NDArray[Any], head: EstimatorHead, best: Contender | None
) -> tuple[Contender | None, Candidate]:
    y, task = problem.y[problem.chosen], problem.task
    n, d = mapped.shape
    make = partial(head.make, task, n=n, d=d, seed=problem.seed)
    known: list[Array] = []
    # one fold decides whether the other four are worth their time; with scores of its own, a head needs no folds
    if best is not None and not isinstance(make(), LeaveOneOutScores):
        fold = five_folds(y, base_kind(task), problem.chosen_groups, problem.seed)[0]
        known.append(fold_scores(make, mapped, y, task, fold))
        behind = _behind(problem, known[0], fold[1], best)
        if behind:
            return None, Candidate(feature_map.name, head.name, np.nan, np.nan, note=behind)
    scores, fitted = cross_fitted_scores(
        make, mapped, y, task, groups=problem.chosen_groups, seed=problem.seed, known=known
    )
    calibration, evidence = calibrated_evidence(problem, scores)
    candidate = Candidate(feature_map.name, head.name, np.nan, float(evidence.losses.mean()))
    solve = partial(_solve, problem, feature_map, head, fitted)
    return Contender(candidate, calibration, evidence, feature_map, None, solve), candidate


def _behind(problem: Problem, scores: Array, test: NDArray[np.intp], best: Contender) -> str:
    """A note for a head that is clearly worse on the first fold; empty for other heads.

    The head is calibrated on the rows that it is evaluated on, which errs in its favour. The exception is a fold
    without any mistake, where the temperature acts as if one row were undecided; the loss of that row, ln 2, is
    allowed for.
    """
    methods, y = task_methods(problem.task), problem.y[problem.chosen][test]
    losses = methods.loss(methods.outputs(scores, methods.calibrate(scores, y)), y)
    together = None if problem.chosen_groups is None else problem.chosen_groups[test]
    mean, error = mean_and_error(losses - best.evidence.losses[test], together)
    if mean <= CLEARLY_WORSE * error + np.log(2) / len(test):
        return ""
    return f"dropped: {mean:.2g} behind '{best.candidate.head}' on the first fold"


def _solve(problem: Problem, feature_map: FeatureMap, head: EstimatorHead, fitted: Estimator | None) -> Solution:
    """Fit the head on all rows, with the hyperparameters (k, λ, ...) that it chose during the comparison."""
    width = problem.task.num_outputs
    if fitted is None or len(problem.chosen) < len(problem.y):
        n, d = len(problem.y), feature_map.num_features
        estimator = head.make(problem.task, n=n, d=d, seed=problem.seed)
        if isinstance(fitted, ChoosesParameters) and isinstance(estimator, ChoosesParameters):
            estimator.set_params(**fitted.chosen_params())
        fitted = quietly_fitted(estimator, feature_map(problem.rows[:]), problem.y)
    linear = fitted.linear_map(width) if isinstance(fitted, Linear) else None
    if linear is not None:
        return Solution(*linear)
    return Solution(np.empty((0, width)), np.zeros(width), fitted)
