"""Predicted against true values, and residuals, on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headstart.report.content.curves import residuals
from headstart.report.content.words import number
from headstart.report.figures.canvas import MODEL, OTHER, new_axes, shown_names, text_options
from headstart.report.page.axes import span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_predicted", "draw_residuals"]

Target = Mapping[str, Any]


def draw_predicted(target: Target, ax: Axes | None = None) -> Axes:
    """Predicted against true values; on the dashed line they agree.

    Args:
        target: from `headstart.evaluate.diagrams.residual_points`.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> axes = draw_predicted({"target": "price", "truth": [1.0, 2.0], "predicted": [1.5, 2.5], "count": 2})
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('true price', 'predicted price')
    """
    ax = new_axes(5.2, 5.0) if ax is None else ax
    edges = span([*target["truth"], *target["predicted"]])
    ax.plot(edges, edges, color=OTHER, linestyle="--", linewidth=1)
    _dots(ax, target["truth"], target["predicted"])
    ax.set(xlim=edges, ylim=edges)
    _named(ax, target, "true {}", "predicted {}")
    ax.set_title(f"Predicted and true values{_items(target)}")
    return ax


def draw_residuals(target: Target, ax: Axes | None = None) -> Axes:
    """Residuals (predicted minus true) against predictions; on the dashed line there is no error.

    Args:
        target: as for `draw_predicted`.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> draw_residuals({"target": "price", "truth": [1.0, 2.0], "predicted": [1.5, 2.5], "count": 2}).get_title()
        'Residuals, mean 0.500, 2 items'
    """
    ax = new_axes() if ax is None else ax
    errors = residuals(target)
    ax.axhline(0.0, color=OTHER, linestyle="--", linewidth=1)
    _dots(ax, target["predicted"], errors)
    most = max([1e-12, *map(abs, errors)]) * 1.05
    ax.set(xlim=span(target["predicted"]), ylim=(-most, most))
    _named(ax, target, "predicted {}", "predicted - true")
    ax.set_title(f"Residuals, mean {number(sum(errors) / max(len(errors), 1))}{_items(target)}")
    return ax


def _dots(ax: Axes, x: list[float], y: list[float]) -> None:
    ax.scatter(x, y, s=24 if len(x) <= 200 else 12, color=MODEL, alpha=0.6, linewidths=0)


def _named(ax: Axes, target: Target, x: str, y: str) -> None:
    name = shown_names([target["target"]])[0]
    options = text_options([name])
    ax.set_xlabel(x.format(name), **options)
    ax.set_ylabel(y.format(name), **options)


def _items(target: Target) -> str:
    shown, count = len(target["truth"]), target["count"]
    return f", {shown:,} of {count:,} items" if shown < count else f", {count:,} items"
