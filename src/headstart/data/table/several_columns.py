"""Multimodal items from several columns of a table: pictures, sounds, texts, numbers and categories."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.schema import ReadOptions
from headstart.data.table.column_facts import ColumnFacts, Facts
from headstart.data.table.columns import ColumnRoles, infer_columns
from headstart.data.table.item_column import Item, inspect_cells
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural
from headstart.types import Dataset

__all__ = ["ItemColumn", "item_columns", "multimodal_items", "named_columns", "parse_column", "quantities", "roles_of",
           "text_columns"]  # fmt: skip

KINDS = ("image", "audio", "text", "number", "category")
QUANTITIES = ("number", "category")
FEW_WORDS = 3.0  # string columns with fewer words on average and repeated values are categories


@dataclass(frozen=True)
class ItemColumn:
    """One of the columns that make up an item.

    Attributes:
        name: name of the column.
        kind: ``"image"``, ``"audio"``, ``"text"``, ``"number"`` or ``"category"``.
        seen: what its cells hold, if the kind was inferred from them.

    Examples:
        >>> str(ItemColumn("price", "number"))
        'price:number'
    """

    name: str
    kind: str
    seen: Item | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}:{self.kind}"


def parse_column(text: str) -> ItemColumn:
    """The column that ``NAME:KIND`` names.

    Examples:
        >>> parse_column("time: of day:number")
        ItemColumn(name='time: of day', kind='number')
    """
    name, _, kind = text.rpartition(":")
    return ItemColumn(name, kind)


def text_columns(dataset: Dataset) -> list[tuple[str, list[str]]]:
    """The texts of each text column, without missing ones; the column name is empty if an item is a single text.

    Args:
        dataset: n items.

    Examples:
        >>> text_columns(Dataset(["good", "bad"], ("0", "1"), "text"))
        [('', ['good', 'bad'])]
        >>> text_columns(Dataset([("as new", (5.0,))], ("0",), "multimodal", columns=("note:text", "price:number")))
        [('note', ['as new'])]
    """
    if dataset.modality == "text":
        return [("", list(dataset.items))]
    if dataset.modality != "multimodal":
        return []
    held = [column for column in map(parse_column, dataset.columns) if column.kind not in QUANTITIES]
    return [
        (column.name, [item[place] for item in dataset.items if item[place] is not None])
        for place, column in enumerate(held)
        if column.kind == "text"
    ]


def named_columns(options: ReadOptions, names: Collection[str]) -> tuple[str, ...]:
    """The item columns that the user named, if they are several; else an empty tuple.

    Args:
        options: ``items`` names several; ``item`` may name several separated by commas, unless that is itself a column.
        names: names of the table's columns.

    Examples:
        >>> named_columns(ReadOptions(item="photo,price"), ["photo", "price", "sold"])
        ('photo', 'price')
    """
    if options.items:
        return options.items
    if options.item is None or options.item in names or "," not in options.item:
        return ()
    return tuple(part.strip() for part in options.item.split(",") if part.strip())


def item_columns(facts: Facts, wanted: Sequence[str], roots: Collection[Path], origin: str) -> tuple[ItemColumn, ...]:
    """The item columns with their kinds, inferred unless given as ``NAME:KIND``; media and texts come first.

    Args:
        facts: facts of the table's columns.
        wanted: names of columns, or ``NAME:KIND``.
        roots: folders that paths may be relative to.
        origin: the table's name, for messages.

    Raises:
        DataError: if there is no such column, or if its cells cannot be read.

    Examples:
        >>> import pandas as pd
        >>> from headstart.data.table.column_facts import facts_of
        >>> frame = pd.DataFrame({"price": [1.0, 2.0, 3.0], "note": ["as good as new", "a bit worn out", "broken"]})
        >>> [str(column) for column in item_columns(facts_of(frame), ["price", "note"], [], "memory")]
        ['note:text', 'price:number']
    """
    found = [_column(facts, text, roots, origin) for text in wanted]
    names = [column.name for column in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(f"The item columns include {name_some(sorted(twice))} twice; name each column once.")
    # The sort is stable, so within each of the two groups the user's order is kept.
    return tuple(sorted(found, key=lambda column: column.kind in QUANTITIES))


def _column(facts: Facts, text: str, roots: Collection[Path], origin: str) -> ItemColumn:
    if text in facts:
        seen = inspect_cells(facts[text], roots)
        return ItemColumn(text, _kind(facts[text], seen, origin), seen)
    given = parse_column(text)
    if given.name in facts and given.kind in KINDS:
        return given
    allowed = f", each optionally followed by ':' and one of {', '.join(KINDS)}"
    raise DataError(
        f"There is no column '{text}' in {origin}; --item takes columns separated by commas{allowed}. Its columns are "
        f"{name_some(facts)}."
    )


def _kind(facts: ColumnFacts, seen: Item | None, origin: str) -> str:
    if seen is not None and seen.modality in ("image", "audio"):
        return seen.modality
    if seen is not None:
        raise DataError(
            f"Column '{facts.name}' of {origin} holds lists of numbers; give each number a column of its own."
        )
    if facts.is_number:
        return "number"
    if facts.dtype_kind == "b":
        return "category"
    return "category" if facts.mean_words < FEW_WORDS and facts.is_low else "text"


def roles_of(
    facts: Facts, columns: Sequence[ItemColumn], roots: Collection[Path], options: ReadOptions, origin: str
) -> ColumnRoles:
    """The roles of the other columns (labels and split), as for a table with one item column.

    Args:
        facts: facts of the table's columns.
        columns: the columns that make up an item.
        roots: folders that paths may be relative to.
        options: how to read.
        origin: the table's name, for messages.

    Examples:
        >>> import pandas as pd
        >>> from headstart.data.table.column_facts import facts_of
        >>> frame = pd.DataFrame({"price": [1.0, 2.0], "brand": ["a", "b"], "label": ["x", "y"]})
        >>> columns = [ItemColumn("price", "number"), ItemColumn("brand", "category")]
        >>> roles_of(facts_of(frame), columns, [], ReadOptions(), "memory").labels
        ('label',)
    """
    import pandas as pd

    item, others = columns[0].name, {column.name for column in columns[1:]}
    rest = {name: column for name, column in facts.items() if name not in others}
    rest[item] = ColumnFacts(item, pd.Series("a text", facts[item].column.index))  # the real cells are known already
    roles = infer_columns(rest, roots, replace(options, item=item, items=(), modality="text"), origin)
    named = ", ".join(f"'{column.name}' ({column.kind})" for column in columns)
    return replace(roles, notes=(f"Read each item from {plural(len(columns), 'column')}: {named}.", *roles.notes))


def multimodal_items(columns: Sequence[ItemColumn], cells: Sequence[Sequence[Any]]) -> tuple[list[Any], list[str]]:
    """One item per row: a tuple of its pictures, sounds and texts, with a tuple of its quantities at the end.

    Args:
        columns: the item columns, media and texts first.
        cells: n cells of each column, None if missing.

    Returns:
        The items, and a note for each column with missing values.

    Examples:
        >>> columns = [ItemColumn("note", "text"), ItemColumn("price", "number")]
        >>> multimodal_items(columns, [["as new", None], [5.0, 7.0]])[0]
        [('as new', (5.0,)), (None, (7.0,))]
    """
    held = [k for k, column in enumerate(columns) if column.kind not in QUANTITIES]
    counted = [k for k, column in enumerate(columns) if column.kind in QUANTITIES]
    notes = []
    for column, values in zip(columns, cells, strict=True):
        missing = sum(value is None for value in values)
        if missing:
            which = plural(missing, "row has", "rows have")
            notes.append(f"{which} no '{column.name}'; zeros and a feature that marks it as missing are used instead.")
    items = []
    for row in range(len(cells[0])):
        item = tuple(cells[k][row] for k in held)
        items.append((*item, tuple(cells[k][row] for k in counted)) if counted else item)
    return items, notes


def quantities(values: NDArray[np.object_]) -> list[Any]:
    """Cells of numbers or categories as plain values, None if missing.

    Examples:
        >>> quantities(np.array([1.0, None, np.float64("nan")], dtype=object))
        [1.0, None, None]
    """
    return [None if value is None or value != value else value for value in values.tolist()]  # noqa: PLR0124 (NaN)
