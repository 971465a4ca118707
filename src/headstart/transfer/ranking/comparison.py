"""A comparison of the default candidates on a small sample of labelled items, by successive halving.

The sizes of the samples follow from the items alone, and sources are compared on the largest sample that all of them
were measured on. The clock matters only where a time limit ends the comparison early: a smaller sample decides then, or
none. The source of lowest leave-one-out loss is taken, however small the difference: a preference for the smaller body
within one standard error cost up to 1.4 points of accuracy, since that error is larger than differences that matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.grouping.assignment import assign_parts, find_strata
from headstart.data.media.readers import read_audio
from headstart.errors import ItemError
from headstart.sources import describe
from headstart.tasks import base_kind
from headstart.transfer.ranking.contestant import Contestant, Entry
from headstart.transfer.ranking.figures import METRIC_NAMES
from headstart.transfer.ranking.measure import Measured, Question
from headstart.transfer.ranking.successive_halving import (
    CLEARLY_WORSE,
    OUT_OF_TIME,
    Deadline,
    SourceTrial,
    difference_with_error,
    in_turn,
    successive_halving,
)
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset, TaskKind

__all__ = ["FEWEST_COMPARED", "Comparison", "compare_sources", "comparison_samples", "comparison_size"]

# On training parts of TREC-6, financial tweets, BANKING77 and CLINC150, the lower loss of 400 texts chose the better of
# two sources in each of 38 draws, the higher accuracy in 34; 200 texts in 38 of 40. Sounds differ more.
MOST_ITEMS, MOST_SOUNDS = 400, 200
# Where 400 cannot tell two sources apart and there are many more items, the order may change with more: twice and four
# times as many, but at most a fifth of the items, so that the comparison stays cheap beside the fit.
LARGER, LARGEST_SHARE = (2, 4), 1 / 5
PER_CLASS, MOST_OF_CLASSES = 4, 400  # with many classes four items of each, up to 400 in all
MOST_SECONDS = 500.0  # of sound in a sample: a speech body takes a few seconds for them on two cores
FEWEST = 60  # items, however long their sounds are
HEARD = 16  # sounds whose length is read
FEWEST_COMPARED = 40  # items; the losses of fewer are mostly noise, and opening a second body takes longer than the fit
SHARES = (1 / 4, 1 / 2, 1.0)
OF_LIMIT = 1 / 3  # of a time limit that the comparison may take: encoding all items takes longer than the samples
LEAST_ITEMS, LEAST_PER_CLASS = 40, 4  # of a sample that may stop a source
CLEAR = 2.0  # standard errors of the paired difference from which it is said to be more than noise


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of a comparison.

    Attributes:
        contestants: the sources, in the given order, with the rows that they have encoded.
        winner: the one that won; None if no sample could decide.
        items: size of the sample that decided.
        why: the figures that decided, as a clause.
        record: a mapping for each source, as plain JSON values.
    """

    contestants: tuple[Contestant, ...]
    winner: Contestant | None
    items: int
    why: str
    record: tuple[dict[str, Any], ...]


def compare_sources(
    names: Sequence[str], dataset: Dataset, units: NDArray[np.int64], among: NDArray[np.intp], context: RunContext
) -> Comparison:
    """Compare sources by their leave-one-out losses on a sample.

    Args:
        names: of the sources; of two with the same loss, the first is taken.
        dataset: n labelled items.
        units: (n,) codes of items that are left out together.
        among: (m,) positions of the items that may be used.
        context: engine, seed and time limit.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import Task
        >>> task = Task("classification", ("good", "bad"))
        >>> data = Dataset(["good", "bad"] * 6, tuple(map(str, range(12))), "text", task=task, y=np.array([0, 1] * 6))
        >>> found = compare_sources(["toy"], data, np.arange(12), np.arange(12), RunContext(SilentReporter()))
        >>> found.winner.entry.name, found.items
        ('toy', 12)
    """
    task, y = dataset.labelled()
    kind = base_kind(task)
    most = comparison_size(dataset, among)
    factors = () if dataset.modality == "audio" else LARGER
    steps = comparison_samples(y, kind, among, most=most, seed=context.seed, factors=factors)
    usual = max(1, sum(len(step) <= 1.25 * most for step in steps))
    if len(np.unique(units[steps[usual - 1]])) < 2:  # one group cannot be left out
        steps, usual = [among], 1
    groups = units if len(np.unique(units[steps[-1]])) < len(steps[-1]) else None
    contestants = tuple(
        Contestant(Entry(name, None, dataset.modality, describe(name)), dataset.items, context.engine) for name in names
    )
    left = context.clock.left()
    left = None if left is None else OF_LIMIT * left
    if left is not None and left <= 0:
        return Comparison(contestants, None, len(steps[-1]), f"they could not be compared ({OUT_OF_TIME})", ())
    asked = Question(task, y, groups, seed=context.seed)
    deadline = Deadline.within(left)
    trials = successive_halving(contestants, steps[:usual], asked, in_turn(context.reporter), deadline)
    sizes = [len(step) for step in steps[:usual]]
    for step in steps[usual:]:
        if not _undecided(trials, groups) or not deadline.leaves(sum(trial.seconds for trial in trials) * 2):
            break
        _measure_again(trials, step, asked, context)
        sizes.append(len(step))
    return _result(trials, sizes, groups, METRIC_NAMES[kind])


def _undecided(trials: Sequence[SourceTrial], groups: NDArray[np.int64] | None) -> bool:
    """Whether all sources were measured on the last sample, or stopped as clearly worse, and two may be the best."""
    found = [trial.measured for trial in trials if not trial.stopped and trial.measured is not None]
    if len(found) < 2 or any(trial.stopped == OUT_OF_TIME for trial in trials):
        return False
    best = min(found, key=lambda measured: measured.loss.value)
    gaps = [difference_with_error(measured, best, groups) for measured in found if measured is not best]
    return any(mean <= CLEAR * error for mean, error in gaps)


def _measure_again(
    trials: Sequence[SourceTrial], sample: NDArray[np.intp], asked: Question, context: RunContext
) -> None:
    """Measure the sources that have not stopped on a larger sample."""
    going = [trial for trial in trials if not trial.stopped]
    again = successive_halving([trial.contestant for trial in going], [sample], asked, in_turn(context.reporter))
    for trial, new in zip(going, again, strict=True):
        trial.stopped, trial.seconds = new.stopped, new.seconds
        trial.earlier += () if trial.answer is None else (trial.answer,)
        trial.answer = new.answer


def _result(
    trials: Sequence[SourceTrial], sizes: Sequence[int], groups: NDArray[np.int64] | None, metric: str
) -> Comparison:
    """The result on the largest sample that all sources were measured on, but for those that failed or stopped."""
    contestants = tuple(trial.contestant for trial in trials)
    going = [trial for trial in trials if trial.stopped in ("", OUT_OF_TIME)]
    measured = [_results(trial) for trial in going]
    common = min(map(len, measured), default=0)
    record = tuple(_facts(trial, common if common and trial in going else len(_results(trial))) for trial in trials)
    others = [_stopped(trial) for trial in trials if trial not in going]
    if not common:
        unmeasured = [_stopped(trial) for trial in going if trial.measured is None]
        why = f"they could not be compared ({'; '.join([*others, *unmeasured])})"
        return Comparison(contestants, None, sizes[-1], why, record)
    names = [trial.contestant.entry.name for trial in going]
    place, why = _decided([results[common - 1] for results in measured], names, groups, metric)
    is_early = any(trial.stopped for trial in going)
    late = [f"{OUT_OF_TIME} before a larger sample"] if is_early else []
    items = sizes[common - 1] if is_early else sizes[-1]
    return Comparison(contestants, going[place].contestant, items, "; ".join([why, *others, *late]), record)


def comparison_size(dataset: Dataset, among: NDArray[np.intp]) -> int:
    """The most items of a sample: 400 texts or pictures, or 200 sounds: more with many classes, fewer if they are long.

    Args:
        dataset: n labelled items.
        among: (m,) positions of the items that may be used.

    Examples:
        >>> from headstart.types import Task
        >>> def sounds(seconds):
        ...     task, y = Task("classification", ("a", "b")), np.arange(300) % 2
        ...     return Dataset([(np.zeros(100 * seconds), 100)] * 300, tuple(map(str, y)), "audio", task=task, y=y)
        >>> comparison_size(sounds(1), np.arange(300)), comparison_size(sounds(5), np.arange(300))
        (200, 100)
    """
    task, y = dataset.labelled()
    classes = len(np.unique(y[among])) if base_kind(task) == "classification" else 0
    usual = MOST_SOUNDS if dataset.modality == "audio" else MOST_ITEMS
    most = max(usual, min(PER_CLASS * classes, MOST_OF_CLASSES))
    if dataset.modality != "audio":
        return most
    lengths = []
    for place in among[np.random.default_rng(0).permutation(len(among))[:HEARD]]:
        try:
            samples, rate = read_audio(dataset.items[place])
        except ItemError:
            continue
        lengths.append(len(samples) / rate)
    return min(most, max(FEWEST, round(MOST_SECONDS / max(float(np.mean(lengths)), 1e-3)))) if lengths else most


def comparison_samples(
    y: NDArray[Any], kind: TaskKind, among: NDArray[np.intp], *, most: int, seed: int, factors: Sequence[int] = ()
) -> list[NDArray[np.intp]]:
    """Nested stratified samples: a quarter, a half and all of about ``most`` items, and larger ones if asked for.

    Samples below 40 items or four of each class are omitted. A sample may hold part of a group: what counts is that
    the items of a group are left out together.

    Args:
        y: labels of all n items.
        kind: kind of task.
        among: (m,) positions of the items that may be used.
        most: number of items of the last sample.
        seed: of the draw.
        factors: larger samples as multiples of ``most``; those above a fifth of the items are omitted.

    Examples:
        >>> y, among = np.arange(3000) % 2, np.arange(3000)
        >>> found = comparison_samples(y, "classification", among, most=200, seed=0, factors=(2, 4))
        >>> [len(sample) for sample in found]
        [50, 100, 200, 400]
    """
    n = len(among)
    size = n if n <= 1.25 * most else most
    classes = len(np.unique(y[among])) if kind == "classification" else 0
    least = max(LEAST_ITEMS, LEAST_PER_CLASS * classes)
    sizes = [share * size for share in SHARES if share * size >= least] or [float(size)]
    sizes += [float(factor * most) for factor in factors if factor * most <= LARGEST_SHARE * n]
    shares = np.diff([0.0, *sizes, *([n] if sizes[-1] < n else [])]) / n
    parts = assign_parts(np.arange(n), find_strata(y[among], kind, n), shares.tolist(), seed)
    return [among[parts <= k] for k in range(len(sizes))]


def _decided(
    found: Sequence[Measured], names: Sequence[str], groups: NDArray[np.int64] | None, metric: str
) -> tuple[int, str]:
    """The place of the source of lowest loss, and why."""
    place = min(range(len(found)), key=lambda k: found[k].loss.value)
    shown = ", ".join(
        f"{name} has leave-one-out loss {measured.loss.value:.3f} and {metric} {measured.merit.value:.3f}"
        for name, measured in zip(names, found, strict=True)
    )
    if len(found) == 1:
        return place, shown
    others = [measured for k, measured in enumerate(found) if k != place]
    mean, error = min(difference_with_error(measured, found[place], groups) for measured in others)
    if mean == error == 0:
        return place, f"{shown}; the losses are equal, so the first is taken"
    doubt = "" if mean > CLEAR * error else ", so it may be noise"
    return place, f"{shown}; lower by {mean:.3f} with a standard error of {error:.3f}{doubt}"


def _results(trial: SourceTrial) -> list[Measured]:
    """The results of a source on each sample that it was measured on, the smallest first."""
    answers = (*trial.earlier, trial.answer)
    return [answer.measured for answer in answers if answer is not None and answer.measured is not None]


def _stopped(trial: SourceTrial) -> str:
    """A source that is out of the comparison, and why."""
    name = trial.contestant.entry.name
    return f"{name} {trial.stopped}" if trial.stopped.startswith(CLEARLY_WORSE) else f"{name}: {trial.stopped}"


def _facts(trial: SourceTrial, samples: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"source": trial.contestant.entry.name, "reason": trial.stopped}
    if not samples:
        return facts | dict.fromkeys(("items", "log_loss", "merit"))
    measured = _results(trial)[samples - 1]
    return facts | {"items": measured.items, "log_loss": measured.loss.value, "merit": measured.merit.value}
