"""Table columns: numbers and one-hot categories as features, the part of a multimodal item that needs no body.

Numbers are not scaled (a head standardises them on its training rows), and categories are one-hot encoded. The
categories and the medians that replace missing numbers are learnt from the items without labels and saved with the
source.

Command: headstart fit DATA --item COLUMN,COLUMN
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from headstart.engine.extract import encode
from headstart.errors import ItemError, SourceError
from headstart.io import is_file, read_json, write_json
from headstart.sources.scheme import Scheme
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

__all__ = ["SCHEME", "ColumnsSource", "Quantity"]

LARGEST = 1e30  # magnitude of a number, as for feature vectors
FILE = "columns.json"
MAX_CATEGORIES = 100  # the most frequent ones; the others are all zeros


@dataclass(frozen=True)
class Quantity:
    """How a column of numbers or categories is encoded.

    Attributes:
        name: the column's name.
        categories: the values with a one-hot column each; empty for numbers.
        fill: replaces a missing number: the median of those present.
        gaps: whether numbers were missing; if so, a further column of 0 and 1 marks them.

    Examples:
        >>> Quantity("price", fill=3.0).width
        1
    """

    name: str
    categories: tuple[str, ...] = ()
    fill: float = 0.0
    gaps: bool = False

    @property
    def width(self) -> int:
        """Number of feature columns."""
        return len(self.categories) or 1 + self.gaps

    def row(self, cell: Any) -> list[float]:
        """The features of one cell; raises `ItemError` if a cell of a numeric column is not a finite number."""
        if self.categories:
            # An unknown or missing value equals no category: all zeros.
            return [float(_text(cell) == known) for known in self.categories]
        if cell is None:
            return [self.fill, *[1.0] * self.gaps]
        try:
            value = float(cell)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise ItemError(f"Column '{self.name}' must hold numbers. Got {cell!r:.40} instead.")
        return [value, *[0.0] * self.gaps]


def _text(cell: object) -> str | None:
    """A category's name; 3 and 3.0 are the same, because integers in a column with gaps are read as floats."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else None if cell is None else str(cell)


@dataclass(frozen=True)
class ColumnsSource:
    """Features of the numbers and categories of a table.

    Args:
        columns: how each cell of an item is encoded, in order.

    Examples:
        >>> source = ColumnsSource.learn(["price", "brand"], ["number", "category"], [(5.0, "a"), (None, "b")])
        >>> source.encode([(7.0, "b"), (None, "new")])
        array([[7., 0., 0., 1.],
               [5., 1., 0., 0.]])
    """

    columns: tuple[Quantity, ...]

    @classmethod
    def learn(cls, names: Sequence[str], kinds: Sequence[str], items: Sequence[Sequence[Any]]) -> Self:
        """Learn the categories and medians from items; labels are not used.

        Args:
            names: the columns' names.
            kinds: ``"number"`` or ``"category"`` for each column.
            items: rows of cells; None for a missing cell.
        """
        cells = list(zip(*items, strict=True)) or [()] * len(names)
        learnt = [_learn(*one) for one in zip(names, kinds, cells, strict=True)]
        return cls(tuple(learnt))

    @property
    def info(self) -> SourceInfo:
        """The facts about the source."""
        width = sum(column.width for column in self.columns)
        blocks = (Block("columns", width, numbers=True),)
        return SourceInfo("columns", "vector", width, blocks, architecture="identity", license="none needed")

    def prepare(self, item: Sequence[Any]) -> list[float]:
        """The row of one item; raises `ItemError` if a cell of a numeric column is not a finite number."""
        return [value for column, cell in zip(self.columns, item, strict=True) for value in column.row(cell)]

    def forward(self, prepared: Sequence[list[float]]) -> FeatureMatrix:
        """The rows (n, width), float64."""
        return np.asarray(prepared, dtype=np.float64)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, width), float64, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> None:
        """None: there is no body whose weights could be random."""

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write the columns as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, {"columns": [asdict(column) for column in self.columns]})
        return {"name": "columns:."}


def _learn(name: str, kind: str, cells: Sequence[Any]) -> Quantity:
    present = [cell for cell in cells if cell is not None]
    if kind == "category":
        names, counts = np.unique([str(_text(cell)) for cell in present], return_counts=True)
        # np.unique sorts the names, and a stable sort by frequency then breaks ties by name.
        kept = names[np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]]
        return Quantity(name, tuple(sorted(map(str, kept))) or ("",))
    numbers = [Quantity(name).row(cell)[0] for cell in present]
    return Quantity(name, fill=float(np.median(numbers)) if numbers else 0.0, gaps=len(present) < len(cells))


def _open(name: str, modality: Modality | None) -> ColumnsSource:  # noqa: ARG001 - it has one modality
    path = Path(name) / FILE
    if not name or not is_file(path):
        raise SourceError(f"'columns:{name}' is created by fitting on a table; there is no {FILE} to open.")
    saved = read_json(path).get("columns")
    try:
        columns = tuple(Quantity(**{**one, "categories": tuple(one["categories"])}) for one in saved or ())
    except (TypeError, KeyError) as error:
        raise SourceError(f"'{path}' is damaged ({error!r:.100}); copy the model again.") from error
    if not columns or not all(_valid(column) for column in columns):
        raise SourceError(f"'{path}' holds columns with invalid names or numbers; copy the model again.")
    return ColumnsSource(columns)


def _valid(column: Quantity) -> bool:
    texts = all(isinstance(one, str) for one in (column.name, *column.categories))
    number = isinstance(column.fill, int | float) and abs(column.fill) <= LARGEST and isinstance(column.gaps, bool)
    return texts and number


SCHEME = Scheme("columns:FOLDER", open=_open, describe=lambda name: _open(name, None).info, names=tuple)
