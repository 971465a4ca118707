"""The loss of an architecture on the rows of a search: exact leave-one-out, or cross-validated for trained cells."""

from __future__ import annotations

import math

import numpy as np

from headstart.errors import HeadstartError
from headstart.heads.architectures.contender import architecture_contender
from headstart.heads.estimator.threads import threads_for
from headstart.heads.problem import Problem
from headstart.search.driving.loop import TrialLoss
from headstart.search.head_space import HeadSpace
from headstart.search.space import Point

__all__ = ["HeadLosses"]


class HeadLosses:
    """Losses of the points of a space of heads.

    Args:
        problem: rows and labels of the search, without those of the outer split.
        space: of heads.

    Examples:
        >>> from headstart.heads.architecture import Architecture
        >>> from headstart.search.head_space import head_space
        >>> from headstart.types import Task
        >>> x = np.random.default_rng(0).normal(size=(60, 2))
        >>> task = Task("classification", ("in", "out"))
        >>> problem = Problem(x, (np.linalg.norm(x, axis=1) > 1.2).astype(int), task, (), None, 0)
        >>> losses = HeadLosses(problem, head_space((), task, n=60, d=2))
        >>> plain = losses(losses.space.encode(Architecture(scaling="none")))
        >>> curved = losses(losses.space.encode(Architecture(scaling="none", random_features=256)))
        >>> curved.loss < plain.loss
        True
    """

    def __init__(self, problem: Problem, space: HeadSpace) -> None:
        self.problem, self.space = problem, space

    def __call__(self, point: Point) -> TrialLoss:
        """The mean out-of-fold loss of an architecture; infinite where it cannot be fitted."""
        problem = self.problem
        try:
            with threads_for(len(problem.rows), problem.rows.shape[1]):
                found, _ = architecture_contender(problem, self.space.decode(point))
        except (HeadstartError, np.linalg.LinAlgError) as error:
            return TrialLoss(math.inf, str(error))
        loss = found.candidate.loss
        return TrialLoss(
            loss if math.isfinite(loss) else math.inf, "" if math.isfinite(loss) else "a loss that is infinite"
        )

    def kind_of(self, point: Point) -> str:
        """Architectures of one kind take about the same time: the head, and the number of random features."""
        one = self.space.decode(point)
        return f"{one.head} {one.random_features} {one.projection > 0} {len(one.blocks) > 3} {len(one.cell.split())}"
