"""A table as a spreadsheet (``.xlsx``): one sheet of texts and numbers, written with the standard library only.

References:
    ECMA-376, "Office Open XML File Formats", part 1, section 18 (SpreadsheetML).
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from headstart.errors import SaveError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_spreadsheet"]

# What one sheet and one cell may hold (Excel specifications and limits); longer texts are cut, as Excel cuts them.
MAX_ROWS, MAX_COLUMNS, MAX_TEXT = 2**20, 2**14, 32_767
EXACT = 10**15  # spreadsheets keep 15 digits; a longer integer, such as an identifier, is written as text
# what XML 1.0 forbids even as a character reference (section 2.2, "Char"); such characters are replaced by U+FFFD
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{KIND}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{RELATIONS}">'
        f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
        '<sheets><sheet name="predictions" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{RELATIONS}">'
        f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}


def write_spreadsheet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as the only sheet of a new workbook; a text is never read as a formula.

    Args:
        frame: n rows; the column names become the first row.
        path: the file to write.

    Raises:
        SaveError: if there are more rows or columns than a sheet holds.

    Examples:
        >>> import pandas as pd, tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.xlsx"
        >>> write_spreadsheet(pd.DataFrame({"item": ["=1+1"], "p": [0.5]}), place)
        >>> zipfile.ZipFile(place).read("xl/worksheets/sheet1.xml").decode()[-88:]
        '<t xml:space="preserve">=1+1</t></is></c><c><v>0.5</v></c></row></sheetData></worksheet>'
    """
    if len(frame) >= MAX_ROWS or len(frame.columns) > MAX_COLUMNS:
        raise SaveError(
            f"A spreadsheet holds {MAX_ROWS - 1:,} rows below its header and {MAX_COLUMNS:,} columns. Got "
            f"{len(frame):,} rows of {len(frame.columns):,}; let --out end in .csv or .parquet."
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in PARTS.items():
            book.writestr(name, HEAD + content)
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for text in _sheet(frame):
                sheet.write(text.encode())


def _sheet(frame: pd.DataFrame) -> Iterator[str]:
    yield f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'
    yield _row([str(name) for name in frame.columns])
    for cells in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None):
        yield _row(cells)
    yield "</sheetData></worksheet>"


def _row(cells: Sequence[object]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(value: object) -> str:
    """A cell: a Boolean, a number, a text, or empty. Cells carry no address: they follow each other in the row."""
    if value is None:
        return "<c/>"
    if isinstance(value, bool):  # before integers, since bool is one
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, Integral) and abs(int(value)) < EXACT:
        return f"<c><v>{int(value)}</v></c>"
    if isinstance(value, float) and math.isfinite(value):
        return f"<c><v>{float(value)!r}</v></c>"
    text = escape(NOT_XML.sub("\ufffd", str(value)[:MAX_TEXT]))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
