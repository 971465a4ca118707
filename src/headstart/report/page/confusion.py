"""The confusion matrix: a table of counts, or a map where there are many classes, whose cells link to their items."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from headstart.report.content.words import shortened
from headstart.report.page.axes import svg
from headstart.report.page.elements import lines, scroll, text
from headstart.report.page.style import SHADES

__all__ = ["cell_key", "confusion_map", "confusion_table"]

Counts = Sequence[Sequence[int]]
Cells = Collection[tuple[int, int]]

CAPTION = "Number of items by true class (rows) and predicted class (columns), shaded by the share of the row"
FEW = 6  # classes whose names stand upright above the columns
SIDE = 720.0  # of the map


def cell_key(i: int, j: int) -> str:
    """The id of the items of true class i and predicted class j.

    Examples:
        >>> cell_key(3, 5)
        'cell-3-5'
    """
    return f"cell-{i}-{j}"


def confusion_table(counts: Counts, labels: Sequence[str], linked: Cells = ()) -> str:
    """The matrix as a table.

    Args:
        counts: (C, C) items by true class (row) and predicted class.
        labels: names of the classes.
        linked: cells whose items are on the page; their counts are links.

    Examples:
        >>> shown = confusion_table([[4, 2], [0, 6]], ["no", "yes"], [(0, 1)])
        >>> '<a href="#cell-0-1"' in shown, shown.count("<a ")
        (True, 1)
    """
    names = [shortened(label, 24) for label in labels]
    head = "".join(f'<th scope="col"><span>{text(name)}</span></th>' for name in names)
    rows = [
        f'<tr><th scope="row">{text(name)}</th>{"".join(_cells(i, row, names, linked))}</tr>'
        for i, (name, row) in enumerate(zip(names, counts, strict=True))
    ]
    kind = "heat" if len(labels) <= FEW else "heat tall"
    start = f"<caption>{CAPTION}</caption>\n<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n"
    return scroll(f'<table class="{kind}">{start}{lines(rows)}</tbody>\n</table>', CAPTION)


def _cells(i: int, row: Sequence[int], names: Sequence[str], linked: Cells) -> Iterator[str]:
    total = sum(row)
    for j, count in enumerate(row):
        shade = f"{'right' if i == j else 'wrong'} s{_shade(count, total)}" if count else "zero"
        if (i, j) in linked:
            label = text(f"{count} items of {names[i]}, predicted as {names[j]}")
            content = f'<a href="#{cell_key(i, j)}" aria-label="{label}">{count:,}</a>'
        else:
            content = f"<span>{count:,}</span>"
        yield f'<td class="{shade}">{content}</td>'


def _shade(count: int, total: int) -> int:
    return max(1, round(SHADES * count / total))


def confusion_map(counts: Counts, labels: Sequence[str], linked: Cells = ()) -> str:
    """The matrix as a map of coloured squares, for many classes; a square with items on the page is a link.

    Args:
        counts: as for `confusion_table`.
        labels: as for `confusion_table`.
        linked: as for `confusion_table`.

    Examples:
        >>> shown = confusion_map([[4, 2], [0, 6]], ["no", "yes"], [(0, 1)])
        >>> shown.count("<rect"), shown.count("<a ")
        (4, 1)
    """
    side = SIDE / len(labels)
    names = [shortened(label, 40) for label in labels]
    squares = [
        square if (i, j) not in linked else f'<a href="#{cell_key(i, j)}">{square}</a>'
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if count
        for square in [_square(i, j, count / sum(row), f"{names[i]}, predicted as {names[j]}: {count:,}", side)]
    ]
    frame = f'<rect class="frame" x="0.5" y="0.5" width="{SIDE - 1:g}" height="{SIDE - 1:g}"/>'
    words = "rows are true classes, columns predicted ones, in the order of the table below"
    return svg([frame, *squares], "Confusion matrix", words, SIDE, SIDE)


def _square(i: int, j: int, part: float, says: str, side: float) -> str:
    kind, strength = "map-right" if i == j else "map-wrong", 0.25 + 0.75 * part
    place = f'x="{j * side:.1f}" y="{i * side:.1f}" width="{side:.1f}" height="{side:.1f}"'
    return f'<rect class="{kind}" {place} fill-opacity="{strength:.2f}"><title>{text(says)}</title></rect>'
