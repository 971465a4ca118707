"""The reliability diagram: how often predictions of a confidence are right (DeGroot & Fienberg 1983)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.content.curves import lowest_confidence
from headstart.report.page.axes import Axes, nice_ticks, svg
from headstart.report.page.elements import table

__all__ = ["reliability_plot", "reliability_table"]

Bins = Sequence[Mapping[str, Any]]


def reliability_plot(bins: Bins) -> str:
    """Share that is right against mean confidence, with 95% intervals; on the dashed line they agree.

    Args:
        bins: from `headstart.evaluate.diagrams.reliability_bins`.

    Examples:
        >>> one = {"confidence": 0.8, "share": 0.7, "low": 0.5, "high": 0.9, "count": 20}
        >>> plot = reliability_plot([one])
        >>> plot.count("<circle"), "80% confident: 70% right" in plot
        (1, True)
    """
    start = lowest_confidence(bins)
    axes = Axes((start, 1.0), (start, 1.0))
    ticks = [(value, f"{value:.0%}") for value, _ in nice_ticks(start, 1.0)]
    most = max((one["count"] for one in bins), default=1)
    marks = [
        axes.error_bar(one["confidence"], one["low"], one["high"])
        + axes.dot(one["confidence"], one["share"], radius=3 + 3 * (one["count"] / most) ** 0.5, title=_words(one))
        for one in bins
    ]
    parts = [
        axes.frame(ticks, ticks, "confidence", "share that is right"),
        axes.path([(start, start), (1.0, 1.0)], "ideal"),
        *marks,
    ]
    return svg(parts, "Reliability", "; ".join(map(_words, bins)))


def reliability_table(bins: Bins) -> str:
    """The same as a table.

    Args:
        bins: as for `reliability_plot`.

    Examples:
        >>> one = {"confidence": 0.8, "share": 0.7, "low": 0.5, "high": 0.9, "count": 20}
        >>> "70% (50% to 90%)" in reliability_table([one])
        True
    """
    rows = [
        (f"{one['confidence']:.1%}", f"{one['share']:.0%} ({one['low']:.0%} to {one['high']:.0%})", f"{one['count']:,}")
        for one in bins
    ]
    return table("Reliability", ("Mean confidence", "Share right (95% interval)", "Items"), rows, numeric=(1, 2))


def _words(one: Mapping[str, Any]) -> str:
    return f"{one['confidence']:.0%} confident: {one['share']:.0%} right ({one['count']:,} items)"
