"""Class by class, or label by label, or target by target; and the figures of each group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.tables import class_table, interval_words
from headstart.report.content.words import defined, number, shortened
from headstart.report.page.elements import PageSection, details, note, table

__all__ = ["classes", "groups"]

Record = Mapping[str, Any]

MAX_ROWS = 20
"""Rows beyond this number are in a collapsed part."""

_MEASURES = {"accuracy": "Accuracy", "label_accuracy": "Share of labels that are right", "mae": "Mean absolute error"}


def classes(record: Record) -> PageSection:
    """The metrics of each class, the worst first, with Wilson's intervals.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> classes(EXAMPLE).title
        'Class by class'
    """
    header, rows = class_table(record)
    what, intervals = header[0], interval_words(record)
    numeric = range(1, len(header))
    shown = (
        table(f"Worst first, with {intervals}", header, rows[:MAX_ROWS], numeric=numeric, sortable=True) if rows else ""
    )
    if len(rows) > MAX_ROWS:
        rest = table(f"The others, with {intervals}", header, rows[MAX_ROWS:], numeric=numeric, sortable=True)
        shown += "\n" + details(f"The other {len(rows) - MAX_ROWS}", rest)
    return PageSection(
        "classes", f"{what} by {what.lower()}", shown, "classes" if what == "Class" else f"{what.lower()}s"
    )


def groups(record: Record) -> PageSection:
    """The main figure of each group, the worst first.

    Args:
        record: the facts of a fit or of an evaluation; without ``subgroups`` there is no section.

    Examples:
        >>> row = {"group": "ann", "items": 40, "value": 0.9, "low": 0.77, "high": 0.96}
        >>> "0.900 (0.770 to 0.960)" in groups({"subgroups": {"measure": "accuracy", "groups": 1, "rows": [row]}}).html
        True
    """
    found = record.get("subgroups")
    if not found:
        return PageSection("groups", "Group by group", "")
    measure = _MEASURES[found["measure"]]
    explained = any(row.get("r2") is not None for row in found["rows"])
    header = ("Group", "Items", measure, *(["R²"] if explained else []))
    rows = [
        (shortened(row["group"]), f"{row['items']:,}", _value(row), *([_explained(row)] if explained else []))
        for row in found["rows"]
    ]
    numeric = range(1, len(header))
    said = note("A model can be good on average and poor for one group. With few items a group's figure is uncertain.")
    first = table("Worst first", header, rows[:MAX_ROWS], numeric=numeric, sortable=True)
    rest = table("The others", header, rows[MAX_ROWS:], numeric=numeric) if len(rows) > MAX_ROWS else ""
    more = details(f"The other {len(rows) - MAX_ROWS}", rest) if rest else ""
    hidden = found["groups"] - len(rows)
    left = note(f"{hidden:,} further groups, all of them better, are not shown.") if hidden > 0 else ""
    return PageSection("groups", "Group by group", f"{said}\n{first}\n{more}\n{left}".strip(), "groups")


def _value(row: Mapping[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    bounds = f" ({number(low)} to {number(high)})" if defined(low) and defined(high) else ""
    return f"{number(row['value'])}{bounds}"


def _explained(row: Mapping[str, Any]) -> str:
    return number(row["r2"]) if defined(row.get("r2")) else ""
