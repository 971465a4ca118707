"""Successive halving: sources are measured on samples of doubling size, and clearly worse ones stop early.

A source stops if its mean leave-one-out loss exceeds the best one's by more than four standard errors of the paired
difference. With up to 1,000 items there is only one sample, of all items.

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
from headstart.search.successive_halving import successive_halving as race
from headstart.transfer.ranking.contestant import Answer, Contestant
from headstart.transfer.ranking.measure import Measured, Question
from headstart.types import TaskKind, group_codes

__all__ = [
    "CLEARLY_WORSE",
    "OUT_OF_TIME",
    "Deadline",
    "Measure",
    "SourceTrial",
    "difference_with_error",
    "in_turn",
    "samples",
    "successive_halving",
]

FEW_ITEMS = 1000  # up to which no sample is drawn
SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST_ITEMS = 200
LEAST_PER_CLASS = 10
STOPPING_ERRORS = 4.0  # standard errors of the paired difference, beyond which a source stops
CLEARLY_WORSE = "clearly worse"  # how the reason of a source that stopped for this begins
OUT_OF_TIME = "the time limit was reached"  # the reason of a source that stopped for this

Measure = Callable[[Sequence[Contestant], NDArray[np.intp], Question], Iterator[tuple[int, Answer]]]


@dataclass(frozen=True)
class Deadline:
    """The time at which a ranking must end.

    Attributes:
        at: as `time.monotonic` counts; None for never.

    Examples:
        >>> Deadline.within(None).leaves(1e9)
        True
    """

    at: float | None = None

    @classmethod
    def within(cls, seconds: float | None) -> Deadline:
        """A deadline this many seconds from now; None for never."""
        return cls(None if seconds is None else time.monotonic() + seconds)

    def leaves(self, seconds: float) -> bool:
        """Whether something that takes this long would end before the deadline."""
        return self.at is None or time.monotonic() + seconds <= self.at


NEVER = Deadline()


@dataclass(eq=False)
class SourceTrial:
    """One source in successive halving, with its results so far.

    Attributes:
        contestant: the source.
        answer: of the last sample that it was measured on; None before the first.
        earlier: those of the smaller samples, the smallest first.
        stopped: why it stopped; empty while it continues.
        seconds: time that its last sample took.

    Examples:
        >>> from headstart.engine.options import Engine
        >>> from headstart.transfer.ranking.contestant import Entry
        >>> from headstart.types import SourceInfo
        >>> toy = Contestant(Entry("toy", None, "text", SourceInfo("toy", "text")), ["good film"], Engine())
        >>> SourceTrial(toy).measured is None, SourceTrial(toy).stopped     # not measured yet
        (True, '')
    """

    contestant: Contestant
    answer: Answer | None = None
    stopped: str = ""
    seconds: float = 0.0
    earlier: tuple[Answer, ...] = ()

    @property
    def measured(self) -> Measured | None:
        """Its results on its last sample; None if there are none."""
        return None if self.answer is None else self.answer.measured


def samples(
    y: NDArray[Any], kind: TaskKind, units: NDArray[np.int64], among: NDArray[np.intp], seed: int
) -> list[NDArray[np.intp]]:
    """Nested samples of an eighth, a quarter and a half of the items, then all of them.

    Samples below 200 items or ten per class are omitted. Each is stratified, and groups are not split.

    Args:
        y: labels of all n items.
        kind: kind of task.
        units: (n,) group codes of all items.
        among: (m,) positions of the items that may be used.
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
            name, of = contestant.entry.name, len(contestants)
            with reporter.progress(f"ranking {name} ({k + 1} of {of})" if of > 1 else f"measuring {name}") as step:
                yield k, contestant.answer(positions, question, step)

    return run


def successive_halving(
    contestants: Sequence[Contestant],
    steps: Sequence[NDArray[np.intp]],
    question: Question,
    run: Measure,
    deadline: Deadline = NEVER,
) -> list[SourceTrial]:
    """Measure every source on growing samples, and stop those that are clearly worse.

    Args:
        contestants: the sources, in the order in which they are measured.
        steps: nested samples, smallest first.
        question: what to measure; profile and further scores on the last sample only.
        run: measures several sources on a sample.
        deadline: after which no further measurement starts.

    Returns:
        One trial per source, in their order.

    Examples:
        >>> from headstart.engine.options import Engine
        >>> from headstart.transfer.ranking.contestant import Entry
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import SourceInfo, Task
        >>> items, y = ["good film", "bad film"] * 6, np.array([0, 1] * 6)
        >>> toy = Contestant(Entry("toy", None, "text", SourceInfo("toy", "text")), items, Engine(cache=False))
        >>> asked = Question(Task("classification", ("good", "bad")), y, np.arange(12))
        >>> (trial,) = successive_halving([toy], [np.arange(12)], asked, in_turn(SilentReporter()))
        >>> trial.measured.items, trial.stopped
        (12, '')
    """
    trials = [SourceTrial(contestant) for contestant in contestants]

    def measure(going: Sequence[SourceTrial], rung: int) -> None:
        asked = question if rung == len(steps) - 1 else replace(question, profile=False, scores=())
        # under a time limit the deadline is checked before each source, so they are measured separately
        for some in [going] if deadline.at is None else [[trial] for trial in going]:
            known = any(trial.measured for trial in trials)
            _advance(some, steps[rung], asked, run=run, deadline=deadline, some_known=known)

    race(
        trials, len(steps), measure=measure,
        stop_worse=lambda going, _: _stop_clearly_worse(going, question),
        is_going=lambda trial: not trial.stopped,
    )  # fmt: skip
    return trials


def _advance(
    trials: Sequence[SourceTrial],
    positions: NDArray[np.intp],
    question: Question,
    *,
    run: Measure,
    deadline: Deadline,
    some_known: bool,
) -> None:
    """Measure some sources on a sample; they stop instead if the deadline is near and some source is measured."""
    if some_known and not deadline.leaves(max(_expected(trial, len(positions)) for trial in trials)):
        for trial in trials:
            trial.stopped = OUT_OF_TIME
        return
    started = time.monotonic()
    for k, answer in run([trial.contestant for trial in trials], positions, question):
        trial = trials[k]
        trial.stopped = "" if answer.measured is not None else answer.reason
        trial.earlier += () if trial.answer is None else (trial.answer,)
        trial.answer = answer
    for trial in trials:
        trial.seconds = (time.monotonic() - started) / len(trials)


def _expected(trial: SourceTrial, count: int) -> float:
    """Seconds for the next sample, in proportion to the last one; 0 before the first."""
    return 0.0 if trial.measured is None else trial.seconds * count / max(trial.measured.items, 1)


def _stop_clearly_worse(trials: Sequence[SourceTrial], question: Question) -> None:
    """Stop every source whose loss exceeds the best one's by more than four standard errors."""
    going = [trial for trial in trials if trial.measured is not None and not trial.stopped]
    if len(going) < 2:
        return
    best = min((trial.measured for trial in going if trial.measured), key=lambda measured: measured.loss.value)
    for trial in going:
        mean, error = difference_with_error(trial.measured, best, question.groups)
        if mean > STOPPING_ERRORS * error:
            trial.stopped = f"{CLEARLY_WORSE} after {trial.measured.items if trial.measured else 0} items"


def difference_with_error(
    worse: Measured | None, best: Measured, groups: NDArray[np.int64] | None
) -> tuple[float, float]:
    """Mean of the paired difference of losses, and its standard error over items or groups.

    With the sums s_g of centred differences in G groups, the cluster-robust error is sqrt(Σ s_g² G / (G - 1)) / n.

    Args:
        worse: the results of a source.
        best: those of the source that it is compared with; the same one gives zeros.
        groups: (n,) codes of items that are left out together, for all n items; None if each is its own group.

    Examples:
        >>> from headstart.evaluate.evaluation import Metric
        >>> def measured(losses):
        ...     loss = Metric(float(np.mean(losses)), 0, 0)
        ...     return Measured(4, np.arange(4), np.array(losses), loss, loss, "ridge", "", None, None, {}, ())
        >>> difference_with_error(measured([1.0, 2.0, 1.0, 2.0]), measured([0.0, 0.0, 0.0, 0.0]), None)[0]
        1.5
    """
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
