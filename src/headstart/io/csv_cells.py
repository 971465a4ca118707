"""CSV output that is safe to open in a spreadsheet: no text is run as a formula."""

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

# Excel, LibreOffice and Google Sheets run a text as a formula if it starts with one of these characters, also in the
# full-width forms of East Asian keyboards.
# OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 (full-width characters are intended)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*%?")


def harmless_cell(value: Any) -> Any:
    r"""Make a cell safe for a CSV file: a text that would be run as a formula gets a leading apostrophe.

    Numbers are unchanged, also if they are texts. In other texts, line ends become ``\n``.

    Args:
        value: the cell.

    Examples:
        >>> harmless_cell("=1+1"), harmless_cell("-1.5"), harmless_cell(-1.5), harmless_cell("a = b")
        ("'=1+1", '-1.5', -1.5, 'a = b')
    """
    if isinstance(value, str) and "\r" in value:  # csv does not quote it, so it would end the row
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(value.strip(" ")):
        return f"'{value}"
    return value


def harmless_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of the table with `harmless_cell` applied to every cell and column name.

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
            cells = np.empty(len(frame), dtype=object)  # with empty cells among them, pandas would turn 7 into 7.0
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
