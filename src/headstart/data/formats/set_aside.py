"""Rows that cannot be read: each is reported with its reason, and all other rows are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.reporting.wording import plural

__all__ = ["MOST_ASIDE", "SetAside", "describe_set_aside"]

MOST_ASIDE = 0.5
"""From this share of unfit rows on, reading fails: the file is probably not what it was taken for."""

EXAMPLES = 3


@dataclass(frozen=True)
class SetAside:
    """A row that cannot be read.

    Attributes:
        row: its number, counted from 0 without the header.
        line: the line of the file where it begins, counted from 1; 0 if rows are not lines.
        reason: why it cannot be read, as a clause.

    Examples:
        >>> str(SetAside(4, 6, "it has 3 cells, but the header has 2"))
        'row 4 (line 6): it has 3 cells, but the header has 2'
    """

    row: int
    line: int
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}{f' (line {self.line})' if self.line else ''}: {self.reason}"


def describe_set_aside(found: Sequence[SetAside], total: int, name: str) -> str | None:
    """One sentence on the rows that were set aside; None if there are none.

    Examples:
        >>> describe_set_aside([SetAside(4, 6, "it has 3 cells, but the header has 2")], 40, "a.csv")
        "Set aside 1 of 40 rows of 'a.csv': row 4 (line 6): it has 3 cells, but the header has 2."
    """
    if not found:
        return None
    shown = "; ".join(map(str, found[:EXAMPLES]))
    rest = f"; and {len(found) - EXAMPLES} more" if len(found) > EXAMPLES else ""
    return f"Set aside {len(found)} of {plural(total, 'row')} of '{name}': {shown}{rest}."
