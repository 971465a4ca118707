"""Building blocks of a page: paragraphs, lists, tables, figures, sections. All text is escaped here.

Every function takes plain, untrusted text and returns HTML, except where an argument is named ``html``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from headstart.report.content.words import one_line

__all__ = [
    "PageSection",
    "details",
    "figure",
    "grid",
    "lines",
    "listing",
    "note",
    "paragraph",
    "scroll",
    "section",
    "sections_html",
    "table",
    "text",
]

STACKED = 4
"""Columns from which on a table does not fit the width of a phone."""


@dataclass(frozen=True)
class PageSection:
    """A part of a page with a heading.

    Attributes:
        key: its id in the page; letters and dashes.
        title: the heading; plain text.
        html: its content; empty for a section that is left out.
        short: its name in the list of contents; default: the title.

    Examples:
        >>> PageSection("data", "Data", "<p>12 rows</p>").name
        'Data'
    """

    key: str
    title: str
    html: str
    short: str = ""

    @property
    def name(self) -> str:
        """Its name in the list of contents."""
        return self.short or self.title


def text(value: object) -> str:
    r"""Untrusted text in one line, escaped; unprintable characters and marks of direction are replaced.

    Examples:
        >>> text('<b>\u202e"hi"</b>')
        '&lt;b&gt;\ufffd&quot;hi&quot;&lt;/b&gt;'
    """
    return escape(one_line(value))


def paragraph(content: object, kind: str = "") -> str:
    """A paragraph.

    Args:
        content: plain text.
        kind: class of the style sheet; default: none.

    Examples:
        >>> paragraph("a < b", "soft")
        '<p class="soft">a &lt; b</p>'
    """
    marked = f' class="{kind}"' if kind else ""
    return f"<p{marked}>{text(content)}</p>"


def note(content: object) -> str:
    """A paragraph in smaller, lighter type.

    Examples:
        >>> note("on 12 items")
        '<p class="soft">on 12 items</p>'
    """
    return paragraph(content, "soft")


def listing(entries: Sequence[object]) -> str:
    r"""A list; empty for no entries.

    Examples:
        >>> listing(["one"])
        '<ul>\n<li>one</li>\n</ul>'
    """
    return f"<ul>\n{lines(f'<li>{text(entry)}</li>' for entry in entries)}</ul>" if entries else ""


def lines(parts: Iterable[str]) -> str:
    r"""HTML parts, each followed by a line break.

    Examples:
        >>> lines(["<p>1</p>", "<p>2</p>"])
        '<p>1</p>\n<p>2</p>\n'
    """
    return "".join(f"{part}\n" for part in parts)


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    numeric: Sequence[int] = (),
    *,
    sortable: bool = False,
    links: Sequence[str] = (),
) -> str:
    r"""A table whose first column holds the row headers, in a region that scrolls on its own.

    Args:
        caption: what it shows.
        header: names of the columns.
        rows: cells as text.
        numeric: columns that are aligned to the right.
        sortable: whether the script may sort it when a header is clicked.
        links: for each row the id on the page that its first cell links to, or empty; default: no links.

    Examples:
        >>> "<td class=\"n\">0.9</td>" in table("Metrics", ("Metric", "Value"), [("accuracy", "0.9")], numeric=[1])
        True
    """
    kind = [' class="n"' if place in numeric else "" for place in range(len(header))]
    stacked = len(header) >= STACKED  # on a phone each row is a block that names its cells
    name = [f' data-name="{text(one)}"' if stacked else "" for one in header]
    head = "".join(f'<th scope="col"{kind[place]}>{text(name)}</th>' for place, name in enumerate(header))
    body = []
    for number, row in enumerate(rows):
        first, *others = [text(cell) if str(cell) else "" for cell in row]
        if number < len(links) and links[number]:
            first = f'<a href="#{links[number]}">{first}</a>'
        cells = "".join(f"<td{kind[place]}{name[place]}>{cell}</td>" for place, cell in enumerate(others, start=1))
        body.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    classes = " ".join(["sortable"] * sortable + ["stacked"] * stacked)
    marked = f' class="{classes}"' if classes else ""
    start = f"<table{marked}>\n<caption>{text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
    return scroll(f"{start}{lines(body)}</tbody>\n</table>", caption)


def scroll(html: str, label: str) -> str:
    """A wide element in a region that scrolls on its own, also by keyboard.

    Examples:
        >>> scroll("<table></table>", "Metrics")
        '<div class="scroll" role="region" tabindex="0" aria-label="Metrics"><table></table></div>'
    """
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{text(label)}">{html}</div>'


def details(summary: str, html: str) -> str:
    r"""A part that opens on a click, without a script; empty where there is nothing to show.

    Examples:
        >>> details("All metrics", "<p>…</p>")
        '<details><summary>All metrics</summary>\n<p>…</p>\n</details>'
    """
    return f"<details><summary>{text(summary)}</summary>\n{html}\n</details>" if html else ""


def figure(svg: str, caption: str, numbers: str = "") -> str:
    """A plot with its caption, and its numbers in a table that opens on a click.

    Args:
        svg: from a module of `headstart.report.page`.
        caption: what it shows and how to read it; plain text.
        numbers: the table, as HTML; default: none.

    Examples:
        >>> figure("<svg></svg>", "Reliability")
        '<figure class="plot"><svg></svg><figcaption>Reliability</figcaption></figure>'
    """
    shown = details("The numbers", numbers) if numbers else ""
    return f'<figure class="plot">{svg}<figcaption>{text(caption)}</figcaption>{shown}</figure>'


def grid(parts: Iterable[str]) -> str:
    r"""Figures side by side where there is room; empty where there are none.

    Examples:
        >>> grid(["<figure></figure>", ""])
        '<div class="grid">\n<figure></figure>\n</div>'
    """
    shown = [part for part in parts if part]
    return f'<div class="grid">\n{lines(shown)}</div>' if shown else ""


def section(one: PageSection) -> str:
    r"""A section with its heading.

    Examples:
        >>> section(PageSection("data", "Data", "<p>12 rows</p>"))
        '<section id="data">\n<h2>Data</h2>\n<p>12 rows</p>\n</section>'
    """
    return f'<section id="{one.key}">\n<h2>{text(one.title)}</h2>\n{one.html}\n</section>'


def sections_html(sections: Iterable[PageSection]) -> str:
    """All sections that have content.

    Examples:
        >>> sections_html([PageSection("a", "A", ""), PageSection("b", "B", "<p>b</p>")]).count("<section")
        1
    """
    return "\n".join(section(one) for one in sections if one.html)
