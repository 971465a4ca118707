"""Excel and OpenDocument spreadsheets, read by calamine in a separate process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headstart.data.formats.delimited import Values, assemble
from headstart.errors import DataError, MissingExtraError
from headstart.reporting.wording import name_some

__all__ = ["SPREADSHEETS", "read_spreadsheet"]

SPREADSHEETS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
"""File extensions, in lower case, of the spreadsheets that can be read with the extra ``excel``."""

MAX_BYTES = 256 * 2**20
MAX_SECONDS = 300


def read_spreadsheet(path: Path) -> Values:
    """Read one sheet: the first visible one with at least two rows and two columns. A note names the other sheets.

    Rows with fewer filled cells above the header, such as a title, are left out. Cells are strings as in a CSV file:
    whole numbers without a point, dates in ISO 8601, text (including ``007``) unchanged.

    Args:
        path: the file.

    Raises:
        MissingExtraError: if python-calamine is not installed.
        DataError: if the file cannot be read, is protected by a password, or needs too much memory.

    Examples:
        >>> read_spreadsheet(Path("nowhere.xlsx"))
        Traceback (most recent call last):
        headstart.errors.DataError: Cannot read 'nowhere.xlsx': No such file or directory.
    """
    if importlib.util.find_spec("python_calamine") is None:
        raise MissingExtraError(f"Reading the spreadsheet '{path}'", "excel")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"Cannot read '{path}': {error.strerror}.") from error
    if size > MAX_BYTES:
        raise DataError(f"'{path}' is larger than {MAX_BYTES // 2**20} MiB; save its sheet as CSV or Parquet.")
    facts, rows = _cells(path)
    records = [(number, cells) for number, cells in enumerate(rows, 1) if any(cell.strip() for cell in cells)]
    if not records:
        raise DataError(f"The sheet '{facts['taken']}' of '{path}' is empty; give a header and rows.")
    notes = []
    others = [name for name in facts["sheets"] if name != facts["taken"]]
    if others:
        read = f"Read the sheet '{facts['taken']}' of '{path.name}'"
        notes.append(f"{read}, not {name_some(others)}; to read another sheet, save it as a file of its own.")
    first = _header_row(records)
    if first:
        notes.append(f"Took row {records[first][0]} of the sheet '{facts['taken']}' as the header.")
    return assemble(_without_empty_columns(records[first:]), ",", str(path), notes)


def _header_row(records: Sequence[tuple[int, list[str]]]) -> int:
    """The first record with at least two thirds as many filled cells as the median record."""
    filled = [sum(bool(cell.strip()) for cell in cells) for _, cells in records]
    usual = sorted(filled)[len(filled) // 2]
    return next(place for place, count in enumerate(filled) if count * 3 >= usual * 2)


def _without_empty_columns(records: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    used = [any(cell.strip() for cell in column) for column in zip(*(cells for _, cells in records), strict=True)]
    return [(number, [cell for cell, held in zip(cells, used, strict=True) if held]) for number, cells in records]


def _cells(path: Path) -> tuple[dict[str, Any], list[list[str]]]:
    """What the child process reports about the sheets, and the cells of the chosen one."""
    script = Path(__file__).with_name("spreadsheet_child.py")
    command = [sys.executable, "-P", str(script), os.fspath(path.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=MAX_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise DataError(f"Reading '{path}' took longer than {MAX_SECONDS} s; save its sheet as CSV.") from error
    except OSError as error:
        raise DataError(f"Cannot start a process to read '{path}': {error.strerror}.") from error
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    facts = json.loads(lines[0]) if lines else {}
    if "error" in facts or (lines and lines[-1].startswith('{"error"')):
        reason = json.loads(lines[-1])["error"]
        raise DataError(f"Cannot read '{path}' as a spreadsheet: {reason}; save its sheet as CSV.")
    if done.returncode or not lines:
        raise DataError(
            f"Cannot read '{path}' as a spreadsheet: its sheets need more memory than is allowed, or the file is "
            "damaged; save its sheet as CSV."
        )
    return facts, [json.loads(line) for line in lines[1:]]
