"""Items to rows of features: preparing runs in threads while the body runs, and memory does not grow with n."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ItemError, SaveError
from headstart.params import check_choice, check_number
from headstart.types import FeatureMatrix, Source

__all__ = ["Extraction", "encode", "extract"]

BATCH_SIZES = {"image": 32, "text": 1024, "audio": 16, "vector": 4096}  # best or near best on 2 to 16 CPU cores
MEMORY_BYTES = 256 * 2**20  # rows larger than this live in a temporary file
BATCHES_AHEAD = 3  # prepared batches that may wait for the body
CHUNKS_PER_BATCH = 4  # so that every thread has work from the first batch on

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Extraction:
    """What `extract` gave.

    Attributes:
        rows: (n_ok, d) features, in the order of the items; float32 from a body.
        index: (n_ok,) positions of the items that could be encoded, ascending.
        failures: position to reason, for the items that could not.
        seconds: wall-clock time that it took.

    Examples:
        >>> Extraction(np.zeros((3, 2), np.float32), np.arange(3), {}, 0.5).items_per_second
        6.0
    """

    rows: FeatureMatrix
    index: NDArray[np.intp]
    failures: dict[int, str]
    seconds: float

    @property
    def items_per_second(self) -> float:
        """Items seen, encoded or not, a second."""
        return (len(self.index) + len(self.failures)) / max(self.seconds, 1e-9)


def extract(
    source: Source,
    items: Sequence[Any],
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
    on_error: Literal["set_aside", "raise"] = "set_aside",
) -> Extraction:
    """Encode every item once.

    A few threads read and preprocess (`Source.prepare`) at most three batches ahead of the body (`Source.forward`),
    which runs in this thread. Texts go longest first, so that a batch holds little padding; the rows come back in
    the order of the items. Rows of more than 256 MiB live in a temporary file that vanishes with the array.

    Args:
        source: what encodes the items.
        items: n items of the source's modality.
        batch_size: items in a batch; by default 32 images, 1024 texts, 16 sounds or 4096 rows of numbers.
        progress: called with (items done, items in all) after every batch.
        on_error: whether an item that cannot be encoded is set aside with its reason, or raises.

    Returns:
        The rows, and what could not be encoded.

    Raises:
        ItemError: with ``on_error="raise"``, on the first item that cannot be encoded.
        DataError: if there are no items.
        SaveError: if there is no room for the temporary file.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> extract(ToySource(), ["good", "", "bad"]).failures
        {1: 'The text is empty.'}
    """
    check_choice(on_error, "on_error", "extract", ("set_aside", "raise"))
    size = BATCH_SIZES[source.info.modality] if batch_size is None else batch_size
    check_number(size, "batch_size", "extract", low=1, integer=True)
    if len(items) == 0:
        raise DataError("There are no items to encode; give at least one.")
    start = time.perf_counter()
    sink = _Sink(len(items))
    for positions, outcomes in _prepared(source, items, _batches(source, items, size)):
        _run_batch(source, sink, positions, outcomes, on_error)
        if progress is not None:
            progress(sink.done, len(items))
    rows, index = sink.finish(sum(block.width for block in source.info.blocks))
    return Extraction(rows, index, sink.failures, time.perf_counter() - start)


def encode(source: Source, items: Sequence[Any], *, batch_size: int | None = None) -> FeatureMatrix:
    """Features of all items, or the reason why one has none: `Source.encode` for sources that have the other two verbs.

    Args:
        source: what encodes the items.
        items: n items of the source's modality.
        batch_size: as in `extract`.

    Returns:
        (n, d) float32 features.

    Raises:
        ItemError: on the first item that cannot be encoded.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> encode(ToySource(), ["good", "bad"]).shape
        (2, 96)
    """
    return extract(source, items, batch_size=batch_size, on_error="raise").rows


def _batches(source: Source, items: Sequence[Any], size: int) -> Iterator[NDArray[np.intp]]:
    order = np.arange(len(items))
    if source.info.modality == "text":
        lengths = [len(item) if isinstance(item, str) else 0 for item in items]
        order = np.argsort(-np.asarray(lengths), kind="stable")
    return (order[begin : begin + size] for begin in range(0, len(order), size))


def _prepared(
    source: Source, items: Sequence[Any], batches: Iterator[NDArray[np.intp]]
) -> Iterator[tuple[NDArray[np.intp], list[Any]]]:
    """Batches of positions with what `Source.prepare` gave for each: a value, or the `ItemError` itself."""
    stop = Event()
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="headstart-prepare")
    waiting: deque[tuple[NDArray[np.intp], list[Future[list[Any]]]]] = deque()

    def submit() -> None:
        for batch in batches:
            chunks = np.array_split(batch, min(CHUNKS_PER_BATCH, len(batch)))
            waiting.append((batch, [pool.submit(_prepare, source, items, chunk, stop) for chunk in chunks]))
            return

    try:
        for _ in range(BATCHES_AHEAD):
            submit()
        while waiting:
            batch, futures = waiting.popleft()
            outcomes = [outcome for future in futures for outcome in future.result()]
            submit()
            yield batch, outcomes
    finally:
        # Reached on Ctrl-C and on errors too: no thread starts another item.
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _prepare(source: Source, items: Sequence[Any], positions: NDArray[np.intp], stop: Event) -> list[Any]:
    outcomes: list[Any] = []
    for position in positions:
        if stop.is_set():
            break
        try:
            outcomes.append(source.prepare(items[position]))
        except ItemError as error:
            outcomes.append(error)
    return outcomes


def _run_batch(
    source: Source, sink: _Sink, positions: NDArray[np.intp], outcomes: Sequence[Any], on_error: str
) -> None:
    """Run the body on what could be prepared; what could not, or has no finite features, is set aside."""
    good = [k for k, outcome in enumerate(outcomes) if not isinstance(outcome, ItemError)]
    failures = {int(positions[k]): str(o) for k, o in enumerate(outcomes) if isinstance(o, ItemError)}
    rows = source.forward([outcomes[k] for k in good]) if good else np.empty((0, 0), np.float32)
    finite = np.isfinite(rows).all(axis=1)
    for k in np.flatnonzero(~finite):
        failures[int(positions[good[k]])] = f"The source '{source.info.name}' gave features that are not finite."
    if failures and on_error == "raise":
        first = min(failures)
        raise ItemError(f"Item {first} cannot be encoded: {failures[first]}")
    sink.put(positions[good][finite], rows[finite], failures)


class _Sink:
    """Rows by position: an array, or a file where they would fill the memory."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.failures: dict[int, str] = {}
        self._rows: FeatureMatrix | None = None

    def put(self, positions: NDArray[np.intp], rows: FeatureMatrix, failures: dict[int, str]) -> None:
        self.done += len(positions) + len(failures)
        self.failures.update(failures)
        if len(positions) == 0:
            return
        if self._rows is None:
            self._rows = _room(self.total, rows.shape[1], rows.dtype)
        self._rows[positions] = rows

    def finish(self, width: int) -> tuple[FeatureMatrix, NDArray[np.intp]]:
        """The rows of the good items, moved together in place, and their positions."""
        self.failures = dict(sorted(self.failures.items()))
        good = np.ones(self.total, dtype=bool)
        good[list(self.failures)] = False
        index = np.flatnonzero(good)
        if self._rows is None:
            return np.empty((0, width), np.float32), index
        for place, position in enumerate(index if self.failures else ()):
            self._rows[place] = self._rows[position]
        return self._rows[: len(index)], index


def _room(n: int, width: int, dtype: np.dtype[Any]) -> FeatureMatrix:
    size = n * width * dtype.itemsize
    if size <= MEMORY_BYTES:
        return np.empty((n, width), dtype)
    with tempfile.TemporaryFile(prefix="headstart-rows-") as file:  # the map keeps its own handle
        try:
            if hasattr(os, "posix_fallocate"):  # a full disk must be an error here, not a crash on writing the map
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise SaveError(
                f"There is no room for {size / 2**20:.0f} MiB of features in '{tempfile.gettempdir()}' "
                f"({error.strerror}); free space there or name another folder with the environment variable TMPDIR."
            ) from error
        return np.memmap(file, dtype, "w+", shape=(n, width))
