"""Predicted against true values, and residuals against predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.content.curves import residuals
from headstart.report.content.words import number, shortened
from headstart.report.page.axes import Axes, nice_ticks, span, svg

__all__ = ["residual_plot", "scatter_plot"]

Target = Mapping[str, Any]


def scatter_plot(target: Target) -> str:
    """Predicted against true values; on the dashed line they agree.

    Args:
        target: from `headstart.evaluate.diagrams.residual_points`.

    Examples:
        >>> plot = scatter_plot({"target": "price", "truth": [1.0, 2.0], "predicted": [1.5, 2.5], "count": 2})
        >>> plot.count("<circle")
        2
    """
    truth, predicted = target["truth"], target["predicted"]
    edges = span([*truth, *predicted])
    axes, ticks = Axes(edges, edges), nice_ticks(*edges)
    name = shortened(target["target"], 30)
    parts = [
        axes.frame(ticks, ticks, f"true {name}", f"predicted {name}"),
        axes.path([(edges[0], edges[0]), (edges[1], edges[1])], "ideal"),
        *_dots(axes, truth, predicted),
    ]
    return svg(parts, f"Predicted and true {name}", f"{len(truth)} of {target['count']:,} items")


def residual_plot(target: Target) -> str:
    """Residuals (predicted minus true) against predictions; on the dashed line there is no error.

    Args:
        target: as for `scatter_plot`.

    Examples:
        >>> plot = residual_plot({"target": "price", "truth": [1.0, 2.0], "predicted": [1.5, 2.5], "count": 2})
        >>> plot.count("<circle")
        2
    """
    predicted, errors = target["predicted"], residuals(target)
    most = max([1e-12, *map(abs, errors)]) * 1.05
    edges = span(predicted)
    axes = Axes(edges, (-most, most))
    name = shortened(target["target"], 30)
    parts = [
        axes.frame(nice_ticks(*edges), nice_ticks(-most, most), f"predicted {name}", "predicted - true"),
        axes.path([(edges[0], 0.0), (edges[1], 0.0)], "ideal"),
        *_dots(axes, predicted, errors),
    ]
    mean = sum(errors) / max(len(errors), 1)
    return svg(parts, f"Residuals of {name}", f"mean residual {number(mean)}")


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> list[str]:
    radius = 3.5 if len(xs) <= 200 else 2.5
    return [axes.dot(x, y, "dot", radius) for x, y in zip(xs, ys, strict=True)]
