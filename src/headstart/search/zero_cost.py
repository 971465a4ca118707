"""Zero-cost warm-up: many architectures are scored without training, and evolution begins with the best of them.

The score is linear CKA (centred kernel alignment) of the labels with what the last layer of an architecture reads, on
at most 256 rows, with random weights in cells. It cannot tell heads on the same representation apart, and decides
nothing: all that is proposed is tried like any other point.

Command: headstart search DATA --method zero_cost

References: Cristianini et al., "On kernel-target alignment", NeurIPS 2001; Cortes, Mohri & Rostamizadeh, "Algorithms
for learning kernels based on centered alignment", JMLR 2012; Abdelfattah et al., "Zero-cost proxies for lightweight
NAS", ICLR 2021 (warm-up by training-free scores).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from headstart.errors import HeadstartError, ParameterError
from headstart.heads.architectures.representation import representation
from headstart.heads.problem import Problem
from headstart.scores.linear_cka import linear_cka
from headstart.search.evolution import Evolution
from headstart.search.head_space import HeadSpace
from headstart.search.registry import Bench
from headstart.search.space import Point, Space
from headstart.tasks import task_methods

__all__ = ["ZERO_COST", "ZeroCostWarmUp"]

SCORED, STARTED = 200, 20
SAMPLE = 256  # rows


@dataclass(frozen=True)
class ZeroCostWarmUp:
    """Evolution whose first members are the best of 200 random architectures by alignment.

    Attributes:
        name: ``"zero_cost"``.

    Examples:
        >>> from headstart.search.head_space import head_space
        >>> from headstart.types import Task
        >>> x, task = np.random.default_rng(0).normal(size=(60, 2)), Task("classification", ("in", "out"))
        >>> problem = Problem(x, (np.linalg.norm(x, axis=1) > 1.2).astype(int), task, (), None, 0)
        >>> space = head_space((), task, n=60, d=2)
        >>> first = space.decode(ZERO_COST.start(space, Bench(problem), seed=0).propose())
        >>> first.random_features > 0       # a circle, which the rows themselves do not show
        True
    """

    name: str = "zero_cost"

    def start(self, space: Space, bench: Bench, seed: int) -> Evolution:
        """A search from its beginning.

        Raises:
            ParameterError: for a space whose points cannot be scored: one that is no space of heads, and has no proxy.
        """
        score, size = bench.aids.proxy or _score_of(space, bench, seed), bench.aids.population
        count = min(STARTED, size)
        first = bench.remember(
            "zero_cost",
            lambda: [list(point) for point in _best(space, score, count, seed, bench.left() / 5)],
            lambda value: isinstance(value, list) and len(value) <= count and all(map(space.is_point, value)),
        )
        return Evolution(space, seed, population=size, first=[tuple(point) for point in first], members=bench.known)


def _score_of(space: Space, bench: Bench, seed: int) -> Callable[[Point], float]:
    if not isinstance(space, HeadSpace) or bench.problem is None:
        raise ParameterError("The method 'zero_cost' scores heads on rows; search another space by 'evolution'.")
    problem = _sampled(bench.problem, seed)
    targets = task_methods(problem.task).targets(problem.y, problem.task.num_outputs)
    return partial(_score, space, problem, targets)


def _sampled(problem: Problem, seed: int) -> Problem:
    n = len(problem.y)
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:SAMPLE])
    return Problem(problem.rows[rows], problem.y[rows], problem.task, problem.blocks, None, problem.seed)


def _best(space: Space, score: Callable[[Point], float], count: int, seed: int, seconds: float) -> list[Point]:
    """The best of those that are scored within a number of seconds."""
    rng, began = np.random.default_rng(seed), time.perf_counter()
    points = list(dict.fromkeys(space.sample(rng) for _ in range(SCORED)))
    scores: dict[Point, float] = {}
    for point in points:
        if time.perf_counter() - began > seconds:
            break
        scores[point] = score(point)
    return sorted(scores, key=lambda point: (-scores[point], point))[:count]


def _score(space: HeadSpace, problem: Problem, targets: NDArray[np.float64], point: Point) -> float:
    try:
        found = linear_cka(representation(problem, space.decode(point)), targets)
    except (HeadstartError, np.linalg.LinAlgError):
        return -math.inf
    return found if math.isfinite(found) else -math.inf


ZERO_COST = ZeroCostWarmUp()
