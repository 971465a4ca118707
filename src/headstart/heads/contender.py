"""A head that is in the running: how it did on left-out rows, and how to solve it if it wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate, Evidence, FittedHead
from headstart.heads.problem import Problem
from headstart.linear.moments import Moments
from headstart.tasks import Calibration, task_methods

__all__ = ["Contender", "Solution", "weigh"]


@dataclass(frozen=True, eq=False)
class Solution:
    """A head solved on all rows.

    Attributes:
        weight: (num_features, k); empty (0, k) where there is an estimator.
        bias: (k,).
        estimator: the fitted estimator of a head that is not linear, else None.

    Examples:
        >>> Solution(np.zeros((3, 2)), np.zeros(2)).estimator is None
        True
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    estimator: Any = None


@dataclass(frozen=True, eq=False)
class Contender:
    """One candidate with its left-out evidence.

    Attributes:
        candidate: what it is, and its mean left-out loss.
        calibration: fitted on its left-out scores.
        evidence: its left-out outputs and losses.
        feature_map: from source rows to its rows.
        moments: of the mapped rows, where they were summed.
        solve: fits it on all rows.

    Examples:
        >>> sorted(Contender.__dataclass_fields__)[:3]
        ['calibration', 'candidate', 'evidence']
    """

    candidate: Candidate
    calibration: Calibration
    evidence: Evidence
    feature_map: FeatureMap
    moments: Moments | None
    solve: Callable[[], Solution]

    def fitted(self, candidates: tuple[Candidate, ...]) -> FittedHead:
        """The head solved on all rows, with everything that it was compared with."""
        solution, found = self.solve(), self.candidate
        return FittedHead(
            self.feature_map, found.head, found.lam, solution.weight, solution.bias, self.calibration, found.loss,
            candidates, self.moments, self.evidence, solution.estimator,
        )  # fmt: skip


def weigh(problem: Problem, scores: NDArray[np.float64]) -> tuple[Calibration, Evidence]:
    """Calibrate left-out scores (m, k) of the chosen rows, and what they then cost.

    Examples:
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> _, evidence = weigh(problem, np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 2.0]]))
        >>> evidence.losses.shape
        (4,)
    """
    methods, y = task_methods(problem.task), problem.y[problem.chosen]
    calibration = methods.calibrate(scores, y)
    outputs = methods.outputs(scores, calibration)
    return calibration, Evidence(problem.chosen, outputs, methods.loss(outputs, y))
