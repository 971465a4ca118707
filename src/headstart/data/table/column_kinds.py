"""Columns that name or date a row rather than describe it: identifiers, times and URLs or e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, time
from typing import Any, Literal

from headstart.data.naming.column_names import LABEL_NAMES, plain_name
from headstart.data.table.column_facts import ColumnFacts, Facts
from headstart.data.text.nearly_all import NEARLY_ALL

__all__ = ["Naming", "is_identifier_name", "kind_of_naming", "naming_columns"]

Naming = Literal["identifier", "time", "address"]
"""What a column that names or dates its rows holds."""

SAMPLE = 200
MAX_LENGTH = 2048
THINGS = (
    "user|movie|item|product|customer|patient|image|img|file|record|sample|subject|session|order|case|doc|document|tweet|"
    "post|comment|video|song|track|person|client|account|ticket|message|question|row|study|visit|event|device|speaker|"
    "clip|photo|picture|audio|text|author|member|book|article|page|review|transaction|invoice|employee|student|house|hotel"
)
IDENTIFIER = re.compile(rf"(?:^|.*[_\s.-])(?:ids?|uu?id|guid)$|(?:{THINGS})ids?$", re.IGNORECASE)
CAMEL = re.compile(r".*[a-z](?:I[dD]|UUID|Uuid)$")
TIME = re.compile(
    r"(?:^|.*[_\s.-])(?:time|timestamp|date|datetime|created|updated|modified|published|created_at|updated_at|at|ts)$|"
    r".*[a-z](?:Date|Time|Timestamp|At)$|.*(?:timestamp|datetime)$",
)
MOMENT = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T\s]+\d{1,2}:\d{2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?:[,\s]+\d{1,2}:\d{2}.*)?|"
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]m)?|\d{8}T\d{6}Z?|"
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)\w*,?\s+)?(?:\d{1,2}\s+)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.?"
    r"\s+\d{1,4}\b.{0,30}",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"(?:https?|ftp|s3|gs|hdfs)://\S+|[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
EPOCH = 10**8  # seconds since 1970: from here on, a date after March 1973


def kind_of_naming(facts: ColumnFacts) -> Naming | None:
    """Whether a column holds identifiers, times or addresses; None if it holds none of these.

    Identifiers are whole numbers or single words in a column named like one (``userId``, ``movie_id``). Times are
    recognised by their cells, or by the column name if they are numbers as large as seconds since 1970. Addresses (URLs
    and e-mail addresses) are recognised by their cells.

    Args:
        facts: facts of the column.

    Examples:
        >>> import pandas as pd
        >>> numbers, dates = pd.Series([1, 1, 2]), pd.Series(["2024-01-02 10:00", "2024-01-03 11:30"])
        >>> [kind_of_naming(ColumnFacts(name, numbers)) for name in ("userId", "acid")]
        ['identifier', None]
        >>> kind_of_naming(ColumnFacts("when", dates))
        'time'
    """
    name, cells = facts.name, facts.spread(SAMPLE)
    if facts.dtype_kind in "Mm" or (cells and all(isinstance(cell, date | time) for cell in cells)):
        return "time"
    if not cells or facts.dtype_kind == "b":
        return None
    if all(map(_is_key, cells)) and (is_identifier_name(name) or (name.startswith("Unnamed: ") and facts.is_number)):
        return "identifier"
    return _numeric_kind(name, cells) if facts.is_number else _string_kind(cells)


def _numeric_kind(name: str, cells: Sequence[Any]) -> Naming | None:
    # Seconds, milliseconds or nanoseconds since 1970, if the column is also named like a time.
    is_late = all(EPOCH <= cell < 10**20 and float(cell).is_integer() for cell in cells)
    return "time" if is_late and TIME.match(name.strip()) else None


def _string_kind(cells: Sequence[Any]) -> Naming | None:
    strings = [cell.strip() for cell in cells if isinstance(cell, str) and len(cell) < MAX_LENGTH]
    kinds: tuple[tuple[Naming, re.Pattern[str]], ...] = (("time", MOMENT), ("address", ADDRESS))
    for kind, pattern in kinds:
        if sum(pattern.fullmatch(cell) is not None for cell in strings) >= NEARLY_ALL * len(cells):
            return kind
    return None


def is_identifier_name(name: str) -> bool:
    """Whether a column is named like an identifier (of things, not of classes).

    Examples:
        >>> is_identifier_name("movieId"), is_identifier_name("label_id"), is_identifier_name("humid")
        (True, False, False)
    """
    plain = plain_name(name)
    if re.sub(r"[_\s.-]?ids?$", "", plain) in LABEL_NAMES:
        return False
    return IDENTIFIER.fullmatch(name.strip()) is not None or CAMEL.fullmatch(name.strip()) is not None


def _is_key(cell: object) -> bool:
    if isinstance(cell, float):
        return cell.is_integer()
    return not isinstance(cell, bool) and (isinstance(cell, int) or (isinstance(cell, str) and len(cell.split()) == 1))


def naming_columns(facts: Facts, names: Collection[str]) -> dict[str, Naming]:
    """The columns that name or date rows, and what each of them holds.

    Args:
        facts: facts of the table's columns.
        names: names of the columns to check.

    Examples:
        >>> import pandas as pd
        >>> from headstart.data.table.column_facts import facts_of
        >>> naming_columns(facts_of(pd.DataFrame({"userId": [1, 1], "age": [30, 40]})), ["userId", "age"])
        {'userId': 'identifier'}
    """
    found = {name: kind_of_naming(facts[name]) for name in names}
    return {name: kind for name, kind in found.items() if kind is not None}
