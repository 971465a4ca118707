"""Stream items through a body: threads prepare a few batches ahead while the body runs, in one or more streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.machine import cores
from headstart.engine.capabilities import BatchPreparing, runtime_of
from headstart.engine.pipeline.pace import Pace
from headstart.errors import ItemError
from headstart.types import Encoder, FeatureMatrix

__all__ = ["Encoded", "encoded_batches", "prepare_few", "threads"]

MAX_THREADS = 16
CHUNKS_PER_BATCH = 4  # so that every thread has work from the first batch on
FEW = 8  # items on which number formats are compared
TRIED = 32  # items that are tried, at most, to find readable ones


@dataclass(frozen=True)
class Encoded:
    """One batch that has been through the body.

    Attributes:
        positions: (m,) of the items that have features.
        rows: (m, d) features, or m arrays of (k, d) from a source of positions.
        failures: position to reason, for the others.
    """

    positions: NDArray[np.intp]
    rows: FeatureMatrix | list[FeatureMatrix]
    failures: dict[int, str]


def threads() -> int:
    """Threads that prepare items: one for each CPU that this process may use, up to 16.

    Examples:
        >>> 1 <= threads() <= 16
        True
    """
    return min(MAX_THREADS, cores())


def encoded_batches(source: Encoder, items: Sequence[Any], order: NDArray[np.intp], pace: Pace) -> Generator[Encoded]:
    """Prepare and run the items at ``order``, batch by batch and in that order.

    Args:
        source: what encodes them; its ``forward`` runs in as many threads at once as its runtime allows.
        items: all items.
        order: (m,) positions, in the order to run.
        pace: the batch size, which is reduced if memory runs out.

    Yields:
        The result of each batch.

    Raises:
        SourceError: if a single item does not fit into memory.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> texts = ["good", "", "bad"]
        >>> [len(done.positions) for done in encoded_batches(ToySource(), texts, np.arange(3), Pace("text", 3))]
        [2]
    """
    streams = runtime_of(source).streams
    with closing(_prepared(source, items, order, pace)) as prepared:
        if streams == 1:
            for batch in prepared:
                yield _encode(source, *batch, pace)
        else:
            yield from _in_streams(source, prepared, pace, streams)


def _in_streams(
    source: Encoder, prepared: Iterator[tuple[NDArray[np.intp], list[Any]]], pace: Pace, streams: int
) -> Iterator[Encoded]:
    pool = ThreadPoolExecutor(streams, thread_name_prefix="headstart-forward")
    running: deque[Future[Encoded]] = deque()
    try:
        for batch in prepared:
            running.append(pool.submit(_encode, source, *batch, pace))
            if len(running) > streams:  # one batch more than there are streams, so that no stream waits
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def prepare_few(source: Encoder, items: Sequence[Any]) -> list[Any]:
    """Up to eight prepared items, evenly spread over all; unreadable ones are skipped.

    Args:
        source: what prepares them.
        items: at least one item.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> prepare_few(ToySource(), ["good", "", "bad"])
        [b'good', b'bad']
    """
    spread = np.linspace(0, len(items) - 1, min(TRIED, len(items))).round().astype(np.intp)
    # In steps of four through the 32 positions, so that the first eight are spread over all items too.
    tried = (spread[k] for first in range(TRIED // FEW) for k in range(first, len(spread), TRIED // FEW))
    outcomes = (_attempt(source, items[position]) for position in tried)
    return list(islice((outcome for outcome in outcomes if not isinstance(outcome, ItemError)), FEW))


def _prepared(
    source: Encoder, items: Sequence[Any], order: NDArray[np.intp], pace: Pace
) -> Generator[tuple[NDArray[np.intp], list[Any]]]:
    """Batches of positions, each with the prepared values of its items; an `ItemError` for one that failed."""
    stop = Event()
    count = threads()
    pool = ThreadPoolExecutor(count, thread_name_prefix="headstart-prepare")
    waiting: deque[tuple[NDArray[np.intp], list[Future[list[Any]]]]] = deque()
    begin = 0

    def submit() -> None:
        nonlocal begin
        while begin < len(order) and pace.has_room(len(waiting), sum(len(batch) for batch, _ in waiting)):
            batch = order[begin : begin + pace.size]
            begin += len(batch)
            # All threads work on the same batch, so the next one to run is ready as early as possible.
            chunks = np.array_split(batch, min(max(CHUNKS_PER_BATCH, count), len(batch)))
            waiting.append((batch, [pool.submit(_prepare, source, items, chunk, stop) for chunk in chunks]))

    try:
        submit()
        while waiting:
            batch, futures = waiting.popleft()
            outcomes = [outcome for future in futures for outcome in future.result()]
            _prepare_again(source, items, batch, outcomes, pace)
            pace.measure(outcomes)
            submit()
            yield batch, outcomes
    finally:
        # Reached on Ctrl-C and on errors too: no thread starts another item.
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _prepare(source: Encoder, items: Sequence[Any], positions: NDArray[np.intp], stop: Event) -> list[Any]:
    """The prepared value of each item, or its `ItemError` or `MemoryError`."""
    if isinstance(source, BatchPreparing) and not stop.is_set():
        try:
            return list(source.prepare_many([items[position] for position in positions]))
        except MemoryError:
            return [MemoryError()] * len(positions)
    outcomes: list[Any] = []
    for position in positions:
        if stop.is_set():
            break
        try:
            outcomes.append(_attempt(source, items[position]))
        except MemoryError:
            outcomes.append(MemoryError())  # a new one: the traceback of the original holds large arrays
    return outcomes


def _attempt(source: Encoder, item: object) -> Any:
    try:
        return source.prepare(item)
    except ItemError as error:
        return error


def _prepare_again(
    source: Encoder, items: Sequence[Any], batch: NDArray[np.intp], outcomes: list[Any], pace: Pace
) -> None:
    """Prepare again, in place and one at a time, the items that ran out of memory; no other thread prepares here."""
    failed = [k for k, outcome in enumerate(outcomes) if isinstance(outcome, MemoryError)]
    if failed:
        pace.halve(max(2, len(batch)), source.info.name)
    for k in failed:
        try:
            outcomes[k] = _attempt(source, items[batch[k]])
        except MemoryError:
            pace.halve(1, source.info.name)


def _encode(source: Encoder, positions: NDArray[np.intp], outcomes: Sequence[Any], pace: Pace) -> Encoded:
    """Run the body on the prepared items; items that failed or have non-finite features are set aside."""
    good = [k for k, outcome in enumerate(outcomes) if not isinstance(outcome, ItemError)]
    failures = {int(positions[k]): str(o) for k, o in enumerate(outcomes) if isinstance(o, ItemError)}
    if not good:
        return Encoded(np.empty(0, np.intp), np.empty((0, 0), np.float32), failures)
    rows = _forward(source, [outcomes[k] for k in good], pace)
    if isinstance(rows, list):
        pace.measure(rows)
    finite = _finite(rows)
    kept = positions[good]
    if finite.all():
        return Encoded(kept, rows, failures)
    reason = f"The source '{source.info.name}' gave features that are not finite."
    failures |= dict.fromkeys(kept[~finite].tolist(), reason)
    left = [row for row, fine in zip(rows, finite, strict=True) if fine] if isinstance(rows, list) else rows[finite]
    return Encoded(kept[finite], left, failures)


def _finite(rows: FeatureMatrix | list[FeatureMatrix]) -> NDArray[np.bool_]:
    if isinstance(rows, list):
        return np.array([bool(np.isfinite(row).all()) for row in rows])
    return np.asarray(np.isfinite(rows).all(axis=1))


def _forward(source: Encoder, prepared: list[Any], pace: Pace) -> FeatureMatrix | list[FeatureMatrix]:
    """The features of a batch, in smaller pieces if it does not fit into memory."""
    parts: list[Any] = []
    begin = 0
    while begin < len(prepared):
        part = prepared[begin : begin + pace.size]
        try:
            parts.append(source.forward(part))
        except MemoryError:
            pace.halve(len(part), source.info.name)
        else:
            begin += len(part)
    if isinstance(parts[0], list):
        return [row for part in parts for row in part]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
