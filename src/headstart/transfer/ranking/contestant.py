"""One source in a ranking: opened on its first measurement, and encoded only as far as its samples reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.token_counts import TextFacts
from headstart.engine.capabilities import ReadyRows, runtime_of
from headstart.engine.options import Engine
from headstart.errors import HeadstartError, SourceError
from headstart.reporting import Progress
from headstart.scores.registry import SOURCE_SCORES
from headstart.sources import open_source
from headstart.sources.bodies.trainable import body_key
from headstart.sources.transformers.tokenizing import read_by
from headstart.tasks import is_classification
from headstart.transfer.ranking.growing_rows import GrowingRows
from headstart.transfer.ranking.kept_results import kept_or_computed, result_key
from headstart.transfer.ranking.limits import ANY, Limits
from headstart.transfer.ranking.measure import Measured, Question, measure, source_scores
from headstart.transfer.ranking.speed import Speed, keep_speed, kept_speed
from headstart.types import Modality, Source, SourceInfo

__all__ = ["Answer", "Contestant", "Entry"]


@dataclass(frozen=True)
class Entry:
    """A candidate source of a ranking, not opened yet if it is given by name.

    Attributes:
        name: its name in the ranking, unique there.
        source: an open source, or None to open the one of that name.
        modality: of the items.
        info: what is known without opening it.
        limits: on size and licence; checked again once it is open, because its size may only be known then.
        untrained: seed of the random weights that replace its own; None keeps them.

    Examples:
        >>> Entry("toy", None, "text", SourceInfo("toy", "text")).untrained is None
        True
    """

    name: str
    source: Source | None
    modality: Modality
    info: SourceInfo
    limits: Limits = ANY
    untrained: int | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """The result of measuring a source on a sample.

    Attributes:
        measured: its losses and metrics; None if it failed or is excluded.
        reason: why it was not measured; empty if it was.
        excluded: whether a limit excludes it, as opposed to a failure.
        info: what is known once it is open.
        speed: encoding speed of its body, now or earlier; None if it did not run or has no body.
        failures: number of items that it could not encode.
        texts: how it reads the items, if they are texts.

    Examples:
        >>> Answer(reason="it is broken").measured is None
        True
    """

    measured: Measured | None = None
    reason: str = ""
    excluded: bool = False
    info: SourceInfo | None = None
    speed: Speed | None = None
    failures: int = 0
    texts: TextFacts | None = None


class Contestant:
    """A candidate source with the rows that it has encoded so far.

    Args:
        entry: which source.
        items: all n items.
        engine: how they are encoded.

    Attributes:
        entry: as given.
        rows: its rows; None until it is opened.

    Examples:
        >>> from headstart.types import Task
        >>> items, y = ["good film", "bad film"] * 6, np.array([0, 1] * 6)
        >>> entrant = Contestant(Entry("toy", None, "text", SourceInfo("toy", "text")), items, Engine(cache=False))
        >>> asked = Question(Task("classification", ("good", "bad")), y, np.arange(12))
        >>> entrant.answer(np.arange(12), asked).measured.merit.value
        1.0
    """

    def __init__(self, entry: Entry, items: Sequence[Any], engine: Engine) -> None:
        self.entry, self._items, self._engine = entry, items, engine
        self.rows: GrowingRows | None = None

    def answer(self, positions: NDArray[np.intp], question: Question, progress: Progress | None = None) -> Answer:
        """Open, encode and measure; a failure becomes a reason, so that the other sources continue.

        Args:
            positions: (m,) positions of the sample, ascending.
            question: labels and what to measure.
            progress: called with (items done, items in all, how) while encoding.
        """
        try:
            used, rows, info, speed = self._encoded(positions, progress)
            against = self.entry.limits.refuses(info)
            if against is not None:
                return Answer(reason=against, excluded=True, info=info)
            _check_classes(question, used, rows)
            found = self._measured(rows, used, info, question)
        except HeadstartError as error:
            return Answer(reason=str(error))
        except MemoryError:
            return Answer(reason="it needs more memory than is available")
        rows.release()
        texts = read_by(rows.source, [self._items[k] for k in used]) if self.entry.modality == "text" else None
        return Answer(found, info=info, speed=speed, failures=len(rows.failures), texts=texts)

    def _measured(self, grown: GrowingRows, used: NDArray[np.intp], info: SourceInfo, question: Question) -> Measured:
        rows = grown.rows(used)

        def fresh() -> Measured:
            found = measure(rows, used, info.blocks, question)
            further = source_scores(grown.source, self._items, used, question)
            return replace(found, scores={name: ({**found.scores, **further})[name] for name in question.scores})

        if not self._engine.cache:
            return fresh()
        # the rows do not identify the source's own classifier, on which these scores depend
        head = body_key(grown.source) if set(question.scores) & set(SOURCE_SCORES) else ""
        return kept_or_computed(result_key(rows, used, info.blocks, question, head), info.name, fresh)

    def _encoded(
        self, positions: NDArray[np.intp], progress: Progress | None
    ) -> tuple[NDArray[np.intp], GrowingRows, SourceInfo, Speed | None]:
        """The positions that have a row now; none if a limit excludes the source."""
        try:
            rows = self.growing()
            if self.entry.limits.refuses(rows.source.info) is not None:
                return positions[:0], rows, rows.source.info, None
            used = rows.grow(positions, progress)
        except (HeadstartError, MemoryError):
            raise
        except Exception as error:  # a source may be third-party code, which may raise anything
            raise SourceError(f"{type(error).__name__}: {error}") from error
        info = rows.source.info  # read after encoding: some sources know their widths only from the first batch
        return used, rows, info, self._speed(info)

    def growing(self) -> GrowingRows:
        """Its rows; opens the source on the first call."""
        if self.rows is None:
            self.rows = GrowingRows(self._opened(), self._items, self._engine)
        return self.rows

    def _opened(self) -> Source:
        entry = self.entry
        source = entry.source or open_source(entry.info.name, modality=entry.modality)
        if source.info.modality != entry.modality:
            raise SourceError(f"it encodes {source.info.modality} items, but the data hold {entry.modality} items")
        if entry.untrained is None:
            return source
        twin = source.untrained(entry.untrained)
        if twin is None:
            raise SourceError("it has no body whose weights could be random")
        return twin

    def _speed(self, info: SourceInfo) -> Speed | None:
        rows = self.rows
        if rows is None or isinstance(rows.source, ReadyRows):  # the items are the rows: nothing is encoded
            return None
        if not rows.encoded:
            return kept_speed(info, self._engine.backend)
        speed = Speed(rows.encoded / rows.seconds, rows.encoded, str(runtime_of(rows.source)))
        if self._engine.cache:
            keep_speed(info, self._engine.backend, speed)
        return speed

    def twin(self, seed: int) -> Contestant:
        """The same body with random weights."""
        info = replace(self.entry.info, name=f"{self.entry.name} (untrained)")
        source = self.rows.source if self.rows is not None else self.entry.source
        named = replace(self.entry, name=info.name, source=source, limits=ANY, untrained=seed)
        return Contestant(named, self._items, self._engine)


def _check_classes(question: Question, used: NDArray[np.intp], rows: GrowingRows) -> None:
    if len(used) < 2:
        why = next(iter(rows.failures.values()), "no reason was given")
        raise SourceError(f"it could encode only {len(used)} of the items: {why}")
    if is_classification(question.task) and len(np.unique(question.y[used])) < 2:
        raise SourceError("it could encode items of one class only")
