"""A candidate of head selection: its out-of-fold outputs and loss, and a function that fits it on all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.heads.estimator.protocols import Estimator
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate, Evidence, FittedHead
from headstart.heads.problem import Problem
from headstart.heads.spectral.class_weights import balanced_weights, class_shares
from headstart.linear.moments import Moments
from headstart.tasks import CalibratesTogether, Calibration, is_classification, task_methods

__all__ = [
    "Contend",
    "Contender",
    "FeatureChoice",
    "Solution",
    "calibrated_each",
    "calibrated_evidence",
]


@dataclass(frozen=True, eq=False)
class Solution:
    """A head fitted on all rows.

    Attributes:
        weight: (num_features, k); empty (0, k) if there is an estimator.
        bias: (k,).
        estimator: the fitted estimator of a head that is not linear, else None.

    Examples:
        >>> Solution(np.zeros((3, 2)), np.zeros(2)).estimator is None
        True
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    estimator: Estimator | None = None


@dataclass(frozen=True, eq=False)
class Contender:
    """A candidate with its leave-one-out or out-of-fold evidence.

    Attributes:
        candidate: its names, λ and mean out-of-fold loss.
        calibration: fitted on its out-of-fold scores.
        evidence: its out-of-fold outputs and losses.
        feature_map: from source rows to head rows.
        moments: of the mapped rows, if they were computed.
        solve: fits it on all rows.

    Examples:
        >>> from headstart.heads.contenders.spectral import spectral_contenders
        >>> from headstart.heads.ridge import RIDGE
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(6)[:, :3], np.repeat([0, 1], 3), Task("classification", ("a", "b")), (), None, 0)
        >>> found, tried = spectral_contenders(problem, [FeatureMap("rows", ((0, 3),), "none")], [RIDGE])
        >>> head = found[0].fitted(tuple(tried))
        >>> head.head, head.weight.shape, head.loss == found[0].candidate.loss
        ('ridge', (3, 2), True)
    """

    candidate: Candidate
    calibration: Calibration
    evidence: Evidence
    feature_map: FeatureMap
    moments: Moments | None
    solve: Callable[[], Solution]

    def fitted(self, candidates: tuple[Candidate, ...]) -> FittedHead:
        """The head fitted on all rows, together with all candidates that it was compared with."""
        solution, found = self.solve(), self.candidate
        return FittedHead(
            self.feature_map, found.head, found.lam, solution.weight, solution.bias, self.calibration, found.loss,
            candidates, self.moments, self.evidence, solution.estimator, prior=found.prior,
        )  # fmt: skip


def calibrated_evidence(
    problem: Problem, scores: NDArray[np.float64], prior: float = 0.0
) -> tuple[Calibration, Evidence]:
    """Calibrate out-of-fold scores, and compute the outputs and losses that follow.

    Args:
        problem: rows and labels.
        scores: (m, k) out-of-fold scores of the rows ``problem.chosen``.
        prior: the weight, in rows, of each class's name; 0 for none.

    Returns:
        The calibration, and the calibrated outputs with their losses (weighted by the rows' weights, if any).

    Examples:
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> _, evidence = calibrated_evidence(problem, np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 2.0]]))
        >>> evidence.losses.shape
        (4,)
    """
    return calibrated_each(problem, [scores], prior)[0]


def calibrated_each(
    problem: Problem, scores: Sequence[NDArray[np.float64]] | NDArray[np.float64], prior: float = 0.0
) -> list[tuple[Calibration, Evidence]]:
    """What `calibrated_evidence` gives for each of several out-of-fold scores, which is faster in one call.

    Args:
        problem: rows and labels.
        scores: (m, k) each, out-of-fold scores of the rows ``problem.chosen``.
        prior: the weight, in rows, of each class's name; 0 for none.

    Examples:
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> scores = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 2.0]])
        >>> (_, one), (_, other) = calibrated_each(problem, [scores, 3 * scores])
        >>> np.abs(one.outputs - other.outputs).max() < 1e-9
        np.True_
    """
    methods, y, weights = task_methods(problem.task), problem.y[problem.chosen], problem.chosen_weights
    if isinstance(methods, CalibratesTogether):
        calibrations = methods.calibrate_each(np.asarray(scores), y, weights)
    else:
        calibrations = [methods.calibrate(one, y, weights) for one in scores]
    facts = _class_facts(problem, prior) if is_classification(problem.task) else {}
    found: list[tuple[Calibration, Evidence]] = []
    for one, fitted in zip(scores, calibrations, strict=True):
        calibration = {**fitted, **facts}
        outputs = methods.outputs(one, calibration)
        losses = methods.loss(outputs, y)
        losses = losses if weights is None else losses * weights / weights.mean()
        found.append((calibration, Evidence(problem.chosen, outputs, losses, one)))
    return found


def _class_facts(problem: Problem, prior: float) -> Calibration:
    """Class frequencies, and class weights if there are any: prior correction and exact updates need them later."""
    count = problem.task.num_outputs
    seen = class_shares(problem.y, count, problem.weights)
    total = len(problem.y) if problem.weights is None else problem.weights.sum()
    # each class's name counts as ``prior`` further rows of that class
    shares = {"shares": (total * seen + prior) / (total + prior * count)}
    return shares if problem.weights is None else {**shares, "class_weight": balanced_weights(problem.y, count)}


Contend = Callable[[Sequence[FeatureMap]], tuple[list[Contender], list[Candidate]]]
"""Fits heads on feature maps: returns the best contenders, and all candidates that were tried."""


@dataclass(frozen=True, eq=False)
class FeatureChoice:
    """The result of comparing feature maps.

    Attributes:
        contenders: heads on the chosen features, with their out-of-fold evidence.
        tried: all candidates that were compared.
        notes: findings, one sentence each.
    """

    contenders: Sequence[Contender]
    tried: Sequence[Candidate]
    notes: tuple[str, ...] = ()
