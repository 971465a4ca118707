"""The ``repr`` of results: a few lines of text, and a small table in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from headstart.reporting.text import display_width, one_line, shortened, wrap

__all__ = ["summary_html", "summary_text"]

WIDTH = 100
LONGEST = 400  # columns of the value of a fact

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
    """The same as an HTML table for a notebook; titles, names and values are escaped.

    Args:
        title: name of the result.
        facts: names with values.

    Examples:
        >>> summary_html("Run", [("labels", "<b>")])
        '<table><caption>Run</caption><tr><th>labels</th><td>&lt;b&gt;</td></tr></table>'
    """
    rows = "".join(
        f"<tr><th>{escape(one_line(name))}</th><td>{escape(shortened(one_line(value), LONGEST))}</td></tr>"
        for name, value in facts
    )
    return f"<table><caption>{escape(shortened(one_line(title), WIDTH))}</caption>{rows}</table>"
