"""Figures of classes, labels, targets or groups with their intervals, one below the other, on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.report.content.words import defined
from headstart.report.figures.canvas import MODEL, OTHER, ink, new_axes, shown_names, text_options

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST_ROWS", "Row", "draw_rows"]

MOST_ROWS = 40


@dataclass(frozen=True)
class Row:
    """A figure with its interval.

    Attributes:
        name: of the class, label, target or group.
        count: number of items behind it; None if that is not counted.
        value: the figure; None or nan where it is undefined.
        low: lower bound; None where there is none.
        high: upper bound.

    Examples:
        >>> Row("bee", 12, 0.5, 0.2, 0.8).value
        0.5
    """

    name: str
    count: int | None
    value: float | None
    low: float | None = None
    high: float | None = None


def draw_rows(
    rows: Sequence[Row], measure: str, ax: Axes | None = None, *, what: str = "Class", shares: bool = True
) -> Axes:
    """A point with its 95% interval for each row, from the top; at most 40 of them.

    Args:
        rows: the figures, the worst first.
        measure: name of the figure.
        ax: axes to draw on; default: new ones.
        what: what a row is.
        shares: whether the figures lie between 0 and 1.

    Examples:
        >>> axes = draw_rows([Row("bee", 12, 0.5, 0.2, 0.8), Row("ant", 9, 0.9, 0.6, 1.0)], "F1")
        >>> [label.get_text() for label in axes.get_yticklabels()], axes.get_title()
        (['bee (12)', 'ant (9)'], 'Class by class, the worst first')
    """
    shown = [row for row in rows if defined(row.value)][:MOST_ROWS]
    ax = new_axes(6.8, 1.4 + 0.3 * len(shown)) if ax is None else ax
    for place, row in enumerate(shown):
        if defined(row.low) and defined(row.high):
            ax.plot([row.low, row.high], [place, place], color=ink(), linewidth=1.2, marker="|", markersize=7)
    ax.scatter([row.value for row in shown if row.value is not None], range(len(shown)), color=MODEL, zorder=3)
    plain = shown_names([row.name for row in shown])
    names = [name if row.count is None else f"{name} ({row.count:,})" for name, row in zip(plain, shown, strict=True)]
    ax.set_yticks(range(len(shown)), names, **text_options(names))
    ax.set_ylim(len(shown) - 0.5, -0.5)
    if shares:
        ax.set_xlim(-0.01, 1.01)
    ax.grid(visible=True, axis="x", color=OTHER, alpha=0.3)
    ax.set_xlabel(f"{measure}, with 95% intervals")
    hidden = len(rows) - len(shown)
    ax.set_title(f"{what} by {what.lower()}, the worst first" + (f"; {hidden:,} are not shown" if hidden else ""))
    return ax
