"""Table columns: numbers and categories as rows, the part of a multimodal item that has no body.

Numbers stay as they are (a head standardises them on its training rows), categories become columns of 0 and 1. What is
learnt from the data without labels, the categories and the medians that stand for missing numbers, is kept with it.

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

LARGEST = 1e30  # of a number of a table, as of rows that come as they are
FILE = "columns.json"
MAX_CATEGORIES = 100  # the most frequent ones


@dataclass(frozen=True)
class Quantity:
    """A column of numbers, or of categories.

    Attributes:
        name: of the column.
        categories: the values that have a column of 0 and 1; empty for numbers.
        fill: what stands for a missing number, the median of those that are there.
        gaps: whether numbers were missing, so that a column says where.

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
        """How many columns it becomes."""
        return len(self.categories) or 1 + self.gaps

    def row(self, cell: Any) -> list[float]:
        """The columns of one cell; raises `ItemError` where a number is none."""
        if self.categories:
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
    """A category by its name; 3 and 3.0 are one, for a column with gaps is read as fractions."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else None if cell is None else str(cell)


@dataclass(frozen=True)
class ColumnsSource:
    """Rows of the numbers and categories of a table.

    Args:
        columns: what each cell of an item becomes.

    Examples:
        >>> source = ColumnsSource.learn(["price", "brand"], ["number", "category"], [(5.0, "a"), (None, "b")])
        >>> source.encode([(7.0, "b"), (None, "new")])
        array([[7., 0., 0., 1.],
               [5., 1., 0., 0.]])
    """

    columns: tuple[Quantity, ...]

    @classmethod
    def learn(cls, names: Sequence[str], kinds: Sequence[str], items: Sequence[Sequence[Any]]) -> Self:
        """The categories and medians of items, without their labels.

        Args:
            names: of the columns.
            kinds: ``"number"`` or ``"category"`` for each.
            items: rows of cells; None where one is missing.
        """
        cells = list(zip(*items, strict=True)) or [()] * len(names)
        learnt = [_learn(*one) for one in zip(names, kinds, cells, strict=True)]
        return cls(tuple(learnt))

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        width = sum(column.width for column in self.columns)
        blocks = (Block("columns", width, numbers=True),)
        return SourceInfo("columns", "vector", width, blocks, architecture="identity", license="none needed")

    def prepare(self, item: Sequence[Any]) -> list[float]:
        """The row of one item; raises `ItemError` where a number is none."""
        return [value for column, cell in zip(self.columns, item, strict=True) for value in column.row(cell)]

    def forward(self, prepared: Sequence[list[float]]) -> FeatureMatrix:
        """The rows (n, width), float64."""
        return np.asarray(prepared, dtype=np.float64)

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """The rows (n, width), float64, of n items."""
        return encode(self, items)

    def untrained(self, seed: int) -> None:
        """There is no body to leave untrained."""

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write the columns as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, {"columns": [asdict(column) for column in self.columns]})
        return {"name": "columns:."}


def _learn(name: str, kind: str, cells: Sequence[Any]) -> Quantity:
    there = [cell for cell in cells if cell is not None]
    if kind == "category":
        names, counts = np.unique([str(_text(cell)) for cell in there], return_counts=True)
        kept = names[np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]]
        return Quantity(name, tuple(sorted(map(str, kept))) or ("",))
    numbers = [Quantity(name).row(cell)[0] for cell in there]
    return Quantity(name, fill=float(np.median(numbers)) if numbers else 0.0, gaps=len(there) < len(cells))


def _open(name: str, modality: Modality | None) -> ColumnsSource:  # noqa: ARG001 - it reads one kind
    path = Path(name) / FILE
    if not name or not is_file(path):
        raise SourceError(f"'columns:{name}' is made from a table by a fit; there is no {FILE} to open.")
    saved = read_json(path).get("columns")
    try:
        columns = tuple(Quantity(**{**one, "categories": tuple(one["categories"])}) for one in saved or ())
    except (TypeError, KeyError) as error:
        raise SourceError(f"'{path}' is damaged ({error!r:.100}); copy the model again.") from error
    if not columns or not all(_sound(column) for column in columns):
        raise SourceError(f"'{path}' holds columns that no table has (names or numbers); copy the model again.")
    return ColumnsSource(columns)


def _sound(column: Quantity) -> bool:
    texts = all(isinstance(one, str) for one in (column.name, *column.categories))
    number = isinstance(column.fill, int | float) and abs(column.fill) <= LARGEST and isinstance(column.gaps, bool)
    return texts and number


SCHEME = Scheme("columns:FOLDER", open=_open, describe=lambda name: _open(name, None).info, names=tuple)
