"""The loss of an architecture on the rows of a search: exact leave-one-out, or cross-validated for trained cells."""

from __future__ import annotations

import math

import numpy as np

from headstart.errors import HeadstartError
from headstart.heads.architecture import Architecture
from headstart.heads.architectures.contender import architecture_contender
from headstart.heads.estimator.threads import threads_for
from headstart.heads.problem import Problem
from headstart.search.driving.forecast import Size
from headstart.search.driving.loop import TrialLoss
from headstart.search.head_space import HeadSpace
from headstart.search.space import Point

__all__ = ["HeadLosses", "work_of"]


class HeadLosses:
    """Losses of the points of a space of heads.

    Args:
        problem: rows and labels of the search, without those of the outer split.
        space: of heads.

    Examples:
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

    def size_of(self, point: Point) -> Size:
        """The number of operations of a try, about; see `work_of`."""
        one = self.space.decode(point)
        widths = [block.width for block in self.problem.blocks]
        d = sum(widths[k] for k in one.blocks) or self.problem.rows.shape[1]
        kind = f"{one.head} of mapped rows" if one.expands else one.head
        return Size(kind, work_of(one, n=len(self.problem.y), d=d, outputs=self.problem.task.num_outputs))


def work_of(architecture: Architecture, *, n: int, d: int, outputs: int) -> float:
    """Floating-point operations of an architecture's leave-one-out loss, about.

    An eigendecomposition of s columns is taken to need 25 s³; what is constant for a kind of head is left out.

    Args:
        architecture: what is fitted.
        n: rows.
        d: columns that it reads.
        outputs: classes, labels or values.

    Examples:
        >>> plain, mapped = Architecture(), Architecture(random_features=1024)
        >>> [f"{work_of(one, n=1000, d=d, outputs=2):.1e}" for one, d in [(plain, 384), (plain, 2688), (mapped, 384)]]
        ['1.8e+09', '3.1e+10', '2.9e+10']
    """
    one, work, columns = architecture, 0.0, d
    if one.projection:
        work, columns = work + _solving(n, columns, 0), min(one.projection, d)
    if one.random_features:
        work, columns = work + 4.0 * n * columns * one.random_features, one.random_features
    if one.head == "knn":
        return work + 2.0 * n * n * columns
    if one.head == "logistic":
        return work + 400.0 * n * columns * outputs
    if one.head == "cell":
        tokens = max(len(one.blocks), 1)
        return work + 1e4 * (columns * one.width + tokens * len(one.cell.split()) * one.width**2)
    return work + _solving(n, columns, outputs)


def _solving(n: int, d: int, outputs: int) -> float:
    side = min(n, d)
    return 2.0 * max(n, d) * side**2 + 25.0 * side**3 + 120.0 * n * side * outputs
