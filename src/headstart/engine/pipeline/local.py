"""Extraction on this machine: choose a backend, look rows up, encode what is missing and store it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.selection import take_columns
from headstart.engine.capabilities import (
    BlockSelecting,
    Branching,
    Cacheable,
    ItemNoting,
    ReadyRows,
    WiderRows,
    reads_positions,
    runtime_of,
)
from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.engine.pipeline.contents import Contents
from headstart.engine.pipeline.gathering import Gathering, PositionGathering
from headstart.engine.pipeline.pace import Pace, running_order
from headstart.engine.pipeline.side_by_side import extract_side_by_side
from headstart.engine.pipeline.streaming import Encoded, encoded_batches, prepare_few
from headstart.errors import ItemError
from headstart.reporting import Progress
from headstart.types import Encoder, FeatureMatrix, Source

if TYPE_CHECKING:
    from headstart.engine.cache.features import FeatureStore

__all__ = ["Run", "chosen_key", "extract_here"]

Run = Callable[[Encoder, Sequence[Any], NDArray[np.intp], Pace], Generator[Encoded]]


def extract_here(
    source: Encoder,
    items: Sequence[Any],
    *,
    engine: Engine,
    progress: Progress | None = None,
    on_error: str = "set_aside",
    run: Run = encoded_batches,
) -> Extraction:
    """As `headstart.engine.extract.extract`, on this machine.

    Args:
        source: what encodes the items.
        items: at least one item.
        engine: the settings; ``ray`` and ``workers`` are ignored.
        progress: called with (items done, items in total, details).
        on_error: ``"set_aside"`` or ``"raise"``.
        run: runs the body on the missing items, as `encoded_batches` does.

    Raises:
        ItemError: with ``on_error="raise"``, on an item that cannot be encoded.
        SourceError: if a single item does not fit into memory.
        SaveError: if there is no room for large rows.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> extract_here(ToySource(), ["good", "bad", "good"], engine=Engine(cache=False)).encoded
        2
    """
    if isinstance(source, Branching):
        # Each branch looks up and stores its own rows, so a source is not encoded again when it is fused with others.
        def extract_one(branch: Source, own: Sequence[Any], report: Progress | None) -> Extraction:
            return extract_here(branch, own, engine=engine, progress=report, on_error=on_error, run=run)

        return extract_side_by_side(source.branches, items, extract_one, progress)
    started = time.perf_counter()
    rows = source.ready_rows(items) if isinstance(source, ReadyRows) else None
    if rows is not None:
        return Extraction(rows, np.arange(len(rows)), {}, time.perf_counter() - started, encoded=len(rows))
    key = chosen_key(source, items, engine)
    setup = time.perf_counter() - started
    with _open(source, key) if engine.cache and key is not None else nullcontext() as store:
        # Without a key, items of equal content may have different rows, so each counts as distinct.
        read = key is not None and (store is not None or len(items) > 1)
        work = _Work(source, items, progress, on_error, read=read)
        if store is not None:
            work.look_up(store)
            with _open_wider(source) as wider:
                if wider is not None:
                    work.look_up(wider[0], wider[1].ranges)
        work.encode(engine, store, run)
        found = work.finish(() if store is None else store.notes)
    return replace(found, seconds=time.perf_counter() - started, setup_seconds=setup)


def _open(source: Encoder, key: str) -> FeatureStore:
    from headstart.engine.cache.features import open_store

    blocks = source.info.blocks
    width = sum(block.width for block in blocks)
    return open_store(key, {"source": source.info.name, "form": str(runtime_of(source)), "width": width})


@contextmanager
def _open_wider(source: Encoder) -> Iterator[tuple[FeatureStore, WiderRows] | None]:
    """The store of the rows with all blocks of a source that gives only some; None if there is none."""
    from headstart.engine.cache.features import open_store, store_exists

    wider = source.wider_rows() if isinstance(source, BlockSelecting) else None
    if wider is None or not store_exists(wider.key):
        yield None
    else:
        with open_store(wider.key) as store:
            yield store, wider


def chosen_key(source: Encoder, items: Sequence[Any], engine: Engine) -> str | None:
    """Let a source pick its backend for items.

    Args:
        source: what encodes them.
        items: at least one item.
        engine: the user's settings.

    Returns:
        The key under which its rows may be cached; None if they must not be.

    Examples:
        >>> from headstart.sources.vector import VectorSource
        >>> chosen_key(VectorSource(), [[1.0]], Engine()) is None
        True
    """
    if not isinstance(source, Cacheable):
        return None
    return source.choose(engine, len(items), lambda: prepare_few(source, items))


class _Work:
    """The state of one extraction."""

    def __init__(
        self, source: Encoder, items: Sequence[Any], progress: Progress | None, on_error: str, *, read: bool
    ) -> None:
        self.source, self.items, self.progress, self.on_error = source, items, progress, on_error
        self.contents = Contents.of(items, source.info.modality, progress) if read else Contents.unread(len(items))
        self.gathering: Gathering | PositionGathering | None = None
        self.copies = np.bincount(self.contents.first, minlength=len(items))  # items per content, at its first item
        self.missing = np.ones(len(items), bool)
        self.failures: dict[int, str] = {}
        self.done = self.hits = self.encoded = 0
        self.notes: list[str] = []

    def look_up(self, store: FeatureStore, ranges: Sequence[tuple[int, int]] | None = None) -> None:
        """Take the rows that are still missing from a store; of wider rows, only these ranges of columns."""
        for window in self.contents.windows():
            positions = window[self.missing[window]]
            found, rows = store.get(self.contents.digests[positions])
            there = positions[found]
            if ranges is not None and len(there):
                each = isinstance(rows, list)
                rows = [take_columns(row, ranges) for row in rows] if each else take_columns(np.asarray(rows), ranges)
            self._gather(there, rows)
            self.missing[there] = False
            self.hits += int(self.copies[there].sum())
        self.done = self.hits

    def encode(self, engine: Engine, store: FeatureStore | None, run: Run) -> None:
        """Run the body on the contents that are missing."""
        source, distinct = self.source, self.contents.distinct
        order = running_order(self.items, distinct[self.missing[distinct]], source.info.modality)
        streams, several = runtime_of(source).streams, reads_positions(source)
        pace = Pace(source.info.modality, len(order), streams, engine.batch_size, several=several)
        began = time.perf_counter()
        self._report(began)
        if len(order):
            with closing(run(source, self.items, order, pace)) as batches:
                for batch in batches:
                    self._take(batch, store)
                    self._report(began)
        self.notes += pace.notes

    def _take(self, batch: Encoded, store: FeatureStore | None) -> None:
        if batch.failures and self.on_error == "raise":
            first = min(batch.failures)
            raise ItemError(f"Item {first} cannot be encoded: {batch.failures[first]}")
        self._gather(batch.positions, batch.rows)
        if store is not None:
            store.put(self.contents.keys(batch.positions, self.items), batch.rows)
        self.failures |= batch.failures
        self.encoded += len(batch.positions)
        self.done += int(self.copies[[*batch.positions, *batch.failures]].sum())  # with all items of equal content

    def _gather(self, positions: NDArray[np.intp], rows: FeatureMatrix | list[FeatureMatrix]) -> None:
        if len(positions) == 0:
            return
        if self.gathering is None:
            self.gathering = (PositionGathering if isinstance(rows, list) else Gathering)(len(self.items))
        self.gathering.put(positions, rows)  # type: ignore[arg-type] # a source gives rows of one kind

    def _report(self, began: float) -> None:
        if self.progress is None:
            return
        form = str(runtime_of(self.source))
        how = [form] if form else []
        if self.encoded:
            how.append(f"{self.encoded / max(time.perf_counter() - began, 1e-9):,.0f}/s")
        if self.hits:
            how.append(f"{self.hits} from the store")
        if self.failures:
            how.append(f"{len(self.failures)} set aside")
        self.progress(self.done, len(self.items), ", ".join(how))

    def finish(self, notes: Sequence[str]) -> Extraction:
        """Copy rows to the items of equal content, and close the gaps of failed items."""
        first = self.contents.first
        again = np.flatnonzero(first != np.arange(len(first)))  # items whose content came earlier, at `first`
        bad = np.isin(first[again], list(self.failures))
        self.failures |= {int(position): self._reason(position, int(first[position])) for position in again[bad]}
        index = self._index()
        rows: FeatureMatrix = np.empty((0, sum(block.width for block in self.source.info.blocks)), np.float32)
        offsets = None
        if self.gathering is not None:
            self.gathering.copy(again[~bad], first[again[~bad]])
            rows, offsets = self.gathering.finish(index)
        ran = runtime_of(self.source)
        noted = self.source.notes_on(self.items) if isinstance(self.source, ItemNoting) else ()
        return Extraction(
            rows, index, dict(sorted(self.failures.items())), 0.0,
            encoded=self.encoded, hits=self.hits, backend=ran.backend, precision=ran.precision,
            notes=(*filter(None, [ran.hint]), *noted, *self.notes, *notes), offsets=offsets,
            details=tuple(filter(None, [ran.reason])),
        )  # fmt: skip

    def _reason(self, position: int, first: int) -> str:
        """Why an item has no features.

        It is prepared again, because the message for the ``first`` item of the same content may name that item's file.
        """
        try:
            self.source.prepare(self.items[position])
        except ItemError as error:
            return str(error)
        except MemoryError:
            pass
        return self.failures[first]

    def _index(self) -> NDArray[np.intp]:
        good = np.ones(len(self.items), dtype=bool)
        good[list(self.failures)] = False
        return np.flatnonzero(good)
