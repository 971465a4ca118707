"""The curve of a range test: the loss over the learning rate, and the rate that was taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import defined
from headstart.report.page.axes import Axes, nice_ticks, span, svg

__all__ = ["range_test_plot"]


def range_test_plot(test: Mapping[str, Any]) -> str:
    """The loss of each step (dashed) and its running mean against the learning rate (logarithmic).

    Args:
        test: ``record["strategy"]["range_test"]``.

    Examples:
        >>> test = {"rates": [1e-4, 1e-3, 1e-2], "losses": [3.0, 1.0, 4.0], "smoothed": [3.0, 2.0, 2.5], "rate": 1e-3}
        >>> plot = range_test_plot({**test, "sentence": "It suggests 1e-3."})
        >>> plot.count("<circle"), "1e-03" in plot
        (1, True)
    """
    rows = [row for row in zip(test["rates"], test["losses"], test["smoothed"], strict=True) if all(map(defined, row))]
    if len(rows) < 2:
        return ""
    low, high = span([mean for _, _, mean in rows], margin=0.3)
    axes = Axes((rows[0][0], rows[-1][0]), (low, high), log_x=True)
    ticks = [(10.0**power, f"1e{power:+03d}") for power in range(-9, 3) if rows[0][0] <= 10.0**power <= rows[-1][0]]
    parts = [
        axes.frame(ticks, nice_ticks(low, high), "learning rate", "loss"),
        axes.path([(rate, loss) for rate, loss, _ in rows], "second"),
        axes.path([(rate, mean) for rate, _, mean in rows]),
    ]
    if test["rate"]:
        mean = min((abs(rate - test["rate"]), mean) for rate, _, mean in rows)[1]
        parts.append(axes.dot(test["rate"], mean, title=f"{test['rate']:.1e}"))
    return svg(parts, "Range test", test["sentence"])
