"""The ``repr`` of results: a few lines of text, and a small table in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from headstart.reporting.text import display_width, one_line, shortened, wrap

__all__ = ["STYLE", "summary_html", "summary_text", "table_html"]

WIDTH = 100
LONGEST = 400  # columns of the value of a fact

# Nothing but the lines has a colour, so that it suits light and dark notebooks; more specific than their own rules.
STYLE = (
    "table.headstart{border-collapse:collapse;max-width:60rem;color:inherit}"
    "table.headstart caption{caption-side:top;padding:.3rem .6rem;color:inherit;font-weight:600;text-align:left}"
    "table.headstart tr>th,table.headstart tr>td{padding:.2rem .6rem;border-bottom:1px solid rgba(128,128,128,.35);"
    "text-align:left;vertical-align:top;white-space:normal;overflow-wrap:anywhere}"
    "table.headstart tr>th{font-weight:500;opacity:.75;overflow-wrap:normal}"
    "table.headstart tr>td.note{opacity:.75;border:0}"
)

Facts = Sequence[tuple[str, str]]


def summary_text(title: str, facts: Facts) -> str:
    """A title with facts below it, one per line, wrapped at 100 columns.

    Args:
        title: name of the result, with its main figure.
        facts: names with values.

    Examples:
        >>> print(summary_text("Run: accuracy 0.912", [("source", "toy"), ("head", "ridge")]))
        Run: accuracy 0.912
          source  toy
          head    ridge
    """
    room = max((display_width(one_line(name)) for name, _ in facts), default=0)
    lines = [shortened(one_line(title), WIDTH)]
    for name, value in facts:
        begin = f"  {one_line(name)}"
        begin += " " * (room + 4 - display_width(begin))
        first, *others = wrap(shortened(one_line(value), LONGEST), WIDTH, first=room + 4, indent=room + 4)
        lines += [(begin + first).rstrip(), *others]
    return "\n".join(lines)


def summary_html(title: str, facts: Facts) -> str:
    """The same as an HTML table for a notebook, in its colours; titles, names and values are escaped.

    Args:
        title: name of the result.
        facts: names with values.

    Examples:
        >>> "<th>labels</th><td>&lt;b&gt;</td>" in summary_html("Run", [("labels", "<b>")])
        True
    """
    rows = "".join(f"<tr><th>{_cell(name)}</th><td>{_cell(value)}</td></tr>" for name, value in facts)
    return _table(title, rows)


def table_html(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """A result with several columns as an HTML table for a notebook; everything is escaped.

    Args:
        title: name of the result.
        header: names of the columns.
        rows: cells as text.
        notes: sentences below the table.

    Examples:
        >>> "<td>&lt;b&gt;</td>" in table_html("Ranking", ("rank", "source"), [("1", "<b>")])
        True
    """
    head = "".join(f'<th scope="col">{_cell(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    below = "".join(f'<tr><td colspan="{len(header)}" class="note">{_cell(note)}</td></tr>' for note in notes)
    return _table(title, f"<tr>{head}</tr>{body}{below}")


def _cell(value: str) -> str:
    return escape(shortened(one_line(value), LONGEST))


def _table(title: str, rows: str) -> str:
    caption = escape(shortened(one_line(title), WIDTH))
    return f'<style>{STYLE}</style><table class="headstart"><caption>{caption}</caption>{rows}</table>'
