"""Tries of a search on a Ray cluster: each is a task, and the points of a generation are measured at once.

The losses are the same as on one machine, because each worker runs the code that this process would run.

References:
    Moritz et al., "Ray: A distributed framework for emerging AI applications", OSDI 2018.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from headstart.engine.ray.session import ray_session
from headstart.errors import SourceError
from headstart.heads.cells.deadline import training_until
from headstart.search.driving.loop import TrialLoss
from headstart.search.space import Point
from headstart.transfer.stages.context import RunContext

__all__ = ["on_workers"]

RETRIES = 3  # of a task whose worker died


@contextmanager
def on_workers(measure: Callable[[Point], TrialLoss], context: RunContext) -> Iterator[Callable[[Point], TrialLoss]]:
    """A measure that spreads the points of a generation over the workers of a cluster; the same one without Ray.

    Args:
        measure: the loss of a point; it is sent to the workers once.
        context: its engine gives the address (``ray``) and the number of ``workers``, its clock the time limit.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address, or the measure cannot be sent to other processes.

    Examples:
        >>> from headstart.engine.options import Engine
        >>> from headstart.reporting import SilentReporter
        >>> with on_workers(lambda point: TrialLoss(0.5), RunContext(SilentReporter(), Engine(ray="nowhere"))):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster at 'nowhere' (nothing answers there); give ...
    """
    engine = context.engine
    if engine.ray is None:
        yield measure
        return
    with ray_session(engine.ray, engine.workers) as ray:
        there = max(1, int(ray.cluster_resources().get("CPU", 1)))
        try:
            sent = ray.put(measure)
        except TypeError as error:
            reason = " ".join(str(error).split())
            raise SourceError(f"This search cannot be sent to other processes ({reason:.200}).") from None
        yield _RayTries(ray, sent, min(engine.workers or there, there), context)


class _RayTries:
    """A `headstart.search.driving.loop.Spread` whose points are tasks, at most as many at once as there are lanes."""

    def __init__(self, ray: Any, measure: Any, lanes: int, context: RunContext) -> None:
        self._ray, self._measure, self.lanes, self._clock = ray, measure, lanes, context.clock
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_measured)
        self._begun: dict[Point, Any] = {}

    def begin(self, points: Sequence[Point], generation: Sequence[Point]) -> None:  # noqa: ARG002 (one contract)
        """Hand all points to the cluster, which runs one task on each CPU."""
        left = self._clock.left()
        until = math.inf if left is None else time.time() + left
        for point in points:
            self._begun[point] = self._task.remote(self._measure, point, until)

    def __call__(self, point: Point) -> TrialLoss:
        """Wait for a point that was begun."""
        try:
            found: TrialLoss = self._ray.get(self._begun.pop(point))
        except self._ray.exceptions.RayError as error:
            return TrialLoss(math.inf, f"its worker process failed: {' '.join(str(error).split())[-200:]}")
        return found


def _measured(measure: Callable[[Point], TrialLoss], point: Point, until: float) -> TrialLoss:
    """The loss of a point with its seconds, in a worker; ``until`` is a time of day, as processes share no other."""
    began = time.perf_counter()
    with training_until(began + until - time.time()):
        found = measure(point)
    return replace(found, seconds=time.perf_counter() - began)
