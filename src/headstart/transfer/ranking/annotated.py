"""Which source serves annotated items best: the main metric of the closed-form head on left-out training items."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.errors import HeadstartError, SourceError
from headstart.reporting.wording import plural
from headstart.sources import open_source
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.transfer.annotating.contract import ANNOTATING
from headstart.transfer.ranking.entries import Described, make_entries
from headstart.transfer.ranking.limits import Limits
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset, Source, SourceInfo

__all__ = ["AnnotationRanking", "AnnotationStanding", "rank_annotations"]

NO_LIMITS = Limits()
MOST_ITEMS = {"token": 800, "box": 200, "mask": 100}
"""Items of a comparison at most: pictures have hundreds of rows each."""


@dataclass(frozen=True)
class AnnotationStanding:
    """A source in a ranking.

    Attributes:
        source: its name.
        value: the main metric on left-out training items; None where it could not be measured.
        seconds: wall time of encoding and solving.
        info: what is known about the source.
        reason: why it could not be measured; empty where it was.

    Examples:
        >>> AnnotationStanding("toy", 0.5, 0.1, SourceInfo("toy", "text")).reason
        ''
    """

    source: str
    value: float | None
    seconds: float
    info: SourceInfo
    reason: str = ""


@dataclass(frozen=True)
class AnnotationRanking:
    """Sources for annotated items, best first.

    Attributes:
        metric: the main metric of the task.
        standings: the sources; those that could not be measured are last.
        how: on which items they were compared, in a sentence.

    Examples:
        >>> one = AnnotationStanding("toy", 0.5, 0.1, SourceInfo("toy", "text"))
        >>> AnnotationRanking("span_f1", (one,), "12 sentences").to_dict()["standings"][0]["span_f1"]
        0.5
    """

    metric: str
    standings: tuple[AnnotationStanding, ...]
    how: str

    @property
    def first(self) -> AnnotationStanding:
        """The best source."""
        return self.standings[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rows = [
            {
                "source": one.source, self.metric: one.value, "seconds": one.seconds, "parameters": one.info.parameters,
                "license": one.info.license, "reason": one.reason,
            }
            for one in self.standings
        ]  # fmt: skip
        return {"metric": self.metric, "how": self.how, "standings": rows}

    def rows(self) -> list[Mapping[str, Any]]:
        """A row for each source, as in `to_dict`."""
        return list(self.to_dict()["standings"])


def rank_annotations(
    dataset: Dataset, described: Sequence[Described] | None, context: RunContext, limits: Limits = NO_LIMITS
) -> tuple[AnnotationRanking, Source]:
    """Compare sources on annotated items, each by its closed-form head on left-out groups.

    Args:
        dataset: annotated items; of data with a split only the training part counts.
        described: the candidates; None for all that are installed or cached.
        context: of the run; after its time limit no further source is started.
        limits: on size and licence.

    Returns:
        The ranking, and the best source, opened.

    Raises:
        SourceError: if none could be measured, with the first reason.

    Examples:
        >>> from headstart import rank
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> found = rank(made_sentences(12), ["toy"], verbose=False)
        >>> found.first.source, found.metric
        ('toy', 'span_f1')
    """
    task, _ = dataset.labelled()
    methods, about = ANNOTATING[task.kind], ANNOTATION_TASKS[task.kind]
    sample = _sample(dataset, context.seed)
    entries, out = make_entries(described, dataset.modality, limits)
    standings = [AnnotationStanding(entry.name, None, 0.0, entry.info, f"not compared: {why}") for entry, why in out]
    opened: dict[str, Source] = {}
    for entry in entries:
        if context.clock.is_over and opened:
            standings.append(AnnotationStanding(entry.name, None, 0.0, entry.info, "not compared: the time is over"))
            continue
        began = time.perf_counter()
        try:
            with context.reporter.progress(f"measuring {entry.name}"):
                source = open_source(entry.name) if entry.source is None else entry.source
                value = methods.solve(sample, source, context).left_out
            opened[entry.name] = source
            reason = "" if value is not None else "its head has no figure on left-out items"
        except HeadstartError as error:
            value, reason = None, str(error)
        standings.append(AnnotationStanding(entry.name, value, time.perf_counter() - began, entry.info, reason))
    standings.sort(key=lambda one: -np.inf if one.value is None else one.value, reverse=True)
    if standings[0].value is None:
        raise SourceError(f"None of the {plural(len(standings), 'source')} could be measured: {standings[0].reason}")
    ranking = AnnotationRanking(
        about.main_metric,
        tuple(standings),
        f"{len(sample):,} {about.item}s, judged by closed-form heads that were fitted without them",
    )
    return ranking, opened[ranking.first.source]


def _sample(dataset: Dataset, seed: int) -> Dataset:
    """At most so many items of the training part, always the same ones."""
    rows = np.arange(len(dataset))
    if dataset.split is not None and "train" in dataset.split:
        rows = np.flatnonzero(dataset.split == "train")
    most = MOST_ITEMS[dataset.labelled()[0].kind]
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return dataset.take(rows)
