"""Rows of numbers as they are: the source without a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import encode
from headstart.errors import ItemError, SourceError
from headstart.sources.scheme import Scheme
from headstart.types import FeatureMatrix, Modality, SourceInfo

__all__ = ["SCHEME", "VectorSource"]

LARGEST = 1e30  # fourth powers of it still fit into a float64


@dataclass(frozen=True)
class VectorSource:
    """Rows of finite numbers, given on as float64: rounding a year or a price to float32 would lose digits.

    There is no body, so there is no untrained one either.

    Examples:
        >>> VectorSource().encode(np.array([[1.0, 2.0]]))
        array([[1., 2.]])
    """

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return SourceInfo("vector", "vector", architecture="identity")

    def prepare(self, item: Any) -> FeatureMatrix:
        """One row (d,), float64.

        Raises:
            ItemError: if the item is no row of finite numbers.
        """
        try:
            row = np.asarray(item, dtype=np.float64)
        except (TypeError, ValueError):
            raise ItemError(f"A row must hold numbers. Got {item!r:.80} instead.") from None
        if row.ndim != 1 or row.size == 0:
            raise ItemError(
                f"A row must be a 1-dimensional array of at least one number. Got shape {row.shape} instead."
            )
        return np.asarray(_finite(row[None])[0])

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, d), float64.

        Raises:
            ItemError: if the rows are not equally long.
        """
        if not isinstance(prepared, np.ndarray):
            widths = {len(row) for row in prepared}
            if len(widths) > 1:
                raise ItemError(f"All rows must be equally long. Got rows of {min(widths)} to {max(widths)} numbers.")
        rows: FeatureMatrix = np.asarray(prepared, dtype=np.float64)
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, d), float64; a 2-dimensional array is converted as a whole.

        Raises:
            ItemError: on the first row that is not finite.
        """
        if isinstance(items, np.ndarray) and items.ndim == 2 and items.dtype.kind in "iufb":
            return _finite(items)
        return encode(self, items)

    def untrained(self, seed: int) -> None:
        """There is no body to leave untrained."""

    def save(self, folder: Path) -> Mapping[str, str]:  # noqa: ARG002 - nothing needs to be written
        """The reference that opens it again."""
        return {"name": "vector"}


def _finite(rows: NDArray[Any]) -> FeatureMatrix:
    out = rows.astype(np.float64, copy=False)
    fit_for_use = np.abs(out) <= LARGEST  # false for NaN too
    good = fit_for_use.all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        column = int(np.argmin(fit_for_use[row]))
        raise ItemError(
            f"Rows must hold finite numbers of at most {LARGEST:g}. Got {rows[row, column]} in column {column}; "
            "fill or drop the value."
        )
    return out


def _open(name: str, modality: Modality | None) -> VectorSource:  # noqa: ARG001 - the caller compares modalities
    if name:
        raise SourceError(f"The source 'vector' has no variants. Got 'vector:{name}' instead; use 'vector'.")
    return VectorSource()


SCHEME = Scheme("vector", open=_open, describe=lambda name: _open(name, None).info, names=lambda: ("",))
