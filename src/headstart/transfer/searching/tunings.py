"""A search of fine-tunings on encoded items: where and how much of the body moves, by short trainings in races."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.data import split
from headstart.reporting import SilentReporter
from headstart.search.driving.forecast import Size, TryForecast
from headstart.search.driving.journal import Journal
from headstart.search.driving.loop import SearchBudget, SearchResult, Try, run_search
from headstart.search.registry import SEARCH_METHODS, Aids
from headstart.search.space import Point
from headstart.search.tuning_space import Tuning, TuningSpace, tuning_space
from headstart.search.winners_curse import expected_maximum
from headstart.tasks import base_dataset
from headstart.transfer.gate.forecast import TIMING
from headstart.transfer.gate.move_body import MovedBody, move_body
from headstart.transfer.gate.pilot import Cost, Trial
from headstart.transfer.searching.decision import Lead
from headstart.transfer.searching.items import SearchItems
from headstart.transfer.searching.race import STOPPED, TuningRace
from headstart.transfer.searching.ray import on_workers
from headstart.transfer.searching.trainings import SHARES, TuningLosses, tuned_strategy
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset

__all__ = ["TUNED_AT_ONCE", "SearchedTunings", "moved_by", "search_tunings"]

TRIES = 16
TUNED_AT_ONCE = 8  # fine-tunings of a race
VALIDATION = 0.25  # share of the items of the search that judge
VALIDATION_SEED = 2  # added to the seed: other items than those of the complete training
SPARE = 1.5  # seconds, for comparing and writing
RACED = sum(share / 2**rung for rung, share in enumerate(SHARES))  # cost of a try, of which half stop on each rung
FULL = 1.5  # the complete training has more items, and is judged


@dataclass(frozen=True)
class SearchedTunings:
    """What a search of fine-tunings found.

    Attributes:
        method: its name.
        space: what it went through.
        result: its tries.
        default_loss: of the frozen features with their head, on the same validation items; nan where nothing was tried.
        details: of each point that was tried: loss of the start, and the standard error of the paired difference.

    Examples:
        >>> tried = Try(1, (0,) * 7, 0.5, 9.0), Try(2, (1, *(0,) * 6), 0.4, 2.0, "stopped after 25% of its epochs")
        >>> found = SearchedTunings("random", tuning_space(["last"]), SearchResult(tried, "done", 0, 11.0), 0.6, {})
        >>> found.best.number, found.words(found.best)      # the second one was not trained to its end
        (1, 'lp_ft, learning rate x 1, weight decay 0.01, epochs x 1')
    """

    method: str
    space: TuningSpace
    result: SearchResult
    default_loss: float
    details: Mapping[Point, Mapping[str, float]]

    @property
    def ranked(self) -> list[Try]:
        """The tries that were trained to their end, the lowest loss first."""
        ended = [one for one in self.result.trials if math.isfinite(one.loss) and not one.note]
        return sorted(ended, key=lambda one: (one.loss, one.number))

    @property
    def failed(self) -> list[Try]:
        """The tries that could not be trained."""
        return [one for one in self.result.trials if one.note and not one.note.startswith(STOPPED)]

    @property
    def best(self) -> Try | None:
        """The one of lowest loss; None where none was trained to its end."""
        return self.ranked[0] if self.ranked else None

    @property
    def tuning(self) -> Tuning | None:
        """The settings of the best one."""
        return None if self.best is None else self.space.decode(self.best.point)

    @property
    def lead(self) -> Lead | None:
        """How far the best one led the frozen features on the validation items, and how far chance alone would."""
        if self.best is None or self.best.point not in self.details:
            return None
        error, tries = self.details[self.best.point]["error"], len(self.result.trials)
        return Lead(self.default_loss - self.best.loss, error * expected_maximum(tries), tries)

    def words(self, trial: Try) -> str:
        """The settings of a try."""
        return str(self.space.decode(trial.point))


def search_tunings(
    items: SearchItems,
    method: str,
    *,
    tries: int | None,
    journal: Journal,
    context: RunContext,
    generation: int = TUNED_AT_ONCE,
) -> SearchedTunings:
    """Let a method try fine-tunings on the items of a search: a quarter of them judges, the outer split is not seen.

    Args:
        items: encoded items and the default.
        method: its name.
        tries: how many; None for 16, or as many as the time allows where there is a limit.
        journal: from which an interrupted search goes on.
        context: reporter, seed, time limit, and an engine that names a Ray cluster if trainings are spread over one.
        generation: how many fine-tunings race with one another.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.searching.items import prepare_search
        >>> shift, context = toy_shift(), RunContext(SilentReporter())
        >>> items = prepare_search(shift.train.take(range(60)), shift.source, context, tunes=True)
        >>> found = search_tunings(items, "random", tries=2, journal=Journal(None, {}), context=context)
        >>> len(found.result.trials), found.best.note
        (2, '')
    """
    from headstart.transfer.searching.gradients import gradient_proxy
    from headstart.tune.lp_ft import LP_FT

    clock, reporter = context.clock, context.reporter
    part = training_part(items)
    train, valid = _parts(part, context.seed)
    source = items.prepared.source
    space = tuning_space([block.name for block in source.info.blocks])
    left = clock.left()
    losses = TuningLosses(
        space, source, train, valid, replace(items.search, heads=None), context.engine, context.seed,
        math.inf if left is None else time.time() + left,
    )  # fmt: skip
    forecast = TryForecast(lambda point: Size("training", _epochs(space.decode(point), source, train)))
    rest = SPARE + 2 * (items.default.seconds - items.default.solving)
    if left is not None:
        with reporter.progress("timing a few steps"):
            cost = Trial(LP_FT, items.prepared, train, context.seed).cost(TIMING * max(left, 0.0))
        forecast.seed(Size("training", float(cost.epochs)), RACED * _seconds(cost, train, valid))
    budget = SearchBudget(
        TRIES if tries is None and left is None else tries, clock.left(), generation=generation,
        afterwards=lambda seconds, _: rest + FULL / RACED * seconds,
    )  # fmt: skip
    with on_workers(losses, context) as measure, reporter.progress(f"searching by {method}") as step:
        race = TuningRace(measure, journal, lambda ended: step(ended, 0))
        result = run_search(
            space, SEARCH_METHODS[method], race, budget, seed=context.seed, journal=journal,
            aids=Aids(gradient_proxy(losses), TUNED_AT_ONCE), forecast=forecast,
        )  # fmt: skip
    details = {one.point: _details(journal, one.point) for one in result.trials}
    starts = [found["start"] for found in details.values() if "start" in found]
    found = SearchedTunings(
        method, space, result, float(np.mean(starts)) if starts else math.nan,
        {point: one for point, one in details.items() if "error" in one},
    )  # fmt: skip
    _report(found, context)
    return found


def training_part(items: SearchItems) -> Dataset:
    """The items that the search sees; near duplicates and groups become groups of the data set.

    Args:
        items: encoded items and the default, which was fitted on them.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.searching.items import prepare_search
        >>> texts = [f"{mood} film {i}" for i in range(20) for mood in ("good", "bad")]
        >>> items = prepare_search(read((texts, ["+", "-"] * 20)), "toy", RunContext(SilentReporter()))
        >>> len(training_part(items))
        32
    """
    judged = items.default
    part = items.prepared.dataset.take(judged.plan.fitted)
    groups = None if judged.groups is None else judged.groups[judged.plan.fitted].astype(str)
    return replace(part, groups=groups, split=None, times=None)


def moved_by(found: SearchedTunings, items: SearchItems, context: RunContext) -> MovedBody | None:
    """The complete training with the best settings on all items that the search saw, judged on the outer split.

    Args:
        found: by the search.
        items: encoded items and the default.
        context: reporter and time limit.

    Examples:
        >>> empty = SearchedTunings("random", tuning_space(["last"]), SearchResult((), "done", 0, 0.0), 0.6, {})
        >>> moved_by(empty, None, None) is None
        True
    """
    if found.tuning is None:
        return None
    strategy = tuned_strategy(found.tuning, items.prepared.source, _parts(training_part(items), context.seed)[0])
    # quietly: its warnings are for a strategy that the user named
    with context.reporter.progress("training the winner on all items of the search"):
        return move_body(
            items.prepared, items.default, strategy, seconds=context.clock.left(), reporter=SilentReporter()
        )


def _parts(part: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    found = split(base_dataset(part), part.group_codes, test_size=VALIDATION, seed=seed + VALIDATION_SEED)
    return part.take(found.train), part.take(found.test)


def _epochs(tuning: Tuning, source: Any, train: Dataset) -> float:
    return float(tuned_strategy(replace(tuning, rate=1.0), source, train).training.epochs)


def _seconds(cost: Cost, train: Dataset, valid: Dataset) -> float:
    return cost.training(len(train)) + cost.judging(len(train), len(valid), 0)


def _details(journal: Journal, point: Point) -> Mapping[str, float]:
    """Of the last training of a point."""
    found: Mapping[str, float] = {}
    for rung in range(len(SHARES)):
        kept = journal.memory.get(f"training {' '.join(map(str, (*point, rung)))}")
        found = kept["details"] if kept else found
    return found


def _report(found: SearchedTunings, context: RunContext) -> None:
    result, best, reporter = found.result, found.best, context.reporter
    resumed = f", {result.resumed} of them before an interruption" if result.resumed else ""
    reporter.line(
        "search",
        f"{len(result.trials)} fine-tunings by '{found.method}' in {result.seconds:.1f} s{resumed}, "
        f"{len(found.ranked)} of them to their end; {result.ended}",
    )
    if found.failed:
        reporter.line("search", f"{len(found.failed)} could not be trained, such as: {found.failed[0].note}")
    if best is not None:
        reporter.line(
            "winner",
            f"try {best.number}: {found.words(best)}; validation loss {best.loss:.4f}, that of the frozen features "
            f"{found.default_loss:.4f}",
        )
