"""Columns of objects that are numbers: strings in any notation, and the decimals of databases."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from headstart.data.cells import type_column
from headstart.data.column_kinds import is_identifier_name
from headstart.data.column_names import MEDIA_NAMES, TEXT_NAMES, plain_name
from headstart.data.wording import name_some

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["strings_as_numbers"]


def strings_as_numbers(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """The frame with columns of strings as numbers where nearly all of their cells are such, and notes by column.

    So are columns of `decimal.Decimal` or `fractions.Fraction`. Columns that are called like texts, files or
    identifiers stay as they are.

    Args:
        frame: the table; it is not changed.

    Examples:
        >>> import pandas as pd
        >>> frame, notes = strings_as_numbers(pd.DataFrame({"size": ["1,5", "2,25"], "code": ["01", "1"]}))
        >>> frame["size"].tolist(), frame["code"].tolist()
        ([1.5, 2.25], ['01', '1'])
    """
    import pandas as pd

    found: dict[str, pd.Series] = {}
    notes: dict[str, str] = {}
    for name in frame.columns:
        column = frame[name]
        kept = plain_name(name) in (*TEXT_NAMES, *MEDIA_NAMES) or is_identifier_name(name)
        if kept or column.dtype.kind != "O":
            continue
        cells = column.astype(object).where(column.notna(), "").tolist()
        exact = [isinstance(cell, Decimal | Fraction) for cell in cells]
        if any(exact) and sum(exact) == int(column.notna().sum()):
            numbers = [float(cell) if known else math.nan for cell, known in zip(cells, exact, strict=True)]
            found[name] = pd.Series(numbers, index=frame.index)
        if not all(isinstance(cell, str) for cell in cells):
            continue
        typed = type_column(cells)
        if typed.values.dtype.kind in "iuf":
            found[name] = pd.Series(typed.values, index=frame.index)
            how = f": {typed.note}" if typed.note else ""
            notes[name] = f"Read the strings of column {name_some([name])} as numbers{how}."
    return (frame.assign(**found) if found else frame), notes
