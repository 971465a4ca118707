"""Delimited text files (CSV and the like): finds the separator, the header and the rows, and sets unfit rows aside."""

from __future__ import annotations

import csv
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.data.formats.cells import read_numbers
from headstart.data.formats.set_aside import MOST_ASIDE, SetAside
from headstart.data.media.file_kinds import MEDIA
from headstart.data.naming.column_names import ID_NAMES, LABEL_NAMES, MEDIA_NAMES, SPLIT_NAMES, TEXT_NAMES, plain_name
from headstart.data.text.unicode import invalid_unicode, normalized
from headstart.errors import DataError
from headstart.reporting.wording import plural

__all__ = ["SEPARATORS", "Values", "assemble", "parse_values"]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
PROBE_LINES = 200
FIELD_LIMIT = 2**30  # the csv module's default is 131,072 characters, but long texts are valid
RETRIES = 20  # lines read again after bad quotation marks, per line of the file; beyond, all marks are text
MANY_SHORT = 0.1  # of the rows; if more end early, the program that wrote them omits empty cells at the end
EXAMPLES = 3
HINT = re.compile(
    r'\s*"?sep=(?:(\\t|[^\w"])\1*)?"?\1*\s*', re.IGNORECASE
)  # Excel's hint; a spreadsheet may have quoted or padded it
KNOWN_NAMES = frozenset({*LABEL_NAMES, *TEXT_NAMES, *MEDIA_NAMES, *SPLIT_NAMES, *ID_NAMES})


@dataclass(frozen=True)
class Values:
    r"""The parsed content of a delimited file.

    Attributes:
        header: names of the columns; None if the file has no header.
        rows: cells of each row, as many as there are columns.
        numbers: the position of each row in the file, counted from 0 without the header.
        separator: the character between cells.
        set_aside: the rows that cannot be read.
        notes: notes on how it was read.

    Examples:
        >>> parse_values("a;b\n1;2\n", "x.csv").header
        ['a', 'b']
    """

    header: list[str] | None
    rows: list[list[str]]
    numbers: list[int]
    separator: str
    set_aside: tuple[SetAside, ...] = ()
    notes: tuple[str, ...] = ()


def parse_values(text: str, name: str, *, is_tabs: bool = False) -> Values:
    r"""Parse a delimited text into header and rows.

    The separator is the one that splits most lines into as many cells as the first line; a first line ``sep=;``
    (Excel's hint) names it. Lines above the header that begin with ``#`` are comments. A quotation mark that is never
    closed, or whose cell would span several rows, is read as text.

    Args:
        text: the content of the file.
        name: its name, for messages.
        is_tabs: whether tabs are expected; another separator is used only if there are no tabs at all.

    Raises:
        DataError: if it is empty, or if at least half of the rows do not have as many cells as the header.

    Examples:
        >>> values = parse_values("text,label\nyes,a\nno,b,c\nwell,d\n", "x.csv")
        >>> values.rows, str(values.set_aside[0])
        ([['yes', 'a'], ['well', 'd']], 'row 1 (line 3): it has 3 cells, but the header has 2')
    """
    lines = _split_lines(text)
    start, hint, notes = _skip_preamble(lines, name)
    probe = [line for line in lines[start : start + PROBE_LINES] if line.strip()]
    if not probe:
        raise DataError(f"The table '{name}' is empty; give a header and rows.")
    separator = hint or _separator(probe, is_tabs=is_tabs)
    is_whole = invalid_unicode(text) is None
    if '"' not in text:  # the same result as the csv module, but faster
        filled = (
            (place, line) for place, line in enumerate(lines[start:], start + 1) if separator in line or line.strip()
        )
        records = [(place, line.split(separator)) for place, line in filled]
        return assemble(records, separator, name, notes, is_whole=is_whole)
    parser = _Parser(lines, start, separator, spaced=sum(f'{separator} "' in line for line in probe) * 2 > len(probe))
    records = list(parser)
    if parser.unclosed:
        notes.append(
            f"Read the quotation marks in {_lines(parser.unclosed)} of '{name}' as text, because they are not paired."
        )
    return assemble(records, separator, name, notes, is_whole=is_whole)


def _split_lines(text: str) -> list[str]:
    """Lines with Unix, Windows or classic Mac OS line endings; NUL characters are removed."""
    text = text.replace("\x00", "") if "\x00" in text else text
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        text = text.replace("\r", " " if "\n" in text else "\n")
    return text.split("\n")


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:EXAMPLES])) + (", ..." if len(numbers) > EXAMPLES else "")
    return f"line{'s' if len(numbers) > 1 else ''} {shown}"


def assemble(
    records: list[tuple[int, list[str]]], separator: str, name: str, notes: list[str], *, is_whole: bool = False
) -> Values:
    """Assemble rows as long as the first record, which is the header unless it looks like the other records.

    Args:
        records: at least one record, each with its line number.
        separator: the character between cells.
        name: name of the file, for messages.
        notes: notes on how it was read so far; more are added.
        is_whole: whether the cells are known to be valid Unicode; otherwise each row is checked.

    Raises:
        DataError: if at least half of the rows do not have as many cells as the header.

    Examples:
        >>> assemble([(1, ["text", "label"]), (2, ["yes", "a"])], ",", "x.csv", []).rows
        [['yes', 'a']]
    """
    head = records[0][1]
    width = len(head)
    has_header = not _is_row(head, [cells for _, cells in records[1:]])
    rows = records[1:] if has_header else records
    short = sum(len(cells) < width for _, cells in rows)
    padded = short > MANY_SHORT * len(rows) and all(len(cells) <= width for _, cells in rows)
    if padded and short:
        notes.append(f"{plural(short, 'row')} of '{name}' end before the last column; their missing cells are empty.")
    kept, numbers, aside = list[list[str]](), list[int](), list[SetAside]()
    for number, (line, cells) in enumerate(rows):
        fitted = _fit(cells, width, padded=padded)
        reason = None if is_whole else _half(cells)
        if len(fitted) != width:
            reason = f"it has {plural(len(cells), 'cell')}, but the header has {width}"
        if reason is None:
            kept.append(fitted)
            numbers.append(number)
        else:
            aside.append(SetAside(number, line, reason))
    misfits = [row for row in aside if "the header" in row.reason]
    if len(misfits) >= MOST_ASIDE * len(rows) and misfits:
        raise DataError(
            f"Cannot read '{name}' as a table: {len(misfits)} of {plural(len(rows), 'row')} do not have as many cells "
            f"as the header, such as line {misfits[0].line}: {misfits[0].reason}; fix the header, or quote cells that "
            "contain a separator."
        )
    header = [normalized(cell) for cell in head] if has_header else None
    return Values(header, kept, numbers, separator, tuple(aside), tuple(notes))


def _half(cells: Sequence[str]) -> str | None:
    whole = "".join(cells)
    return None if whole.isascii() else invalid_unicode(whole)


def _fit(cells: list[str], width: int, *, padded: bool) -> list[str]:
    """A row without surplus empty cells at its end; with ``padded``, short rows are filled with empty cells."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return cells[:width]
    return cells + [""] * (width - len(cells)) if padded else cells


def _skip_preamble(lines: Sequence[str], name: str) -> tuple[int, str, list[str]]:
    """The line of the header, the separator that a line ``sep=`` names, and notes."""
    start, hint, comments = 0, "", 0
    notes: list[str] = []
    for start, line in enumerate(lines):
        text = line.strip("\ufeff \r").strip()
        named = None if hint else HINT.fullmatch(line.lstrip("\ufeff"))
        if named is not None:
            hint = "\t" if named[1] in (None, r"\t") else named[1]
            notes.append(f"The first line of '{name}' only names the separator and was left out.")
        elif text.startswith("#") and not _is_header_with_sign(lines, start):
            comments += 1
        elif text:
            break
    else:
        start = len(lines)
    if comments:
        notes.append(f"Left out {plural(comments, 'line')} of comments above the header of '{name}'.")
    return start, hint, notes


def _is_header_with_sign(lines: Sequence[str], start: int) -> bool:
    """Whether a line that begins with # is a header (``#id,text``): it has as many separators as the next line."""
    following = next((line for line in lines[start + 1 :] if line.strip()), "")
    if following.lstrip().startswith("#"):
        return False
    return any(line.count(sign) == following.count(sign) > 0 for line in [lines[start]] for sign in SEPARATORS)


class _Parser:
    """Iterator over records and their first line numbers; a bad quotation mark affects only its own line."""

    def __init__(self, lines: Sequence[str], start: int, separator: str, *, spaced: bool) -> None:
        self.lines = lines
        self.place = start
        self.separator = separator
        self.spaced = spaced
        self.unclosed: list[int] = []
        self.width = 0
        self.wasted = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        with _FieldLimit():
            reader = self._reader()
            while self.place < len(self.lines):
                first = self.place
                try:
                    cells = next(reader, [])
                except csv.Error:  # a quotation mark that is never closed, or closed inside of its cell
                    cells = None
                # A record of several lines with a wrong number of cells has swallowed rows: read its first line alone.
                if cells is None or (self.place - first > 1 and self.width and len(cells) != self.width):
                    self.wasted += self.place - first
                    self.place = first + 1
                    cells = self._alone(first)
                    reader = self._reader()
                if len(cells) > 1 or "".join(cells).strip():
                    self.width = self.width or len(cells)
                    yield first + 1, cells

    def _feed(self) -> Iterator[str]:
        while self.place < len(self.lines):
            line = self.lines[self.place]
            self.place += 1
            yield line + "\n"

    def _reader(self) -> Iterator[list[str]]:
        if self.wasted > RETRIES * len(self.lines) + RETRIES:
            return csv.reader(self._feed(), delimiter=self.separator, quoting=csv.QUOTE_NONE)
        return csv.reader(self._feed(), delimiter=self.separator, strict=True, skipinitialspace=self.spaced)

    def _alone(self, place: int) -> list[str]:
        """The cells of one line; its quotation marks are text unless they pair and give the expected cell count."""
        line = self.lines[place]
        if line.count('"') % 2 == 0:
            cells = next(csv.reader([line], delimiter=self.separator, skipinitialspace=self.spaced), [])
            if len(cells) == (self.width or len(cells)):
                return cells
        self.unclosed.append(place + 1)
        return next(csv.reader([line], delimiter=self.separator, quoting=csv.QUOTE_NONE), [])


class _FieldLimit:
    """Raises the csv module's field size limit, which is global to the process, while any table is being read."""

    lock = threading.Lock()
    users = 0
    before = 0

    def __enter__(self) -> None:
        with self.lock:
            if _FieldLimit.users == 0:
                _FieldLimit.before = csv.field_size_limit(min(FIELD_LIMIT, sys.maxsize))
            _FieldLimit.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            _FieldLimit.users -= 1
            if _FieldLimit.users == 0:
                csv.field_size_limit(_FieldLimit.before)


def _separator(probe: Sequence[str], *, is_tabs: bool) -> str:
    """The separator that splits most lines into as many cells as the first line."""
    if is_tabs and any("\t" in line for line in probe):
        return "\t"
    best, score = "\t" if is_tabs else ",", (0.0, 1)
    with _FieldLimit():
        for sign in SEPARATORS:
            widths = [len(row) for row in csv.reader(probe, delimiter=sign) if row]
            if widths and widths[0] > 1:
                share = sum(width == widths[0] for width in widths) / len(widths)
                found = (round(share, 1), widths[0])
                best, score = (sign, found) if found > score else (best, score)
    return best


def _is_row(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first record is a row, not a header: all numbers, a file name, or a value that recurs in its column.

    The numbers 0, 1, 2, ... may be column names, so they count as a header.
    """
    found = read_numbers(head)
    if found.is_number.all():
        return list(range(len(head))) != [*found.values]
    if any(plain_name(cell) in KNOWN_NAMES for cell in head):
        return False
    if any(Path(cell).suffix.lower() in MEDIA for cell in head if len(cell) < 4096):
        return True
    for place, cell in enumerate(head):
        if not cell.strip() or found.is_number[place]:
            continue
        column = [row[place] for row in rows if len(row) > place]
        again = column.count(cell)
        if again > 1 and again * 50 > len(column) and len(set(column)) * 2 <= len(column):
            return True
    return False
