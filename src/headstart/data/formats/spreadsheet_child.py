"""Script for a separate process: writes the cells of one sheet of a spreadsheet as JSON lines.

A crafted file can make the parser request any amount of memory, which kills the process; so the parser never runs in
the main process. Nothing of headstart is imported here.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time

__all__ = ["choose", "plain", "write"]

MAX_MEMORY = 4 * 2**30
MAX_CELLS = 20_000_000


def plain(cell: object) -> str:
    """A cell as a CSV file would contain it: whole numbers without a point, dates in ISO 8601, empty cells as "".

    Examples:
        >>> plain(3.0), plain(0.5), plain(True), plain(None), plain("007")
        ('3', '0.5', 'True', '', '007')
    """
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e16:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def choose(sizes: list[tuple[str, int, int]]) -> str:
    """The first sheet with at least two rows and two columns, else the first with two rows, else the first.

    Examples:
        >>> choose([("Notes", 1, 1), ("Data", 9, 2)])
        'Data'
    """
    for wanted in (2, 1):
        found = next((name for name, rows, columns in sizes if rows >= 2 and columns >= wanted), None)
        if found is not None:
            return found
    return sizes[0][0]


def _main(path: str) -> None:
    """Write the names of the sheets and of the chosen one, then its rows."""
    import python_calamine

    with python_calamine.CalamineWorkbook.from_path(path) as book:
        visible = python_calamine.SheetVisibleEnum.Visible
        names = [sheet.name for sheet in book.sheets_metadata if sheet.visible == visible] or book.sheet_names
        sheets = {name: book.get_sheet_by_name(name) for name in names}
        if not sheets:
            raise ValueError("it contains no sheet")
        sizes = [(name, sheet.total_height, sheet.total_width) for name, sheet in sheets.items()]
        taken = choose(sizes)
        sheet = sheets[taken]
        if sheet.total_height * sheet.total_width > MAX_CELLS:
            raise ValueError(f"its sheet '{taken}' has more than {MAX_CELLS} cells")
        write({"sheets": names, "taken": taken})
        for row in sheet.to_python(skip_empty_area=False):
            write([plain(cell) for cell in row])


def write(value: object) -> None:
    """Write one JSON value on a line of its own.

    Examples:
        >>> write(["a"])
        ["a"]
    """
    sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    try:
        import resource
    except ImportError:  # Windows has no such limit
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    try:
        _main(sys.argv[1])
    except Exception as error:  # noqa: BLE001  the parent process turns it into a message
        write({"error": str(error).splitlines()[0] if str(error) else type(error).__name__})
