"""A ranking of audited items: entries, samples, the race, the order, and what is told of it."""

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
from headstart.transfer.ranking.figures import MERITS
from headstart.transfer.ranking.limits import ANY, Limits
from headstart.transfer.ranking.measure import Measured, Question
from headstart.transfer.ranking.order import Known, difference_from, order_sources
from headstart.transfer.ranking.result import Ranking, Standing
from headstart.transfer.ranking.sentences import notes_on, what_to_take, why_first
from headstart.transfer.ranking.successive_halving import Deadline, Lane, Measure, in_turn, race, samples
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.prepare import Audited
from headstart.types import SourceInfo

__all__ = ["RankOptions", "Ranked", "RankingItems", "given_part", "rank_audited"]

SHOWN = 6  # reasons in an error


@dataclass(frozen=True)
class RankOptions:
    """What a ranking is asked to do; the words are those of `headstart.rank`.

    Attributes:
        limits: what a source may be.
        scores: further scores to show.
        profile: whether each block is scored alone.
        untrained: whether the first body is measured with random weights too.

    Examples:
        >>> RankOptions(scores=("leep",)).untrained
        True
    """

    limits: Limits = ANY
    scores: tuple[str, ...] = ()
    profile: bool = False
    untrained: bool = True


@dataclass(frozen=True, eq=False)
class RankingItems:
    """The items that a ranking may look at.

    Attributes:
        rows: their positions, ascending.
        how: which they are, in one sentence.

    Examples:
        >>> len(RankingItems(np.arange(12), "all 12 items").rows)
        12
    """

    rows: NDArray[np.intp]
    how: str


@dataclass(frozen=True, eq=False)
class Ranked:
    """A ranking and the first source, with the rows that it has given.

    Attributes:
        ranking: the ranking.
        first: the first source.
    """

    ranking: Ranking
    first: Contestant


def given_part(audited: Audited) -> RankingItems:
    """The items that a ranking may look at: all but the held-out part of a split that the data give.

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
    return RankingItems(
        train, f"the {len(train)} items of the given training part; the held-out part was not looked at"
    )


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
        described: the sources; None for all at hand.
        part: the items that may be looked at.
        options: what is asked.
        context: how items are encoded, the seed of draws and resamples, and the time that there is.

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
    # None where every item stands alone: rows are then left out by a closed form
    groups = units if len(np.unique(units[among])) < len(among) else None
    question = Question(task, y, groups, options.scores, options.profile, seed)
    contestants = [Contestant(entry, dataset.items, context.engine) for entry in entries]
    left = context.clock.left()
    deadline = Deadline.within(None if left is None else max(0.0, left))
    with _runner(contestants, dataset.items, context) as run:
        lanes = race(contestants, samples(y, base_kind(task), units, among, seed), question, run, deadline)
    finished = _finished(lanes)
    if not finished:
        reasons = [f"{lane.contestant.entry.name}: {lane.stopped}" for lane in lanes]
        reasons += [f"{entry.name}: {reason}" for entry, reason in out]
        raise SourceError(f"None of the {len(reasons)} sources could be measured ({_short(reasons)}).")
    found = [lane.measured for lane in finished if lane.measured is not None]
    order = order_sources(found, [_known(lane) for lane in finished], groups, seed)
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
    rest = [_standing(lane, len(dataset), _state(lane)) for lane in lanes if lane not in finished]
    rest += [Standing(None, entry.name, "excluded", reason, entry.info) for entry, reason in out]
    ranking = Ranking(
        standings=(*ranked, *([reference] if reference else []), *rest),
        task=task,
        items=found[0].items,
        how=part.how,
        why=why_first(ranked, MERITS[base_kind(task)]),
        advice=what_to_take(ranked),
        notes=(*_unencoded(finished), *notes_on(ranked, reference, task, by_prior=order.by_prior)),
        seconds=context.clock.elapsed,
    )
    return Ranked(ranking, first)


def _finished(lanes: Sequence[Lane]) -> list[Lane]:
    """Those that came furthest: to the last sample, or where time ran out to the largest that any was measured on."""
    sizes = [lane.measured.items for lane in lanes if lane.measured is not None]
    going = [lane for lane in lanes if lane.measured is not None and not lane.stopped]
    if going or not sizes:
        return going
    late = [lane for lane in lanes if lane.measured is not None and not lane.stopped.startswith("hopeless")]
    furthest = max(lane.measured.items for lane in late if lane.measured)
    return [lane for lane in late if lane.measured and lane.measured.items >= furthest]


def _known(lane: Lane) -> Known:
    info = _info(lane)
    return Known(info.accuracy, info.source_task)


def _info(lane: Lane) -> SourceInfo:
    answer = lane.answer
    return lane.contestant.entry.info if answer is None or answer.info is None else answer.info


def _state(lane: Lane) -> str:
    if lane.answer is not None and lane.answer.excluded:
        return "excluded"
    if lane.measured is not None or lane.answer is None:
        return "stopped"
    return "failed"


def _standing(
    lane: Lane,
    items: int,
    state: str,
    *,
    rank: int | None = None,
    difference: Metric | None = None,
    tied: bool = False,
) -> Standing:
    speed = None if lane.answer is None else lane.answer.speed
    reason = "" if state in ("ranked", "reference") else lane.stopped
    cost = None if speed is None else speed.seconds_for(items)
    name = lane.contestant.entry.name
    info = _info(lane)
    if state == "reference":  # what is published was reached with trained weights
        info = replace(info, accuracy=None, source_task=None)
    texts = None if lane.answer is None or state == "reference" else lane.answer.texts
    return Standing(rank, name, state, reason, info, lane.measured, difference, tied, speed, cost, texts)


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
    """The first source's body with random weights, on the same items; None where there is no such thing, or no time."""
    twin = first.twin(question.seed)
    if not deadline.leaves(0.0):
        return None
    ((_, answer),) = run([twin], among, replace(question, profile=False))
    if answer.measured is None:
        return None
    difference = difference_from(best, answer.measured, question.groups, question.seed)
    lane = Lane(twin, answer)
    return _standing(lane, items, "reference", difference=difference, tied=not difference.low > 0)


def _unencoded(lanes: Sequence[Lane]) -> list[str]:
    counts = {lane.contestant.entry.name: lane.answer.failures for lane in lanes if lane.answer is not None}
    return [
        f"{count} of the items could not be encoded by {name}; losses are compared on what two sources share."
        for name, count in counts.items()
        if count
    ]


def _short(reasons: Sequence[str]) -> str:
    return "; ".join(" ".join(reason.split()).rstrip(".") for reason in reasons[:SHOWN]) + (
        "; ..." if len(reasons) > SHOWN else ""
    )


def _runner(
    contestants: Sequence[Contestant], items: Sequence[Any], context: RunContext
) -> AbstractContextManager[Measure]:
    """One source after the other here, or several at once on a Ray cluster."""
    if context.engine.ray is None:
        return nullcontext(in_turn(context.reporter))
    from headstart.transfer.ranking.ray import on_cluster

    return on_cluster(contestants, items, context)
