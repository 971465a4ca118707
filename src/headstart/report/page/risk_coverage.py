"""The risk-coverage curve: mistakes among the most certain items (El-Yaniv & Wiener, JMLR 2010)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.content.curves import risk_limit
from headstart.report.page.axes import Axes, nice_ticks, svg
from headstart.report.page.elements import table

__all__ = ["risk_at", "risk_coverage_plot", "risk_coverage_table"]

Points = Sequence[Mapping[str, Any]]
LISTED = (1.0, 0.9, 0.8, 0.7, 0.5, 0.3)


def risk_coverage_plot(points: Points) -> str:
    """Share of mistakes among the answered items, against the share of items that is answered, with 95% intervals.

    Args:
        points: from `headstart.evaluate.diagrams.risk_coverage`.

    Examples:
        >>> points = [{"coverage": c, "risk": c / 10, "low": 0.0, "high": c / 5, "threshold": 0.5} for c in (0.5, 1.0)]
        >>> risk_coverage_plot(points).count("<path")
        2
    """
    top = risk_limit(points)
    axes = Axes((0.0, 1.0), (0.0, top))
    x_ticks = [(value, f"{value:.0%}") for value, _ in nice_ticks(0, 1)]
    y_ticks = [(value, f"{value:.3g}%") for value, _ in nice_ticks(0, 100 * top)]
    parts = [
        axes.frame(
            x_ticks, [(value / 100, label) for value, label in y_ticks], "items answered", "mistakes among them"
        ),
        axes.band([(one["coverage"], one["low"], one["high"]) for one in points]),
        axes.path([(one["coverage"], one["risk"]) for one in points]),
    ]
    words = [f"{risk_at(points, share)['risk']:.1%} mistakes at {share:.0%} answered" for share in (1.0, 0.8, 0.5)]
    return svg(parts, "Risk and coverage", "; ".join(words) if points else "")


def risk_coverage_table(points: Points) -> str:
    """Confidence to ask for, and the mistakes that remain, at a few coverages.

    Args:
        points: as for `risk_coverage_plot`.

    Examples:
        >>> points = [{"coverage": 1.0, "risk": 0.1, "low": 0.05, "high": 0.2, "threshold": 0.5}]
        >>> "10.0% (5.0% to 20.0%)" in risk_coverage_table(points)
        True
    """
    chosen = list({id(one): one for one in (risk_at(points, share) for share in LISTED)}.values())
    rows = [
        (
            f"{one['coverage']:.0%}",
            f"{one['threshold']:.3f}",
            f"{one['risk']:.1%} ({one['low']:.1%} to {one['high']:.1%})",
        )
        for one in chosen
    ]
    header = ("Items answered", "Confidence of at least", "Mistakes among them (95% interval)")
    return table("The most certain items first", header, rows, numeric=(1, 2))


def risk_at(points: Points, coverage: float) -> Mapping[str, Any]:
    """The point whose coverage is nearest.

    Examples:
        >>> risk_at([{"coverage": 0.5}, {"coverage": 1.0}], 0.6)
        {'coverage': 0.5}
    """
    return min(points, key=lambda one: abs(one["coverage"] - coverage))
