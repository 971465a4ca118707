"""Sentences that summarise a ranking: why the first source is first, which one is cheapest, and the caveats."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.data.auditing.text_findings import how_unfamiliar, unfamiliar
from headstart.scores.registry import SOURCE_SCORES
from headstart.tasks import is_classification
from headstart.transfer.ranking.result import Standing, cheapest_of, times_cheaper
from headstart.types import Task

__all__ = ["joined", "notes_on", "what_to_take", "why_first"]


def why_first(ranked: Sequence[Standing], metric: str, *, alone: bool = False) -> str:
    """One sentence on why the first source is first.

    Args:
        ranked: the ranked sources, in order.
        metric: name of the main metric.
        alone: whether there was no other candidate, so that nothing was compared.

    Examples:
        >>> from headstart.evaluate.evaluation import Metric
        >>> import numpy as np
        >>> from headstart.transfer.ranking.measure import Measured
        >>> from headstart.types import SourceInfo
        >>> loss, right = Metric(0.12, 0.1, 0.2), Metric(0.95, 0.9, 0.97)
        >>> found = Measured(9, np.arange(9), np.zeros(9), loss, right, "lda", "last layer", None, None, {}, ())
        >>> why_first([Standing(1, "toy", "ranked", "", SourceInfo("toy", "text"), found, tied=True)], "accuracy")
        'toy is the only source that was measured on all items: leave-one-out loss 0.120, accuracy 0.950.'
    """
    first = ranked[0]
    measured = first.measured
    assert measured is not None  # noqa: S101 (what has a rank was measured)
    figures = f"leave-one-out loss {measured.loss.value:.3f}, {metric} {measured.merit.value:.3f}"
    if alone:
        return f"{first.source} is the only candidate, so it was measured but not compared: {figures}."
    if len(ranked) == 1:
        return f"{first.source} is the only source that was measured on all items: {figures}."
    least = min(ranked, key=_loss)
    others = [other.source for other in ranked[1:] if other.tied]
    if least is first:
        reason = f"{first.source} has the lowest {figures}"
    else:
        reason = (
            f"{first.source} ({figures}) is tied with {least.source}, which has the lowest loss {_loss(least):.3f}, "
            "and comes first by the other evidence"
        )
    beyond = [name for name in others if name != least.source] if least is not first else others
    ties = f"; {joined(beyond)} {'is' if len(beyond) == 1 else 'are'} tied with it" if beyond else ""
    ties = f"{ties} too" if beyond and least is not first else ties
    if not others:
        nearest = min((other for other in ranked[1:]), key=_loss)
        ties = (
            f"; the data distinguish it from all others, of which {nearest.source} comes next with {_loss(nearest):.3f}"
        )
    return f"{reason}{ties}."


def what_to_take(ranked: Sequence[Standing]) -> str:
    """One sentence on which source to take, and which one of the tie set if cost matters.

    Args:
        ranked: the ranked sources, in order.

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
        return f"Take {first.source}; {cheap.source}, also in the tie set, is {times:.1f} times {how}."
    if sum(other.tied for other in ranked) > 1:
        return f"Take {first.source}: no other source of the tie set is clearly cheaper."
    return f"Take {first.source}."


def _loss(standing: Standing) -> float:
    return float("inf") if standing.measured is None else standing.measured.loss.value


def notes_on(ranked: Sequence[Standing], reference: Standing | None, task: Task, *, by_prior: bool) -> list[str]:
    """Caveats of an order: which evidence it uses, and whether any source helps at all.

    Args:
        ranked: the ranked sources, in order.
        reference: the first source's body with random weights, if it was measured.
        task: the label schema.
        by_prior: whether published accuracies were used.

    Examples:
        >>> from headstart.types import SourceInfo
        >>> both = [Standing(k, name, "ranked", "", SourceInfo(name, "text")) for k, name in enumerate("ab", 1)]
        >>> notes_on(both, None, Task("regression", ("y",)), by_prior=True)[0]
        'Nearest neighbours need single labels: this order uses the leave-one-out loss of closed-form heads only.'
        >>> notes_on(both[:1], None, Task("regression", ("y",)), by_prior=False)
        []
    """
    notes = []
    if len(ranked) > 1 and not is_classification(task):
        notes.append(
            "Nearest neighbours need single labels: this order uses the leave-one-out loss of closed-form heads only."
        )
    notes += [
        f"{one.source} {how_unfamiliar(one.texts, reasons)} these texts: {'; '.join(reasons)}."
        for one in ranked
        if one.texts is not None and (reasons := unfamiliar(one.texts))
    ]
    if len(ranked) > 1:
        notes.append(_on_published(ranked, by_prior=by_prior))
    if reference is not None and reference.tied:
        tied, learnt = ("the best", "these sources have") if len(ranked) > 1 else ("it", f"{ranked[0].source} has")
        notes.append(
            f"{reference.source}, a body with random weights, is tied with {tied}: these data do not show any "
            f"benefit of what {learnt} learnt."
        )
    return [*notes, *_without_head(ranked)]


def _on_published(ranked: Sequence[Standing], *, by_prior: bool) -> str:
    if by_prior:
        return "Published accuracy counts as a third of the evidence among sources of the same source task."
    stated = [one.source for one in ranked if one.info.accuracy is not None]
    if stated:
        return f"Published accuracy is known for {joined(stated)} only, or for different source tasks; it was not used."
    return "No published accuracy is known for any of these sources: the order is based on your data alone."


def _without_head(ranked: Sequence[Standing]) -> list[str]:
    """Which scores are missing for which sources, because these have no classifier of their own."""
    lacking: dict[str, list[str]] = {}
    for one in ranked:
        scores = {} if one.measured is None else one.measured.scores
        for name in SOURCE_SCORES:
            if math.isnan(scores.get(name, 0.0)):
                lacking.setdefault(name, []).append(one.source)
    return [
        f"{name} needs the classifier that a body was pretrained with, and {joined(sources)} came without one."
        for name, sources in lacking.items()
    ]


def joined(names: Sequence[str]) -> str:
    """Names separated by commas, with "and" before the last.

    Examples:
        >>> joined(["a", "b", "c"])
        'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
