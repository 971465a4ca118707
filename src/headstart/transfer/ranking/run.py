"""Run a ranking on audited items: candidates, samples, successive halving, the order, and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import split, union_groups
from headstart.errors import SourceError
from headstart.evaluate.evaluation import Metric
from headstart.tasks import base_kind
from headstart.transfer.ranking.contestant import Contestant
from headstart.transfer.ranking.entries import Described, make_entries
from headstart.transfer.ranking.figures import METRIC_NAMES
from headstart.transfer.ranking.limits import ANY, Limits
from headstart.transfer.ranking.measure import Measured, Question
from headstart.transfer.ranking.order import Known, difference_from, order_sources
from headstart.transfer.ranking.result import Ranking, Standing
from headstart.transfer.ranking.sentences import notes_on, what_to_take, why_first
from headstart.transfer.ranking.successive_halving import (
    CLEARLY_WORSE,
    Deadline,
    Measure,
    SourceTrial,
    in_turn,
    samples,
    successive_halving,
)
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import Audited
from headstart.types import SourceInfo

__all__ = ["RankOptions", "Ranked", "RankingItems", "given_part", "rank_audited"]

SHOWN = 6  # reasons in an error


@dataclass(frozen=True)
class RankOptions:
    """Options of a ranking, named as in `headstart.rank`.

    Attributes:
        limits: on size and licence of a source.
        scores: names of further scores to show.
        profile: whether each block is also measured alone.
        untrained: whether the first body is also measured with random weights.
    """

    limits: Limits = ANY
    scores: tuple[str, ...] = ()
    profile: bool = False
    untrained: bool = True


@dataclass(frozen=True, eq=False)
class RankingItems:
    """The items that a ranking may use.

    Attributes:
        rows: (m,) their positions, ascending.
        how: which they are, in one sentence.
        bias: what a choice between several sources on them does to later metrics, as a clause; empty if nothing.

    Examples:
        >>> part = RankingItems(np.arange(12), "all 12 items", "the choice biases the metrics")
        >>> part.described(1), part.described(2)
        ('all 12 items', 'all 12 items: the choice biases the metrics')
    """

    rows: NDArray[np.intp]
    how: str
    bias: str = ""

    def described(self, sources: int) -> str:
        """Which items they are, and the bias if there was a choice between two or more sources."""
        return f"{self.how}: {self.bias}" if self.bias and sources > 1 else self.how


@dataclass(frozen=True, eq=False)
class Ranked:
    """A ranking and its first source, with the rows that it has encoded.

    Attributes:
        ranking: the ranking.
        first: the first source.
    """

    ranking: Ranking
    first: Contestant


def given_part(audited: Audited) -> RankingItems:
    """The items that a ranking may use: all but the held-out part of a split that the data give.

    Args:
        audited: items that passed the audit.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.transfer.stages.prepare import audit_items
        >>> from headstart.reporting import SilentReporter
        >>> audited = audit_items(read((["good", "bad"], ["yes", "no"])), RunContext(SilentReporter()))
        >>> given_part(audited).how
        'all 2 items'
    """
    dataset = audited.dataset
    if dataset.split is None or len(np.unique(dataset.split)) < 2:
        return RankingItems(np.arange(len(dataset)), f"all {len(dataset)} items")
    train = split(dataset, None, by="given").train
    return RankingItems(train, f"the {len(train)} items of the given training part; the held-out part was not used")


def rank_audited(
    audited: Audited,
    described: Sequence[Described] | None,
    part: RankingItems,
    options: RankOptions,
    context: RunContext,
) -> Ranked:
    """Rank sources on audited items.

    Args:
        audited: the items.
        described: the candidates; None for all that are installed or cached.
        part: the items that may be used.
        options: what to measure.
        context: engine, seed of samples and resamples, and time limit.

    Raises:
        SourceError: if no source could be measured.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.transfer.stages.prepare import audit_items
        >>> from headstart.transfer.ranking.entries import describe_all
        >>> from headstart.reporting import SilentReporter
        >>> context = RunContext(SilentReporter())
        >>> audited = audit_items(read((["good film", "bad film"] * 6, ["good", "bad"] * 6)), context)
        >>> ranked = rank_audited(audited, describe_all(["toy"]), given_part(audited), RankOptions(), context)
        >>> ranked.ranking.first.source
        'toy'
    """
    dataset, among, seed = audited.dataset, part.rows, context.seed
    task, y = dataset.labelled()
    entries, out = make_entries(described, dataset.modality, options.limits)
    units = union_groups(dataset.groups, audited.clusters)
    # None if every item is its own group: leave-one-out then has a closed form
    groups = units if len(np.unique(units[among])) < len(among) else None
    question = Question(task, y, groups, options.scores, options.profile, seed)
    contestants = [Contestant(entry, dataset.items, context.engine) for entry in entries]
    left = context.clock.left()
    deadline = Deadline.within(None if left is None else max(0.0, left))
    with _runner(contestants, dataset.items, context) as run:
        nested = samples(y, base_kind(task), units, among, seed)
        trials = successive_halving(contestants, nested, question, run, deadline)
    finished = _finished(trials)
    if not finished:
        reasons = [f"{trial.contestant.entry.name}: {trial.stopped}" for trial in trials]
        reasons += [f"{entry.name}: {reason}" for entry, reason in out]
        raise SourceError(f"None of the {len(reasons)} sources could be measured ({_short(reasons)}).")
    found = [trial.measured for trial in finished if trial.measured is not None]
    order = order_sources(found, [_known(trial) for trial in finished], groups, seed)
    ranked = [
        _standing(
            finished[k], len(dataset), "ranked", rank=place + 1, difference=order.differences[k], tied=order.tied[k]
        )
        for place, k in enumerate(order.places)
    ]
    first, best = finished[order.places[0]].contestant, min(found, key=lambda measured: measured.loss.value)
    reference = None
    if options.untrained:
        run = in_turn(context.reporter)
        reference = _reference(first, best, question, deadline, items=len(dataset), among=among, run=run)
    rest = [_standing(trial, len(dataset), _state(trial)) for trial in trials if trial not in finished]
    rest += [Standing(None, entry.name, "excluded", reason, entry.info) for entry, reason in out]
    ranking = Ranking(
        standings=(*ranked, *([reference] if reference else []), *rest),
        task=task,
        items=found[0].items,
        how=part.described(len(trials)),
        why=why_first(ranked, METRIC_NAMES[base_kind(task)], alone=len(trials) + len(out) == 1),
        advice=what_to_take(ranked),
        notes=(*_unencoded(finished), *notes_on(ranked, reference, task, by_prior=order.by_prior)),
        seconds=context.clock.elapsed,
    )
    return Ranked(ranking, first)


def _finished(trials: Sequence[SourceTrial]) -> list[SourceTrial]:
    """The sources to rank: those measured on the last sample, or if time ran out on the largest sample of any."""
    sizes = [trial.measured.items for trial in trials if trial.measured is not None]
    going = [trial for trial in trials if trial.measured is not None and not trial.stopped]
    if going or not sizes:
        return going
    late = [trial for trial in trials if trial.measured is not None and not trial.stopped.startswith(CLEARLY_WORSE)]
    furthest = max(trial.measured.items for trial in late if trial.measured)
    return [trial for trial in late if trial.measured and trial.measured.items >= furthest]


def _known(trial: SourceTrial) -> Known:
    info = _info(trial)
    return Known(info.accuracy, info.source_task)


def _info(trial: SourceTrial) -> SourceInfo:
    answer = trial.answer
    return trial.contestant.entry.info if answer is None or answer.info is None else answer.info


def _state(trial: SourceTrial) -> str:
    if trial.answer is not None and trial.answer.excluded:
        return "excluded"
    if trial.measured is not None or trial.answer is None:
        return "stopped"
    return "failed"


def _standing(
    trial: SourceTrial,
    items: int,
    state: str,
    *,
    rank: int | None = None,
    difference: Metric | None = None,
    tied: bool = False,
) -> Standing:
    speed = None if trial.answer is None else trial.answer.speed
    reason = "" if state in ("ranked", "reference") else trial.stopped
    cost = None if speed is None else speed.seconds_for(items)
    name = trial.contestant.entry.name
    info = _info(trial)
    if state == "reference":  # the published accuracy is that of the trained weights
        info = replace(info, accuracy=None, source_task=None)
    texts = None if trial.answer is None or state == "reference" else trial.answer.texts
    return Standing(rank, name, state, reason, info, trial.measured, difference, tied, speed, cost, texts)


def _reference(
    first: Contestant,
    best: Measured,
    question: Question,
    deadline: Deadline,
    *,
    items: int,
    among: NDArray[np.intp],
    run: Measure,
) -> Standing | None:
    """The first source's body with random weights, on the same items; None if it has no body or time is over."""
    twin = first.twin(question.seed)
    if not deadline.leaves(0.0):
        return None
    ((_, answer),) = run([twin], among, replace(question, profile=False))
    if answer.measured is None:
        return None
    difference = difference_from(best, answer.measured, question.groups, question.seed)
    trial = SourceTrial(twin, answer)
    return _standing(trial, items, "reference", difference=difference, tied=not difference.low > 0)


def _unencoded(trials: Sequence[SourceTrial]) -> list[str]:
    counts = {trial.contestant.entry.name: trial.answer.failures for trial in trials if trial.answer is not None}
    several = "; two sources are compared on the items that both encoded" if len(trials) > 1 else ""
    return [f"{count} of the items could not be encoded by {name}{several}." for name, count in counts.items() if count]


def _short(reasons: Sequence[str]) -> str:
    return "; ".join(" ".join(reason.split()).rstrip(".") for reason in reasons[:SHOWN]) + (
        "; ..." if len(reasons) > SHOWN else ""
    )


def _runner(
    contestants: Sequence[Contestant], items: Sequence[Any], context: RunContext
) -> AbstractContextManager[Measure]:
    """Measure one source after the other in this process, or several at once on a Ray cluster."""
    if context.engine.ray is None:
        return nullcontext(in_turn(context.reporter))
    from headstart.transfer.ranking.ray import on_cluster

    return on_cluster(contestants, items, context)
