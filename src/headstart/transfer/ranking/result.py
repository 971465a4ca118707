"""What a ranking gives: a standing for each source, and what can be said of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headstart.data.auditing.token_counts import TextFacts
from headstart.evaluate.evaluation import Metric
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import base_kind
from headstart.transfer.ranking.figures import MERITS
from headstart.transfer.ranking.measure import Measured
from headstart.transfer.ranking.speed import Speed
from headstart.types import SourceInfo, Task

__all__ = ["Ranking", "Standing", "cheapest_of", "times_cheaper"]

SHOWN = 10  # sources in the text of a ranking
CHEAPER = 1.25  # from which factor on a difference of speed is worth a word


@dataclass(frozen=True, eq=False)
class Standing:
    """One source in a ranking.

    Attributes:
        rank: its place from 1; None where it has none.
        source: its name.
        state: ``"ranked"``, ``"reference"`` (an untrained body), ``"stopped"`` (hopeless, or out of time),
            ``"excluded"`` (by a limit) or ``"failed"``.
        reason: why it has no rank; empty where it has one.
        info: what is known about it.
        measured: left-out evidence, of all items or of the sample at which it stopped; None where it has none.
        difference: its mean loss minus the least one, with the interval of the paired bootstrap; None where it stopped.
        tied: whether the data cannot tell it from the one of least loss.
        speed: how fast it encodes on this machine; None where that is not known.
        cost: seconds that encoding all items takes; None where that is not known.
        texts: how it reads the items, where they are texts and it was measured.

    Examples:
        >>> Standing(None, "toy", "excluded", "its publisher states no licence", SourceInfo("toy", "text")).tied
        False
    """

    rank: int | None
    source: str
    state: str
    reason: str
    info: SourceInfo
    measured: Measured | None = None
    difference: Metric | None = None
    tied: bool = False
    speed: Speed | None = None
    cost: float | None = None
    texts: TextFacts | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rank": self.rank,
            "source": self.source,
            "state": self.state,
            "reason": self.reason,
            **_measured(self.measured),
            "difference": None if self.difference is None else self.difference.to_dict(),
            "tied": self.tied,
            "license": self.info.license,
            "parameters": self.info.parameters,
            "items_per_second": None if self.speed is None else self.speed.items_per_second,
            "form": None if self.speed is None else self.speed.form,
            "encoding_seconds": self.cost,
            "published_accuracy": self.info.accuracy,
            "source_task": self.info.source_task,
            "languages": list(self.info.languages),
            "unknown_tokens": None if self.texts is None else self.texts.unknown,
            "pieces_per_word": None if self.texts is None else self.texts.pieces_per_word,
        }


def _measured(found: Measured | None) -> dict[str, Any]:
    if found is None:
        return dict.fromkeys(("items", "merit", "log_loss", "neighbours", "neighbours_accuracy", "head", "features"))
    return {
        "items": found.items,
        "merit": found.merit.to_dict(),
        "log_loss": found.loss.to_dict(),
        "neighbours": found.neighbours,
        "neighbours_accuracy": found.neighbours_accuracy,
        "head": found.head,
        "features": found.features,
        "scores": dict(found.scores),
        "profile": [asdict(worth) for worth in found.profile],
    }


@dataclass(frozen=True, eq=False)
class Ranking:
    """Sources in the order of their worth for some labelled items, and how sure that order is.

    Attributes:
        standings: the ranked ones first, in their order, then reference, stopped, excluded and failed ones.
        task: the label schema.
        items: how many items the order rests on.
        how: which items these are, in one sentence.
        why: why the first is first, in one sentence.
        advice: which source to take, and which one where cost counts, in one sentence.
        notes: what else should be known, in one sentence each.
        seconds: wall time.

    Examples:
        >>> import headstart
        >>> texts, moods = ["good film", "lovely day", "bad film", "awful day"] * 5, ["good", "good", "bad", "bad"] * 5
        >>> ranking = headstart.rank((texts, moods), ["toy"], untrained=False)
        >>> ranking.first.source, ranking.tie_set, ranking.cheapest.source
        ('toy', ('toy',), 'toy')
    """

    standings: tuple[Standing, ...]
    task: Task
    items: int
    how: str
    why: str
    advice: str
    notes: tuple[str, ...]
    seconds: float

    def __repr__(self) -> str:
        """The sources in their order, one a line, and why."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = []
        for standing in self.standings[:SHOWN]:
            found, tie = standing.measured, ", tie" if standing.tied else ""
            place = standing.state if standing.rank is None else str(standing.rank)
            told = standing.reason if found is None else f"{self.merit} {found.merit}, left-out loss {found.loss}{tie}"
            shown.append((place, f"{standing.source}: {told}"))
        more = len(self.standings) - len(shown)
        shown += [("", f"and {more} more in .standings")] if more else []
        return f"Ranking of {len(self.standings)} sources on {self.items:,} items", [*shown, ("why", self.why)]

    @property
    def ranked(self) -> tuple[Standing, ...]:
        """Those that have a rank, the first one first."""
        return tuple(standing for standing in self.standings if standing.rank is not None)

    @property
    def first(self) -> Standing:
        """The first one."""
        return self.standings[0]

    @property
    def tie_set(self) -> tuple[str, ...]:
        """Names of those that the data cannot tell from the one of least loss, the first one among them."""
        return tuple(standing.source for standing in self.ranked if standing.tied)

    @property
    def cheapest(self) -> Standing:
        """The cheapest of the tie set, where it is cheaper by a quarter or more; else the first one."""
        return cheapest_of(self.ranked)

    @property
    def merit(self) -> str:
        """What ``merit`` of a source is: accuracy, label accuracy or R²."""
        return MERITS[base_kind(self.task)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": asdict(self.task),
            "items": self.items,
            "how": self.how,
            "first": self.first.source,
            "tie_set": list(self.tie_set),
            "cheapest": self.cheapest.source,
            "why": self.why,
            "advice": self.advice,
            "merit": self.merit,
            "sources": [standing.to_dict() for standing in self.standings],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }

    def rows(self) -> list[Mapping[str, Any]]:
        """One flat row a source, for a table."""
        return [_flat(standing) for standing in self.standings]


def _flat(standing: Standing) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in standing.to_dict().items():
        if key in ("merit", "log_loss", "difference"):
            for part in ("value", "low", "high"):
                found[f"{key}_{part}"] = None if value is None else value[part]
        elif key == "scores":
            found |= value
        elif key != "profile":
            found[key] = value
    return found


def cheapest_of(ranked: Sequence[Standing]) -> Standing:
    """The cheapest source of the tie set; the first one where no other is cheaper by a quarter.

    Examples:
        >>> from headstart.transfer.ranking.speed import Speed
        >>> def standing(rank, name, speed):
        ...     info = SourceInfo(name, "text")
        ...     return Standing(rank, name, "ranked", "", info, tied=True, speed=Speed(speed, 100, ""))
        >>> cheapest_of([standing(1, "slow", 10.0), standing(2, "fast", 30.0)]).source
        'fast'
    """
    first = ranked[0]
    factors = [times_cheaper(other, first) for other in ranked]
    tied = [k for k, other in enumerate(ranked) if other.tied]
    best = max(tied, key=lambda k: factors[k], default=0)
    return ranked[best] if factors[best] >= CHEAPER else first


def times_cheaper(other: Standing, first: Standing) -> float:
    """By which factor another source is cheaper: by its speed, or where one is not known by its size.

    Examples:
        >>> small, large = SourceInfo("a", "text", parameters=10), SourceInfo("b", "text", parameters=30)
        >>> times_cheaper(Standing(1, "a", "ranked", "", small), Standing(2, "b", "ranked", "", large))
        3.0
    """
    if other.speed is not None and first.speed is not None:
        return other.speed.items_per_second / first.speed.items_per_second
    if other.info.parameters and first.info.parameters:
        return first.info.parameters / other.info.parameters
    return 1.0
