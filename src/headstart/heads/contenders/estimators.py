"""Heads that are scikit-learn estimators: left-out losses on the rows of the choice, hopeless ones dropped early."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender, Solution, weigh
from headstart.heads.estimator.cross_fitting import cross_fitted_scores, few_folds, fold_scores, quietly_fitted
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
HOPELESS = 3.0  # standard errors of the paired difference on the first fold


def estimator_contenders(
    problem: Problem,
    feature_map: FeatureMap,
    heads: Sequence[EstimatorHead],
    *,
    best: Contender | None = None,
    screen: bool = False,
    until: float = math.inf,
) -> tuple[list[Contender], list[Candidate]]:
    """A contender for each head that is worth its time, and every candidate with what became of it.

    With ``screen``, a head that says why it is too slow for so many rows is left out, and one whose loss on the first
    fold is more than three standard errors behind the best so far is not run on the others.

    Args:
        problem: rows and labels.
        feature_map: from source rows to the rows that the heads see.
        heads: heads to compare.
        best: the best so far, to screen against.
        screen: whether heads may be left out.
        until: when `time.perf_counter` says so, no further head is tried where heads may be left out.

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
    """Why the head is not tried, in its own words; a head that has no opinion is tried."""
    n, d = problem.rows.shape
    return head.skipped(problem.task, n=n, d=d) if isinstance(head, ScreenedHead) else ""


def _run(
    problem: Problem, feature_map: FeatureMap, mapped: NDArray[Any], head: EstimatorHead, best: Contender | None
) -> tuple[Contender | None, Candidate]:
    y, task = problem.y[problem.chosen], problem.task
    n, d = mapped.shape
    make = partial(head.make, task, n=n, d=d, seed=problem.seed)
    known: list[Array] = []
    if best is not None and not isinstance(make(), LeaveOneOutScores):
        fold = few_folds(y, base_kind(task), problem.together, problem.seed)[0]
        known.append(fold_scores(make, mapped, y, task, fold))
        behind = _behind(problem, known[0], fold[1], best)
        if behind:
            return None, Candidate(feature_map.name, head.name, np.nan, np.nan, note=behind)
    scores, fitted = cross_fitted_scores(make, mapped, y, task, groups=problem.together, seed=problem.seed, known=known)
    calibration, evidence = weigh(problem, scores)
    candidate = Candidate(feature_map.name, head.name, np.nan, float(evidence.losses.mean()))
    solve = partial(_solve, problem, feature_map, head, fitted)
    return Contender(candidate, calibration, evidence, feature_map, None, solve), candidate


def _behind(problem: Problem, scores: Array, test: NDArray[np.intp], best: Contender) -> str:
    """What is said of a head that the first fold shows to be hopeless; empty for others.

    Its calibration is fitted on the rows that it is judged on, which errs in its favour; on rows without a mistake,
    where it counts one row as undecided (ln 2 among them all), that is given back.
    """
    methods, y = task_methods(problem.task), problem.y[problem.chosen][test]
    losses = methods.loss(methods.outputs(scores, methods.calibrate(scores, y)), y)
    together = None if problem.together is None else problem.together[test]
    mean, error = mean_and_error(losses - best.evidence.losses[test], together)
    if mean <= HOPELESS * error + np.log(2) / len(test):
        return ""
    return f"dropped: {mean:.2g} behind '{best.candidate.head}' on the first fold"


def _solve(problem: Problem, feature_map: FeatureMap, head: EstimatorHead, fitted: Estimator | None) -> Solution:
    """The head on all rows; its own choices (k, λ, ...) stay as they were made on the rows of the choice."""
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
