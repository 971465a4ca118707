"""Concatenate the rows of several sources; each source is extracted on its own, so its cached rows are used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extraction import Extraction
from headstart.engine.pipeline.gathering import allocate_rows
from headstart.errors import DataError, SourceError
from headstart.reporting import Progress
from headstart.types import FeatureMatrix, Source

__all__ = ["Branch", "ExtractOne", "extract_side_by_side"]

CHUNK_BYTES = 16 * 2**20  # of rows that are copied at a time

Branch = tuple[Source, int | None]
ExtractOne = Callable[[Source, Sequence[Any], Progress | None], Extraction]


def extract_side_by_side(
    branches: Sequence[Branch], items: Sequence[Any], one: ExtractOne, progress: Progress | None = None
) -> Extraction:
    """Extract each branch and concatenate the rows of the items that all branches could read.

    A branch with a position reads that part of each item and adds one column: 1 and a row of zeros if the part is
    missing (None), else 0. Concatenated rows of more than 256 MiB are held in a temporary file.

    Args:
        branches: sources, and the position of the part of an item that each reads; None for the entire item.
        items: n items.
        one: extracts the items of one branch: (source, items, progress).
        progress: called with (items done, n, details), over all branches.

    Returns:
        The concatenated rows. ``failures`` are those of any branch, ``encoded`` is the maximum over the branches and
        ``hits`` the minimum.

    Raises:
        SourceError: if a branch gives several rows per item.

    Examples:
        >>> from headstart.engine.pipeline.local import extract_here
        >>> from headstart.engine.options import Engine
        >>> from headstart.sources.toy import ToySource
        >>> one = lambda source, items, progress: extract_here(source, items, engine=Engine(cache=False))
        >>> extract_side_by_side([(ToySource(), None), (ToySource(1), None)], ["good", "", "bad"], one).rows.shape
        (2, 192)
    """
    started = time.perf_counter()
    done = []
    for place, (source, position) in enumerate(branches):
        report = None if progress is None else _branch_progress(progress, place, len(branches), source.info.name)
        done.append(_extract_branch(source, items, position, one, report))
    failures: dict[int, str] = {}
    for found in done:
        failures = found.failures | failures
    good = np.ones(len(items), bool)
    good[list(failures)] = False
    index = np.flatnonzero(good)
    # Every item at `index` has a row in each branch; searchsorted finds its place among the branch's sorted positions.
    rows = _side_by_side([(found.rows, np.searchsorted(found.index, index)) for found in done], len(index))
    return Extraction(
        rows, index, dict(sorted(failures.items())), time.perf_counter() - started,
        encoded=max(found.encoded for found in done), hits=min(found.hits for found in done),
        backend=_joined(found.backend for found in done), precision=_joined(found.precision for found in done),
        notes=tuple(dict.fromkeys(note for found in done for note in found.notes)),
        setup_seconds=sum(found.setup_seconds for found in done),
        details=tuple(dict.fromkeys(detail for found in done for detail in found.details)),
    )  # fmt: skip


def _extract_branch(
    source: Source, items: Sequence[Any], position: int | None, one: ExtractOne, progress: Progress | None
) -> Extraction:
    if position is None:
        found = one(source, items, progress)
    else:
        values = [_value(item, position) for item in items]
        there = np.array([k for k, value in enumerate(values) if value is not None], np.intp)
        found = _with_gaps(source, one(source, [values[k] for k in there], progress) if len(there) else None, there,
                           len(items))  # fmt: skip
    if found.offsets is not None:
        raise SourceError(
            f"Fused sources need one row per item, but '{source.info.name}' gives several; take its layers without "
            "positions."
        )
    return found


def _value(item: Any, position: int) -> Any:
    try:
        return item[position]
    except (LookupError, TypeError) as error:
        raise DataError(
            f"An item must hold a value for each column that its source reads, {position + 1} or more; give the "
            "columns that the model was fitted on, or fit it again."
        ) from error


def _with_gaps(source: Source, found: Extraction | None, there: NDArray[np.intp], n: int) -> Extraction:
    """The extraction with a row of zeros for each missing part, and a last column that marks these rows with 1."""
    width = sum(block.width for block in source.info.blocks)
    missing = np.ones(n, bool)
    missing[there] = False
    failures = {} if found is None else {int(there[k]): reason for k, reason in found.failures.items()}
    good = np.ones(n, bool)
    good[list(failures)] = False
    index = np.flatnonzero(good)
    rows = allocate_rows(len(index), width + 1, np.float32 if found is None else found.rows.dtype)
    rows[:, width] = missing[index]
    place = np.searchsorted(index, np.flatnonzero(missing & good))  # rows of items whose part is missing
    rows[place, :width] = 0
    if found is None:
        return Extraction(rows, index, failures, 0.0)
    target = np.searchsorted(index, there[found.index])  # rows of items whose part was encoded
    for some in _steps(len(target), rows):
        rows[target[some], :width] = found.rows[some]
    return Extraction(
        rows, index, failures, found.seconds, found.encoded, found.hits, found.backend, found.precision, found.notes,
        found.offsets, found.setup_seconds, found.details,
    )  # fmt: skip


def _side_by_side(parts: Sequence[tuple[FeatureMatrix, NDArray[np.intp]]], n: int) -> FeatureMatrix:
    width = sum(rows.shape[1] for rows, _ in parts)
    joined = allocate_rows(n, width, np.result_type(*(rows.dtype for rows, _ in parts)))
    begin = 0
    for rows, place in parts:
        end = begin + rows.shape[1]
        for some in _steps(n, rows):
            joined[some, begin:end] = rows[place[some]]
        begin = end
    return joined


def _steps(n: int, rows: FeatureMatrix) -> list[slice]:
    step = max(1, CHUNK_BYTES // max(1, rows.shape[1] * rows.itemsize))
    return [slice(begin, min(begin + step, n)) for begin in range(0, n, step)]


def _branch_progress(progress: Progress, place: int, count: int, name: str) -> Progress:
    """Report the progress of one branch as the progress of all."""

    def report(done: int, total: int, detail: str = "") -> None:
        progress((place * total + done) // count, total, ", ".join(word for word in (name, detail) if word))

    return report


def _joined(found: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(word for word in found if word))
