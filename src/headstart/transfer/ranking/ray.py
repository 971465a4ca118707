"""Ranking on a Ray cluster: each source is assigned to one worker process, which opens it and keeps its rows.

The results are the same as on one machine, because each worker runs the code that this process would run.

References:
    Moritz et al., "Ray: A distributed framework for emerging AI applications", OSDI 2018.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.engine.ray.session import ray_session
from headstart.errors import SourceError
from headstart.reporting import Reporter
from headstart.transfer.ranking.contestant import Answer, Contestant, Entry
from headstart.transfer.ranking.measure import Question
from headstart.transfer.ranking.successive_halving import Measure
from headstart.transfer.stages.context import RunContext

__all__ = ["on_cluster"]

RETRIES = 3  # of a worker that died


@contextmanager
def on_cluster(contestants: Sequence[Contestant], items: Sequence[Any], context: RunContext) -> Iterator[Measure]:
    """A function that measures several sources at once, each on one of the cluster's worker processes.

    Args:
        contestants: all sources of the ranking.
        items: all items; files are sent as paths, which all workers must be able to read.
        context: its engine gives the address (``ray``) and the number of ``workers``; its reporter receives progress.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address, or the items or a source cannot be serialised.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> with on_cluster([], [], RunContext(SilentReporter(), Engine(ray="nowhere"))):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster at 'nowhere' (nothing answers there); give ...
    """
    engine = context.engine
    with ray_session(engine.ray or "auto", engine.workers) as ray:
        there = max(1, int(ray.cluster_resources().get("CPU", 1)))
        count = max(1, min(engine.workers or there, there, len(contestants)))
        here = replace(engine, ray=None, workers=None)
        try:
            shared = ray.put(_shared(items, contestants))
            entries = [ray.put(contestant.entry) for contestant in contestants]
        except TypeError as error:
            reason = " ".join(str(error).split())
            raise SourceError(f"A source or the items cannot be sent to other processes ({reason:.200}).") from None
        actor = ray.remote(num_cpus=1, max_restarts=RETRIES, max_task_retries=RETRIES)(_RankingWorker)
        workers = [actor.remote(shared, here) for _ in range(count)]
        yield _Cluster(ray, workers, dict(zip(map(id, contestants), entries, strict=True)), context.reporter).run


class _RankingWorker:
    """A Ray actor that keeps the sources assigned to it, with their rows."""

    def __init__(self, items: Sequence[Any], engine: Engine) -> None:
        self._items, self._engine = items, engine
        self._open: dict[str, Contestant] = {}

    def answer(self, entry: Entry, positions: NDArray[np.intp], question: Question) -> Answer:
        if entry.name not in self._open:
            self._open[entry.name] = Contestant(entry, self._items, self._engine)
        return self._open[entry.name].answer(np.array(positions), question)


class _Cluster:
    """Assigns each source to a fixed worker, so that later samples reuse its rows."""

    def __init__(self, ray: Any, workers: Sequence[Any], entries: dict[int, Any], reporter: Reporter) -> None:
        self._ray, self._workers, self._entries, self._reporter = ray, workers, entries, reporter
        self._place = {key: k % len(workers) for k, key in enumerate(entries)}

    def run(
        self, contestants: Sequence[Contestant], positions: NDArray[np.intp], question: Question
    ) -> Iterator[tuple[int, Answer]]:
        asked, sample = self._ray.put(question), self._ray.put(positions)
        waiting = {}
        for k, contestant in enumerate(contestants):
            worker = self._workers[self._place[id(contestant)]]
            waiting[worker.answer.remote(self._entries[id(contestant)], sample, asked)] = k
        with self._reporter.progress(f"ranking on {len(self._workers)} workers") as step:
            done = 0
            while waiting:
                (ready,), _ = self._ray.wait(list(waiting), num_returns=1)
                done += 1
                step(done, len(contestants))
                yield waiting.pop(ready), self._result(ready)

    def _result(self, ready: Any) -> Answer:
        try:
            answer: Answer = self._ray.get(ready)
        except self._ray.exceptions.RayError as error:
            return Answer(reason=f"its worker process failed: {' '.join(str(error).split())[-200:]}")
        return answer


def _shared(items: Sequence[Any], contestants: Sequence[Contestant]) -> Sequence[Any]:
    """The items, with files as absolute paths: a worker runs in another working directory."""
    of_files = any(contestant.entry.modality in ("image", "audio") for contestant in contestants)
    if isinstance(items, np.ndarray) or not of_files:
        return items
    return [os.path.abspath(item) if isinstance(item, str | Path) else item for item in items]  # noqa: PTH100
