"""The result of a ranking: a standing for each source, and the summary of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headstart.data.auditing.token_counts import TextFacts
from headstart.evaluate.evaluation import Metric
from headstart.reporting.summary import summary_text, table_html
from headstart.tasks import base_kind
from headstart.transfer.ranking.figures import METRIC_NAMES
from headstart.transfer.ranking.measure import Measured
from headstart.transfer.ranking.speed import Speed
from headstart.types import SourceInfo, Task

__all__ = ["Ranking", "Standing", "cheapest_of", "times_cheaper"]

SHOWN = 10  # sources in the text of a ranking
CHEAPER = 1.25  # factor of speed (or size) from which another source is reported as cheaper


@dataclass(frozen=True, eq=False)
class Standing:
    """One source in a ranking.

    Attributes:
        rank: its rank from 1; None if it has none.
        source: its name.
        state: ``"ranked"``, ``"reference"`` (an untrained body), ``"stopped"`` (clearly worse, or out of time),
            ``"excluded"`` (by a limit) or ``"failed"``.
        reason: why it has no rank; empty if it has one.
        info: what is known about it.
        measured: its results on all items, or on the sample at which it stopped; None if it was not measured.
        difference: its mean loss minus the lowest, with the 95% interval of the paired bootstrap; None if it stopped.
        tied: whether the data cannot distinguish it from the source of lowest loss.
        speed: encoding speed on this machine; None if unknown.
        cost: seconds for encoding all items; None if unknown.
        texts: how it reads the items, if they are texts and it was measured.

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
    """Sources ordered by how well they serve some labelled items, with the uncertainty of that order.

    Attributes:
        standings: the ranked sources in order, then the reference, then stopped, excluded and failed ones.
        task: the label schema.
        items: number of items that the order is based on.
        how: which items these are, in one sentence.
        why: why the first source is first, in one sentence.
        advice: which source to take, and which one if cost matters, in one sentence.
        notes: caveats, one sentence each.
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
        """The sources in order, one per line, and the reason."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook, one row per source."""
        header = ("rank", "source", self.merit, "leave-one-out loss", "parameters", "licence", "")
        rows = [self._cells(standing) for standing in self.standings[:SHOWN]]
        more = len(self.standings) - len(rows)
        notes = [*([f"and {more} more in .standings"] if more else []), self.why, self.advice, *self.notes]
        return table_html(self._facts()[0], header, rows, [note for note in notes if note])

    def _cells(self, standing: Standing) -> tuple[str, ...]:
        found, size = standing.measured, standing.info.parameters
        place = standing.state if standing.rank is None else str(standing.rank)
        figures = (str(found.merit), str(found.loss)) if found else ("", "")
        tie = "in the tie set" if standing.tied and self.has_ties else standing.reason
        return place, standing.source, *figures, f"{size / 1e6:.1f} M" if size else "", standing.info.license or "", tie

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = []
        for standing in self.standings[:SHOWN]:
            found, tie = standing.measured, ", tie" if standing.tied and self.has_ties else ""
            place = standing.state if standing.rank is None else str(standing.rank)
            figures = f"{self.merit} {found.merit}, leave-one-out loss {found.loss}{tie}" if found else standing.reason
            shown.append((place, f"{standing.source}: {figures}"))
        more = len(self.standings) - len(shown)
        shown += [("", f"and {more} more in .standings")] if more else []
        count = sum(standing.state != "reference" for standing in self.standings)
        title = f"Ranking of {count} sources" if count > 1 else f"Figures of {self.first.source}"
        return f"{title} on {self.items:,} items", [*shown, ("why", self.why)]

    @property
    def ranked(self) -> tuple[Standing, ...]:
        """The sources that have a rank, in order."""
        return tuple(standing for standing in self.standings if standing.rank is not None)

    @property
    def first(self) -> Standing:
        """The source of rank 1."""
        return self.standings[0]

    @property
    def tie_set(self) -> tuple[str, ...]:
        """Names of the sources that the data cannot distinguish from the one of lowest loss, including the first."""
        return tuple(standing.source for standing in self.ranked if standing.tied)

    @property
    def has_ties(self) -> bool:
        """Whether the data cannot distinguish two or more standings, a reference among them."""
        return sum(standing.tied for standing in self.standings) > 1

    @property
    def cheapest(self) -> Standing:
        """The cheapest of the tie set, if it is at least 1.25 times as cheap as the first one; else the first one."""
        return cheapest_of(self.ranked)

    @property
    def merit(self) -> str:
        """Name of the main metric that ``merit`` of a source holds: accuracy, label accuracy or R²."""
        return METRIC_NAMES[base_kind(self.task)]

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
        """One flat row per source, for a table."""
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
    """The cheapest source of the tie set; the first one unless another is at least 1.25 times as cheap.

    Args:
        ranked: the ranked sources, in order.

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
    """By which factor another source is cheaper: by measured speed, or by size if a speed is unknown; else 1.

    Args:
        other: any source of the ranking.
        first: the source of rank 1.

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
