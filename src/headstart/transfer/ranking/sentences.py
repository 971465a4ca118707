"""A ranking in sentences: why the first is first, which one is cheapest, and what the order does not rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.data.auditing.text_findings import how_unfamiliar, unfamiliar
from headstart.scores.registry import SOURCE_SCORES
from headstart.tasks import is_classification
from headstart.transfer.ranking.result import Standing, cheapest_of, times_cheaper
from headstart.types import Task

__all__ = ["joined", "notes_on", "what_to_take", "why_first"]


def why_first(ranked: Sequence[Standing], merit: str) -> str:
    """One sentence on why the first is first.

    Args:
        ranked: those that have a rank, in their order.
        merit: what the merit is called.

    Examples:
        >>> from headstart.evaluate.evaluation import Metric
        >>> import numpy as np
        >>> from headstart.transfer.ranking.measure import Measured
        >>> from headstart.types import SourceInfo
        >>> loss, right = Metric(0.12, 0.1, 0.2), Metric(0.95, 0.9, 0.97)
        >>> found = Measured(9, np.arange(9), np.zeros(9), loss, right, "lda", "last layer", None, None, {}, ())
        >>> why_first([Standing(1, "toy", "ranked", "", SourceInfo("toy", "text"), found, tied=True)], "accuracy")
        'toy is the only source that went the whole way: left-out loss 0.120, accuracy 0.950.'
    """
    first = ranked[0]
    measured = first.measured
    assert measured is not None  # noqa: S101 (what has a rank was measured)
    figures = f"left-out loss {measured.loss.value:.3f}, {merit} {measured.merit.value:.3f}"
    if len(ranked) == 1:
        return f"{first.source} is the only source that went the whole way: {figures}."
    least = min(ranked, key=_loss)
    others = [other.source for other in ranked[1:] if other.tied]
    if least is first:
        reason = f"{first.source} has the least {figures}"
    else:
        reason = (
            f"{first.source} ({figures}) cannot be told from {least.source}, which has the least loss "
            f"{_loss(least):.3f}, and stands before it by the other evidence"
        )
    beyond = [name for name in others if name != least.source] if least is not first else others
    told = f"; {joined(beyond)} cannot be told from it either" if beyond and least is not first else ""
    told = f"; {joined(beyond)} cannot be told from it" if beyond and least is first else told
    if not others:
        nearest = min((other for other in ranked[1:]), key=_loss)
        told = f"; the data tell it from all others, of which {nearest.source} comes next with {_loss(nearest):.3f}"
    return f"{reason}{told}."


def what_to_take(ranked: Sequence[Standing]) -> str:
    """One sentence on which source to take, and which one of the tie set where cost counts.

    Examples:
        >>> from headstart.types import SourceInfo
        >>> what_to_take([Standing(1, "toy", "ranked", "", SourceInfo("toy", "text"), tied=True)])
        'Take toy.'
    """
    first, cheap = ranked[0], cheapest_of(ranked)
    if cheap is not first:
        by_speed = cheap.speed is not None and first.speed is not None
        how = "cheaper to run" if by_speed else "smaller"
        times = times_cheaper(cheap, first)
        return f"Take {first.source}; {cheap.source}, in the tie set too, is {times:.1f} times {how}."
    if sum(other.tied for other in ranked) > 1:
        return f"Take {first.source}: no other of the tie set is clearly cheaper."
    return f"Take {first.source}."


def _loss(standing: Standing) -> float:
    return float("inf") if standing.measured is None else standing.measured.loss.value


def notes_on(ranked: Sequence[Standing], reference: Standing | None, task: Task, *, by_prior: bool) -> list[str]:
    """What else should be known of an order: what it rests on, and whether any source helps at all.

    Examples:
        >>> notes_on([], None, Task("regression", ("y",)), by_prior=True)[0]
        'Nearest neighbours are for single labels: this order rests on the left-out loss of solved heads.'
    """
    notes = []
    if not is_classification(task):
        notes.append("Nearest neighbours are for single labels: this order rests on the left-out loss of solved heads.")
    notes += [
        f"{one.source} {how_unfamiliar(one.texts, reasons)} these texts: {'; '.join(reasons)}."
        for one in ranked
        if one.texts is not None and (reasons := unfamiliar(one.texts))
    ]
    stated = [one.source for one in ranked if one.info.accuracy is not None]
    if by_prior:
        notes.append("Published accuracy counts as a third of the evidence among sources of one source task.")
    elif stated:
        notes.append(
            f"Published accuracy is known of {joined(stated)} only, or of other source tasks; it did not count."
        )
    elif ranked:
        notes.append("No published accuracy is known of any of these sources: the order rests on your data alone.")
    if reference is not None and reference.tied:
        notes.append(
            f"{reference.source}, a body of random weights, cannot be told from the best: what these sources have "
            "learnt does not show in these data."
        )
    return [*notes, *_without_head(ranked)]


def _without_head(ranked: Sequence[Standing]) -> list[str]:
    """Which scores could not be shown of which sources, for want of a classifier of their own."""
    lacking: dict[str, list[str]] = {}
    for one in ranked:
        scores = {} if one.measured is None else one.measured.scores
        for name in SOURCE_SCORES:
            if math.isnan(scores.get(name, 0.0)):
                lacking.setdefault(name, []).append(one.source)
    return [
        f"{name} asks what the classifier that a body was pretrained with says, and {joined(sources)} came without one."
        for name, sources in lacking.items()
    ]


def joined(names: Sequence[str]) -> str:
    """Names in a row with "and" before the last.

    Examples:
        >>> joined(["a", "b", "c"])
        'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
