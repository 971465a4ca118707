"""Feature vectors: the identity source, for items that are rows of numbers already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import encode
from headstart.errors import ItemError, SourceError
from headstart.linear.checks import CHUNK
from headstart.sources.scheme import Scheme
from headstart.types import FeatureMatrix, Modality, SourceInfo

__all__ = ["SCHEME", "VectorSource"]

LARGEST = 1e30  # fourth powers of it still fit into a float64


@dataclass(frozen=True)
class VectorSource:
    """Rows of finite numbers as float64, because float32 would round values such as prices or timestamps.

    A float32 matrix stays float32: a copy of a memory map of a million rows might not fit into memory.

    There is no body, so there is no untrained source either.

    Examples:
        >>> source = VectorSource()
        >>> source.encode(np.array([[1.0, 2.0]]))
        array([[1., 2.]])
    """

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        return SourceInfo("vector", "vector", architecture="identity")

    def prepare(self, item: object) -> FeatureMatrix:
        """One row (d,), float64.

        Raises:
            ItemError: if the item is not a row of finite numbers of at most 1e30.
        """
        try:
            row = np.asarray(item, dtype=np.float64)
        except (TypeError, ValueError):
            raise ItemError(f"A row must hold numbers. Got {item!r:.80} instead.") from None
        if row.ndim != 1 or row.size == 0:
            raise ItemError(
                f"A row must be a 1-dimensional array of at least one number. Got shape {row.shape} instead."
            )
        return np.asarray(_checked(row[None])[0])

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, d), float64.

        Raises:
            ItemError: if the rows differ in length.
        """
        if not isinstance(prepared, np.ndarray):
            widths = {len(row) for row in prepared}
            if len(widths) > 1:
                raise ItemError(f"All rows must be equally long. Got rows of {min(widths)} to {max(widths)} numbers.")
        rows: FeatureMatrix = np.asarray(prepared, dtype=np.float64)
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, d), float64; a matrix is read in one step, and a float32 matrix stays float32.

        Raises:
            ItemError: for the first row that is not finite.
        """
        return _checked(_as_float(items)) if _is_matrix(items) else encode(self, items)

    def ready_rows(self, items: Sequence[Any]) -> FeatureMatrix | None:
        """The rows of a matrix (n, d); float32 and float64 matrices, memory maps included, are not copied.

        Returns:
            The rows; None if the items are not a matrix or a row is not finite, so that each item must be checked.
        """
        if not _is_matrix(items):
            return None
        rows = _as_float(items)
        return rows if _first_bad(rows) is None else None

    def untrained(self, seed: int) -> None:
        """None: there is no body whose weights could be random."""

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - nothing needs to be written
        """The reference that opens it again."""
        return {"name": "vector"}


def _is_matrix(items: object) -> TypeGuard[NDArray[Any]]:
    return isinstance(items, np.ndarray) and items.ndim == 2 and items.dtype.kind in "iufb"


def _as_float(rows: NDArray[Any]) -> FeatureMatrix:
    return rows if rows.dtype == np.float32 else rows.astype(np.float64, copy=False)


def _first_bad(rows: FeatureMatrix) -> int | None:
    """The index of the first row with an unusable number, searched chunk by chunk to bound the memory."""
    for start in range(0, len(rows), CHUNK):
        usable = (np.abs(rows[start : start + CHUNK]) <= LARGEST).all(axis=1)  # NaN compares false
        if not usable.all():
            return start + int(np.argmin(usable))
    return None


def _checked(rows: FeatureMatrix) -> FeatureMatrix:
    bad = _first_bad(rows)
    if bad is not None:
        column = int(np.argmin(np.abs(rows[bad]) <= LARGEST))
        raise ItemError(
            f"Rows must hold finite numbers of at most {LARGEST:g}. Got {rows[bad, column]} in column {column}; "
            "fill or drop the value."
        )
    return rows


def _open(name: str, modality: Modality | None) -> VectorSource:  # noqa: ARG001 - the caller compares modalities
    if name:
        raise SourceError(f"The source 'vector' has no variants. Got 'vector:{name}' instead; use 'vector'.")
    return VectorSource()


SCHEME = Scheme("vector", open=_open, describe=lambda name: _open(name, None).info, names=lambda: ("",))
