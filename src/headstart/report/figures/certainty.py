"""Reliability diagram and risk-coverage curve on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headstart.report.content.curves import lowest_confidence, risk_limit
from headstart.report.figures.canvas import MODEL, OTHER, ink, new_axes, percentages

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_reliability", "draw_risk_coverage"]


def draw_reliability(bins: Sequence[Mapping[str, Any]], ax: Axes | None = None, what: str = "items") -> Axes:
    """Share that is right against mean confidence, with Wilson's 95% intervals; on the dashed line they agree.

    Args:
        bins: from `headstart.evaluate.diagrams.reliability_bins`.
        ax: axes to draw on; default: new ones.
        what: what is counted: ``items`` or ``labels``.

    Examples:
        >>> one = {"confidence": 0.8, "share": 0.7, "low": 0.5, "high": 0.9, "count": 20}
        >>> axes = draw_reliability([one])
        >>> axes.get_xlabel(), axes.get_title()
        ('confidence', 'Reliability on 20 items')
    """
    ax = new_axes(5.4, 5.0) if ax is None else ax
    start = lowest_confidence(bins)
    ax.plot([start, 1], [start, 1], color=OTHER, linestyle="--", linewidth=1, zorder=1)
    confidence, share = ([one[key] for one in bins] for key in ("confidence", "share"))
    errors = [[one["share"] - one["low"] for one in bins], [one["high"] - one["share"] for one in bins]]
    ax.errorbar(confidence, share, yerr=errors, fmt="none", ecolor=ink(), elinewidth=1, capsize=3, zorder=2)
    most = max((one["count"] for one in bins), default=1)
    ax.scatter(
        confidence, share, s=[20 + 60 * one["count"] / most for one in bins], color=MODEL, zorder=3, clip_on=False
    )
    ax.set(xlim=(start, 1.01), ylim=(start, 1.01), xlabel="confidence", ylabel=f"share of the {what} that is right")
    ax.set_title(f"Reliability on {sum(one['count'] for one in bins):,} {what}")
    percentages(ax.xaxis)
    percentages(ax.yaxis)
    return ax


def draw_risk_coverage(found: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Mistakes among the most certain items against the share that is answered, with Wilson's 95% intervals.

    Args:
        found: from `headstart.evaluate.diagrams.risk_coverage`.
        ax: axes to draw on; default: new ones.

    Examples:
        >>> points = [{"coverage": c, "risk": c / 10, "low": 0.0, "high": c / 5} for c in (0.5, 1.0)]
        >>> draw_risk_coverage({"points": points, "aurc": 0.07}).get_title()
        'Risk and coverage, AURC 0.070'
    """
    ax = new_axes() if ax is None else ax
    points = found["points"]
    coverage = [one["coverage"] for one in points]
    ax.fill_between(
        coverage, [one["low"] for one in points], [one["high"] for one in points], color=MODEL, alpha=0.28, linewidth=0
    )
    ax.plot(coverage, [one["risk"] for one in points], color=MODEL, linewidth=2)
    ax.set(xlim=(0, 1), ylim=(0, risk_limit(points)), xlabel="items answered", ylabel="mistakes among them")
    ax.set_title(f"Risk and coverage, AURC {found['aurc']:.3f}")
    percentages(ax.xaxis)
    percentages(ax.yaxis)
    return ax
