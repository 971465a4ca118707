"""Successive halving: every source is tried on a sample that doubles, and hopeless ones stop early.

A source whose mean left-out loss is worse than the best one's by more than four standard errors of the paired
difference is not tried on the next sample. Up to 1,000 items every source sees them all.

References:
    Karnin, Koren & Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013; Jamieson & Talwalkar,
    "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.grouping.assignment import assign_parts, find_strata
from headstart.reporting import Reporter
from headstart.transfer.ranking.contestant import Answer, Contestant
from headstart.transfer.ranking.measure import Measured, Question
from headstart.types import TaskKind, group_codes

__all__ = ["Deadline", "Lane", "Measure", "in_turn", "race", "samples"]

FEW_ITEMS = 1000  # up to which no sample is drawn
SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST_ITEMS = 200
LEAST_PER_CLASS = 10
HOPELESS = 4.0  # standard errors

Measure = Callable[[Sequence[Contestant], NDArray[np.intp], Question], Iterator[tuple[int, Answer]]]


@dataclass(frozen=True)
class Deadline:
    """When a ranking must end.

    Attributes:
        at: as `time.monotonic` counts; None for never.

    Examples:
        >>> Deadline.within(None).leaves(1e9)
        True
    """

    at: float | None = None

    @classmethod
    def within(cls, seconds: float | None) -> Deadline:
        """In so many seconds from now."""
        return cls(None if seconds is None else time.monotonic() + seconds)

    def leaves(self, seconds: float) -> bool:
        """Whether there is time for something that takes so long."""
        return self.at is None or time.monotonic() + seconds <= self.at


NEVER = Deadline()


@dataclass(eq=False)
class Lane:
    """How far one source came.

    Attributes:
        contestant: the source.
        answer: of the last sample that it was tried on; None before the first.
        stopped: why it goes no further; empty while it does.

    Examples:
        >>> from headstart.engine.options import Engine
        >>> from headstart.transfer.ranking.contestant import Entry
        >>> from headstart.types import SourceInfo
        >>> lane = Lane(Contestant(Entry("toy", None, "text", SourceInfo("toy", "text")), ["good film"], Engine()))
        >>> lane.measured is None, lane.stopped     # it was tried on no sample yet
        (True, '')
    """

    contestant: Contestant
    answer: Answer | None = None
    stopped: str = ""
    seconds: float = 0.0  # that its last sample took

    @property
    def measured(self) -> Measured | None:
        """What it was found to be worth on its last sample."""
        return None if self.answer is None else self.answer.measured


def samples(
    y: NDArray[Any], kind: TaskKind, units: NDArray[np.int64], among: NDArray[np.intp], seed: int
) -> list[NDArray[np.intp]]:
    """Nested samples of an eighth, a quarter and a half of the items, then all of them.

    Samples below 200 items or ten a class are left out. Each is stratified, and what belongs together stays so.

    Args:
        y: labels of all items.
        kind: kind of task.
        units: codes of what belongs together, for all items.
        among: positions of the items that may be used.
        seed: of the draw.

    Examples:
        >>> found = samples(np.arange(2000) % 2, "classification", np.arange(2000), np.arange(2000), 0)
        >>> [len(sample) for sample in found]
        [250, 500, 1000, 2000]
    """
    n = len(among)
    if n <= FEW_ITEMS:
        return [among]
    classes = len(np.unique(y[among])) if kind == "classification" else 0
    least = max(LEAST_ITEMS, LEAST_PER_CLASS * classes)
    shares = [share for share in SHARES if share * n >= least] or [1.0]
    steps = np.diff([0.0, *shares]).tolist()
    own = group_codes(units[among], n)
    parts = assign_parts(own, find_strata(y[among], kind, n), steps, seed)
    nested = [among[parts <= k] for k in range(len(steps))]
    return [sample for sample in nested if len(sample) and len(np.unique(units[sample])) > 1]


def in_turn(reporter: Reporter) -> Measure:
    """Measure one source after the other in this process.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> list(in_turn(SilentReporter())([], np.arange(2), None))
        []
    """

    def run(
        contestants: Sequence[Contestant], positions: NDArray[np.intp], question: Question
    ) -> Iterator[tuple[int, Answer]]:
        for k, contestant in enumerate(contestants):
            with reporter.progress(f"ranking {contestant.entry.name} ({k + 1} of {len(contestants)})") as step:
                yield k, contestant.answer(positions, question, step)

    return run


def race(
    contestants: Sequence[Contestant],
    steps: Sequence[NDArray[np.intp]],
    question: Question,
    run: Measure,
    deadline: Deadline = NEVER,
) -> list[Lane]:
    """Try every source on growing samples, and stop those that cannot be first.

    Args:
        contestants: the sources, those that should be tried first in front.
        steps: nested samples.
        question: what is asked; its profile of the last sample only.
        run: measures several sources on a sample.
        deadline: when no other measurement begins.

    Returns:
        One lane for each source, in their order.

    Examples:
        >>> from headstart.engine.options import Engine
        >>> from headstart.transfer.ranking.contestant import Entry
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import SourceInfo, Task
        >>> items, y = ["good film", "bad film"] * 6, np.array([0, 1] * 6)
        >>> toy = Contestant(Entry("toy", None, "text", SourceInfo("toy", "text")), items, Engine(cache=False))
        >>> asked = Question(Task("classification", ("good", "bad")), y, np.arange(12))
        >>> (lane,) = race([toy], [np.arange(12)], asked, in_turn(SilentReporter()))
        >>> lane.measured.items, lane.stopped
        (12, '')
    """
    lanes = [Lane(contestant) for contestant in contestants]
    for number, positions in enumerate(steps):
        last = number == len(steps) - 1
        asked = question if last else replace(question, profile=False, scores=())
        going = [lane for lane in lanes if not lane.stopped]
        if not last and len(going) < 2:  # there is nobody to stop
            continue
        for some in [going] if deadline.at is None else [[lane] for lane in going]:
            known = any(lane.measured for lane in lanes)
            _advance(some, positions, asked, run=run, deadline=deadline, some_known=known)
        if not last:
            _stop_hopeless(lanes, question)
    return lanes


def _advance(
    lanes: Sequence[Lane],
    positions: NDArray[np.intp],
    question: Question,
    *,
    run: Measure,
    deadline: Deadline,
    some_known: bool,
) -> None:
    if some_known and not deadline.leaves(max(_expected(lane, len(positions)) for lane in lanes)):
        for lane in lanes:
            lane.stopped = "the time limit was reached"
        return
    started = time.monotonic()
    for k, answer in run([lane.contestant for lane in lanes], positions, question):
        lane = lanes[k]
        lane.stopped = "" if answer.measured is not None else answer.reason
        lane.answer = answer
    for lane in lanes:
        lane.seconds = (time.monotonic() - started) / len(lanes)


def _expected(lane: Lane, count: int) -> float:
    """Seconds that the next sample takes, by the last one; nothing where none was."""
    return 0.0 if lane.measured is None else lane.seconds * count / max(lane.measured.items, 1)


def _stop_hopeless(lanes: Sequence[Lane], question: Question) -> None:
    """Stop every source that is worse than the best one beyond four standard errors."""
    going = [lane for lane in lanes if lane.measured is not None and not lane.stopped]
    if len(going) < 2:
        return
    best = min((lane.measured for lane in going if lane.measured), key=lambda measured: measured.loss.value)
    for lane in going:
        mean, error = _difference(lane.measured, best, question.groups)
        if mean > HOPELESS * error:
            lane.stopped = f"hopeless after {lane.measured.items if lane.measured else 0} items"


def _difference(worse: Measured | None, best: Measured, groups: NDArray[np.int64] | None) -> tuple[float, float]:
    """Mean of the paired difference of losses and its standard error, over items or whole groups."""
    if worse is None or worse is best:
        return 0.0, 0.0
    common, own, other = np.intersect1d(worse.index, best.index, assume_unique=True, return_indices=True)
    values = worse.losses[own] - best.losses[other]
    if len(values) < 2:
        return 0.0, 0.0
    mean = float(values.mean())
    codes = group_codes(None if groups is None else groups[common], len(common))
    sums = np.bincount(codes, values - mean)
    units = len(sums)
    if units < 2:
        return 0.0, 0.0
    return mean, float(np.sqrt((sums**2).sum() * units / (units - 1)) / len(values))
