"""Object columns that hold numbers: strings in any notation, and decimals from databases."""

from __future__ import annotations

import math
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from headstart.data.formats.cells import describe_numbers, read_numbers, type_column
from headstart.data.naming.column_names import MEDIA_NAMES, TEXT_NAMES, plain_name
from headstart.data.table.column_kinds import is_identifier_name
from headstart.reporting.wording import name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["known_numbers", "strings_as_numbers"]


def known_numbers(frame: pd.DataFrame, names: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """Convert columns that are known to hold numbers; notes report the cells that are not numbers.

    A column without any number is unchanged.

    Args:
        frame: the table; it is not modified.
        names: names of the columns; missing ones are ignored.

    Examples:
        >>> import pandas as pd
        >>> frame, notes = known_numbers(pd.DataFrame({"a": ["1.5", "x"]}), ["a"])
        >>> frame["a"].tolist(), notes
        ([1.5, nan], ["Column 'a': 1 cell that is not a number counts as missing ('x')."])
    """
    found: dict[str, NDArray[np.float64]] = {}
    notes: list[str] = []
    for name in names:
        if name not in frame.columns or frame[name].dtype.kind in "biuf":
            continue
        column = frame[name].astype(object)
        read = read_numbers(column.where(column.notna(), "").map(str).tolist())
        if read.is_number.any():
            found[name] = read.values
            notes += [f"Column '{name}': {note}." for note in [describe_numbers(read)] if note]
    return (frame.assign(**found) if found else frame), notes


def strings_as_numbers(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Convert columns of strings to numbers if nearly all of their cells are numbers; notes are by column.

    Columns of `decimal.Decimal` or `fractions.Fraction` are converted too. Columns named like texts, files or
    identifiers are unchanged.

    Args:
        frame: the table; it is not modified.

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
        # Databases return decimals; like all numbers, they become float64.
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
