"""Growing rows of one source: a larger sample encodes only the items that a smaller one did not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import ReadyRows, runtime_of
from headstart.engine.extract import extract
from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.engine.pipeline.gathering import allocate_rows
from headstart.reporting import Progress
from headstart.rows import take_rows
from headstart.types import FeatureMatrix, Rows, Source

__all__ = ["GrowingRows"]


class GrowingRows:
    """The rows of a source, encoded on request and never twice, with or without the feature store.

    Args:
        source: the encoder.
        items: all n items.
        engine: how they are encoded.

    Attributes:
        failures: position to reason, for the items that could not be encoded.
        encoded: number of items that the body ran on.
        seconds: time of that, without setup.
        last: the last encoding, or None.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> rows = GrowingRows(ToySource(), ["good", "", "bad", "fair"], Engine(cache=False))
        >>> rows.grow(np.array([0, 1]))
        array([0])
        >>> rows.grow(np.arange(4)), rows.encoded
        (array([0, 2, 3]), 3)
    """

    def __init__(self, source: Source, items: Sequence[Any], engine: Engine = Engine()) -> None:
        self.source, self.items, self._engine = source, items, engine
        self.failures: dict[int, str] = {}
        self.encoded = 0
        self.seconds = 0.0
        self.last: Extraction | None = None
        self._hits, self._elapsed, self._setup = 0, 0.0, 0.0
        self._there = np.zeros(len(items), bool)
        self._rows: FeatureMatrix | None = None
        self._ready_taken = False

    def grow(self, positions: NDArray[np.intp], progress: Progress | None = None) -> NDArray[np.intp]:
        """Encode those of the items at ``positions`` that have no row yet.

        Args:
            positions: (m,) ascending.
            progress: called with (items done, items in all, how).

        Returns:
            The positions that have a row now; items that cannot be encoded are left out.
        """
        self._take_ready_rows()
        wanted = np.zeros(len(self.items), bool)
        wanted[positions] = True
        wanted[list(self.failures)] = False
        missing = np.flatnonzero(wanted & ~self._there)
        if len(missing):
            self._encode(missing, progress)
        return positions[self._there[positions]]

    def rows(self, positions: NDArray[np.intp]) -> Rows:
        """The rows (m, d) of items that have one, at these positions."""
        assert self._rows is not None  # noqa: S101 (an item that has a row was encoded)
        if len(positions) == len(self._rows):
            return self._rows
        return take_rows(self._rows, positions)

    def extraction(self, progress: Progress | None = None) -> Extraction:
        """All items encoded, in the form of `headstart.engine.extract.extract`."""
        started = time.perf_counter()
        index = self.grow(np.arange(len(self.items)), progress)
        rows = np.empty((0, 0), np.float32) if self._rows is None else self._rows
        ran = runtime_of(self.source)
        seconds = self._elapsed or time.perf_counter() - started
        return Extraction(
            rows if len(index) == len(rows) else rows[index], index, dict(self.failures), seconds,
            self.encoded if self._elapsed else len(index), self._hits,
            backend=ran.backend, precision=ran.precision,
            notes=() if self.last is None else self.last.notes, setup_seconds=self._setup,
            details=() if self.last is None else self.last.details,
        )  # fmt: skip

    def release(self) -> None:
        """Free the rows if all of them came from the feature store, which can return them again."""
        if self.last is not None and not self.encoded:
            self._rows, self.last = None, None
            self._there[:] = False
            self._hits, self._elapsed, self._setup = 0, 0.0, 0.0

    def _take_ready_rows(self) -> None:
        """Use the items themselves as rows if the source allows it: no encoding, no copy."""
        if self._ready_taken or not isinstance(self.source, ReadyRows):
            return
        self._ready_taken = True
        rows = self.source.ready_rows(self.items)
        if rows is not None:
            self._rows = rows
            self._there[:] = True

    def _encode(self, missing: NDArray[np.intp], progress: Progress | None) -> None:
        items = self.items
        some = items[missing] if isinstance(items, np.ndarray) else [items[k] for k in missing]
        found = extract(self.source, some, engine=self._engine, progress=progress)
        self.last = found
        self._hits += found.hits
        self._elapsed += found.seconds
        self._setup += found.setup_seconds
        self.failures |= {int(missing[k]): reason for k, reason in found.failures.items()}
        if found.encoded:
            self.encoded += found.encoded
            self.seconds += max(found.seconds - found.setup_seconds, 1e-9)
        if not len(found.index):
            return
        if self._rows is None:
            everything = len(found.rows) == len(items)  # without samples the result is used as it is, not copied
            self._rows = found.rows if everything else allocate_rows(len(items), found.rows.shape[1], found.rows.dtype)
        if self._rows is not found.rows:
            self._rows[missing[found.index]] = found.rows
        self._there[missing[found.index]] = True
