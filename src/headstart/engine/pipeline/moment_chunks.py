"""Moments of items in fixed chunks, so that the sum is the same to the last bit wherever the chunks are computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.engine.capabilities import runtime_of
from headstart.engine.extraction import Extraction
from headstart.engine.options import BACKENDS, Engine
from headstart.engine.pipeline.local import chosen_key, extract_here
from headstart.errors import DataError, ItemError, SourceError
from headstart.linear.checks import check_targets
from headstart.linear.moments import Moments
from headstart.linear.running import RunningMoments
from headstart.reporting import Progress
from headstart.types import Encoder, FeatureMatrix

__all__ = [
    "ChunkResult",
    "FeatureMap",
    "ItemMoments",
    "check_items",
    "choose_backend",
    "encode_chunk",
    "items_of",
    "split_items",
    "sum_chunks",
]

FeatureMap = Callable[[NDArray[Any]], NDArray[Any]]

CHUNKS = 64  # at least, if there are enough items: work for many processes, and little is lost if one of them dies
LEAST = 32  # items per chunk
MOST = 4096
FEW_ROWS = 0.5  # n < d / 2 rows in float32 take at most a quarter of the bytes of their (d, d) moments in float64


@dataclass(frozen=True)
class ItemMoments:
    """The result of `headstart.engine.moments.moments_of`.

    Attributes:
        moments: of the features and targets of the items that could be encoded.
        failures: position to reason, for the items that could not be encoded.
        seconds: wall-clock time, in seconds.
    """

    moments: Moments
    failures: dict[int, str]
    seconds: float


@dataclass(frozen=True)
class ChunkResult:
    """What one chunk of items contributes to the sum: moments, or the rows themselves if they are few.

    Attributes:
        count: how many items it has.
        failures: position in the chunk to reason, for the items that could not be encoded.
        moments: of the encoded items; None if there are none, or if ``rows`` is given instead.
        rows: the mapped features (m, d) and targets (m, k) of the encoded items, if they are few.

    Examples:
        >>> ChunkResult(1, {0: "The text is empty."}).moments is None
        True
    """

    count: int
    failures: dict[int, str]
    moments: Moments | None = None
    rows: tuple[NDArray[Any], NDArray[np.float64]] | None = None


def check_items(items: Sequence[Any], targets: ArrayLike, owner: str) -> NDArray[np.float64]:
    """The targets as float64 (n, k).

    Raises:
        DataError: if there are no items.
        ParameterError: if the targets do not fit the items.

    Examples:
        >>> check_items(["good"], [[1]], "moments_of")
        array([[1.]])
    """
    if len(items) == 0:
        raise DataError("There are no items to encode; give at least one.")
    return check_targets(targets, len(items), owner)


def choose_backend(source: Encoder, items: Sequence[Any], engine: Engine) -> tuple[Engine, str | None]:
    """Choose the backend for all chunks, once.

    Args:
        source: what encodes the items.
        items: all items.
        engine: the user's settings.

    Returns:
        The settings with that backend and without Ray, and the key of the source's rows, None if they are not cached.

    Examples:
        >>> from headstart.sources.vector import VectorSource
        >>> choose_backend(VectorSource(), [[1.0]], Engine(ray="auto"))[0].ray is None
        True
    """
    key = chosen_key(source, items, engine)
    backend = runtime_of(source).backend
    return replace(engine, ray=None, workers=None, backend=backend if backend in BACKENDS else engine.backend), key


def split_items(count: int, most: int = MOST) -> list[range]:
    """Chunks of positions: 64 or more, of 32 to ``most`` items each, if there are enough items.

    They depend on the number of items only, not on the workers, because another grouping would change the last bits of
    a sum.

    Examples:
        >>> [len(chunk) for chunk in split_items(100)]
        [32, 32, 32, 4]
    """
    size = min(most, max(LEAST, count // CHUNKS))
    return [range(begin, min(begin + size, count)) for begin in range(0, count, size)]


def items_of(items: Sequence[Any], chunk: range) -> Sequence[Any]:
    """The items of a chunk: a view of an array, else a list.

    Examples:
        >>> items_of("abc", range(1, 3))
        ['b', 'c']
    """
    return items[chunk.start : chunk.stop] if isinstance(items, np.ndarray) else [items[k] for k in chunk]


def encode_chunk(
    source: Encoder,
    items: Sequence[Any],
    targets: NDArray[np.float64],
    engine: Engine,
    feature_map: FeatureMap | None,
) -> ChunkResult:
    """Encode one chunk.

    Args:
        source: as in `headstart.engine.moments.moments_of`.
        items: the m items of the chunk.
        targets: (m, k) of the chunk.
        engine: as `choose_backend` gave it.
        feature_map: as in `headstart.engine.moments.moments_of`.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> encode_chunk(ToySource(), ["good", "bad"], np.ones((2, 1)), Engine(cache=False), None).rows[0].shape
        (2, 96)
    """
    found = extract_here(source, items, engine=engine)
    if found.offsets is not None:
        raise SourceError(
            f"Moments need one row per item, but '{source.info.name}' gives several; take the layers without positions."
        )
    if len(found.index) == 0:
        return ChunkResult(len(items), found.failures)
    rows, own = _mapped(found, feature_map), targets[found.index]
    if len(rows) < FEW_ROWS * rows.shape[1]:
        return ChunkResult(len(items), found.failures, rows=(rows, own))
    with _one_thread():
        return ChunkResult(len(items), found.failures, Moments.from_rows(rows, own))


def sum_chunks(
    results: Iterable[ChunkResult], total: int, progress: Progress | None, on_error: str = "set_aside"
) -> ItemMoments:
    """Sum the results of chunks, in their order.

    Args:
        results: one for each chunk, first to last.
        total: how many items they have together.
        progress: as in `headstart.engine.moments.moments_of`.
        on_error: as in `headstart.engine.moments.moments_of`.

    Raises:
        ItemError: with ``on_error="raise"``, on an item that could not be encoded.
        DataError: if no item could be encoded.

    Examples:
        >>> chunk = ChunkResult(1, {}, Moments.from_rows(np.ones((1, 2)), np.ones((1, 1))))
        >>> sum_chunks([chunk, ChunkResult(1, {0: "The text is empty."})], 2, None).failures
        {1: 'The text is empty.'}
    """
    started = time.perf_counter()
    sums = _Sums()
    failures: dict[int, str] = {}
    done = 0
    for chunk in results:
        failures |= {done + position: reason for position, reason in chunk.failures.items()}
        if failures and on_error == "raise":
            first = min(failures)
            raise ItemError(f"Item {first} cannot be encoded: {failures[first]}")
        done += chunk.count
        sums.add(chunk)
        if progress is not None:
            speed = f"{done / max(time.perf_counter() - started, 1e-9):,.0f}/s"
            progress(done, total, f"{speed}, {len(failures)} set aside" if failures else speed)
    moments = sums.finish()
    if moments is None:
        first = min(failures)
        raise DataError(f"None of the {total} items can be encoded; item {first}: {failures[first]}")
    return ItemMoments(moments, failures, time.perf_counter() - started)


class _Sums:
    """The sum so far; chunks of rows are added in place until a chunk of moments follows."""

    def __init__(self) -> None:
        self._moments: Moments | None = None
        self._running: RunningMoments | None = None
        self._width: int | None = None

    def add(self, chunk: ChunkResult) -> None:
        if chunk.rows is not None:
            self._check(chunk.rows[0].shape[1])
            self._running = self._running or RunningMoments()  # adds in place, without moments for each chunk
            with _one_thread():
                self._running.add(*chunk.rows)
        elif chunk.moments is not None:
            self._check(chunk.moments.num_features)
            self._moments = _plus(self.finish(), chunk.moments)

    def finish(self) -> Moments | None:
        if self._running is not None:
            self._moments = _plus(self._moments, Moments(**self._running.fields()))
            self._running = None
        return self._moments

    def _check(self, width: int) -> None:
        if width != (self._width or width):
            raise ItemError(f"All rows must be equally long. Got rows of {self._width} and of {width} numbers.")
        self._width = width


def _plus(left: Moments | None, right: Moments) -> Moments:
    return right if left is None else left + right


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for linear algebra: the order of a sum, and with it the last bit, depends on their number."""
    import scipy.linalg.blas  # noqa: F401 - its threads can be limited once it is loaded
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it comes with scikit-learn

    with threadpool_limits(1, user_api="blas"):
        yield


def _mapped(found: Extraction, feature_map: FeatureMap | None) -> FeatureMatrix:
    return found.rows if feature_map is None else np.asarray(feature_map(found.rows))
