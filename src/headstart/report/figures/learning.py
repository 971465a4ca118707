"""The learning curve on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headstart.report.content.curves import decades, learning_lines
from headstart.report.figures.canvas import MODEL, WRONG, ink, new_axes
from headstart.report.page.axes import span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_learning_curve"]


def draw_learning_curve(curve: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """The measure against the number of labels (logarithmic), with 95% intervals; dashed: the forecast.

    Args:
        curve: ``record["learning_curve"]``.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> from headstart.report.content.example import CURVE
        >>> axes = draw_learning_curve(CURVE)
        >>> axes.get_ylabel(), axes.get_title()
        ('accuracy', '200 more labels: 0.800 → 0.820')
    """
    ax = new_axes() if ax is None else ax
    lines = learning_lines(curve)
    sizes, values, low, high = zip(*lines.points, strict=True)
    ax.set_xscale("log")
    ax.plot(*zip(*lines.known, strict=True), color=MODEL, linewidth=2)
    ax.plot(*zip(*lines.ahead, strict=True), color=WRONG, linewidth=2, linestyle="--", label="forecast")
    errors = [
        [value - end for value, end in zip(values, low, strict=True)],
        [end - value for value, end in zip(values, high, strict=True)],
    ]
    ax.errorbar(sizes, values, yerr=errors, fmt="o", color=MODEL, ecolor=ink(), elinewidth=1, capsize=3)
    edges = sizes[0] / 1.15, lines.ahead[-1][0] * 1.1
    bottom, top = span(lines.values)
    ax.set(xlim=edges, ylim=(bottom, min(top, 1.01)), xlabel="labelled items", ylabel=curve["measure"])
    ticks = decades(*edges)
    ax.set_xticks(ticks, [f"{size:,.0f}" for size in ticks])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    ax.set_title(_title(curve))
    return ax


def _title(curve: Mapping[str, Any]) -> str:
    """The last forecast up to 200 labels, in short."""
    forecasts = curve["forecasts"]
    one = next((found for found in forecasts if found["more"] == 200), forecasts[-1])
    measured = curve["errors"][-1]
    return f"{one['more']:,} more labels: {1 - measured:.3f} → {1 - max(measured - one['gain'], 0.0):.3f}"
