"""The learning curve: the main figure by number of labels, the power law through it, and the forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.curves import decades, learning_lines
from headstart.report.content.words import number, shortened
from headstart.report.page.axes import Axes, nice_ticks, span, svg
from headstart.report.page.elements import table

__all__ = ["learning_curve_plot", "learning_curve_table", "more_labels_table"]

Curve = Mapping[str, Any]


def learning_curve_plot(curve: Curve) -> str:
    """The measure against the number of labels (logarithmic), with 95% intervals; dashed beyond the labels of today.

    Args:
        curve: ``record["learning_curve"]``.

    Examples:
        >>> from headstart.report.content.example import CURVE
        >>> plot = learning_curve_plot(CURVE)
        >>> plot.count("<circle"), plot.count('class="second"')
        (3, 1)
    """
    lines = learning_lines(curve)
    low, high = span(lines.values)
    edges = lines.points[0][0] / 1.15, lines.ahead[-1][0] * 1.1
    axes = Axes(edges, (low, min(high, 1.0)), log_x=True)
    x_ticks = [(size, f"{size:,.0f}") for size in decades(*edges)]
    parts = [
        axes.frame(x_ticks, nice_ticks(low, min(high, 1.0)), "labelled items", curve["measure"]),
        axes.path(lines.known),
        axes.path(lines.ahead, "second"),
        *(
            axes.error_bar(size, worst, best) + axes.dot(size, value, title=f"{size:,.0f} labels")
            for size, value, worst, best in lines.points
        ),
    ]
    return svg(parts, "Learning curve", curve["sentence"])


def learning_curve_table(curve: Curve) -> str:
    """The measure at each number of labels.

    Args:
        curve: as for `learning_curve_plot`.

    Examples:
        >>> from headstart.report.content.example import CURVE
        >>> "0.800 (0.750 to 0.850)" in learning_curve_table(CURVE)
        True
    """
    rows = [
        (f"{size:,.0f}", f"{number(1 - error)} ({number(1 - high)} to {number(1 - low)})")
        for size, error, low, high in zip(*(curve[key] for key in ("sizes", "errors", "low", "high")), strict=True)
    ]
    return table("Learning curve", ("Labelled items", f"{curve['measure']} (95% interval)"), rows, numeric=(0, 1))


def more_labels_table(curve: Curve, most: int = 10) -> str:
    """What more labels would bring, in all and by class, the largest gain first.

    Args:
        curve: as for `learning_curve_plot`.
        most: the largest number of classes.

    Examples:
        >>> from headstart.report.content.example import CURVE
        >>> "+0.020 (-0.010 to +0.050)" in more_labels_table(CURVE)
        True
    """
    rows = [("all", one) for one in curve["forecasts"]]
    by_class = sorted(curve.get("per_class", {}).items(), key=lambda entry: -entry[1]["gain"])
    rows += [(shortened(label), one) for label, one in by_class[:most]]
    cells = [
        (name, f"{one['more']:,}", f"{one['gain']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})")
        for name, one in rows
    ]
    header = ("Class", "More labels", f"Gain in {curve['measure']} (95% interval)")
    return table("What more labels would bring", header, cells, numeric=(1, 2))
