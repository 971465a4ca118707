"""CSV files that a spreadsheet can open: a text is never run as a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["harmless_cell", "harmless_frame", "write_csv"]

# A text that begins so is a formula to Excel, LibreOffice or Google Sheets; in East Asia also in full width.
# OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 (the signs of full width are meant)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*%?")


def harmless_cell(value: Any) -> Any:
    r"""A cell as it may stand in a CSV file: a text that would be run as a formula gets an apostrophe before it.

    Numbers stay what they are, also as texts; so do other texts, but for the ends of their lines, which become ``\n``.

    Args:
        value: the cell.

    Examples:
        >>> harmless_cell("=1+1"), harmless_cell("-1.5"), harmless_cell(-1.5), harmless_cell("a = b")
        ("'=1+1", '-1.5', -1.5, 'a = b')
    """
    if isinstance(value, str) and "\r" in value:  # which would end the row, since csv does not quote it
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(value.strip(" ")):
        return f"'{value}"
    return value


def harmless_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of the table with all cells and names of columns as `harmless_cell` writes them.

    Args:
        frame: the table.

    Examples:
        >>> import pandas as pd
        >>> harmless_frame(pd.DataFrame({"a": ["@SUM(1)"], "b": [-1]})).to_csv(index=False).split()
        ['a,b', "'@SUM(1),-1"]
    """
    safe = frame.copy(deep=False)
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind not in "biufcmM":
            cells = np.empty(len(frame), dtype=object)  # of numbers and empty cells, pandas would make 7.0 of 7
            cells[:] = [harmless_cell(cell) for cell in frame.iloc[:, place].astype(object)]
            safe.isetitem(place, cells)
    safe.columns = [harmless_cell(name) for name in frame.columns]
    return safe


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    r"""Write rows as CSV in UTF-8, with a header.

    Args:
        path: the file.
        rows: cells by column; a missing one is empty.
        columns: the header, in order.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.csv"
        >>> write_csv(place, [{"name": "=1", "count": -2}], ["name", "count"])
        >>> place.read_text()
        "name,count\n'=1,-2\n"
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([harmless_cell(name) for name in columns])
        writer.writerows([harmless_cell(row.get(name)) for name in columns] for row in rows)
