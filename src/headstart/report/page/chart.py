"""Bar charts with error bars as inline SVG, so that the page needs no plotting library and no script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from headstart.report.content.words import defined, number, shortened

__all__ = ["bar_chart"]

WIDTH, LEFT, RIGHT, ROW, BAR = 480, 152, 52, 34, 18
FLOOR = -1.0
"""R² has no lower bound, so bars are cut off here."""

Bar = tuple[str, Mapping[str, Any]]


def bar_chart(bars: Iterable[Bar], title: str) -> str:
    """A chart with one horizontal bar and its 95% interval for each name; the first one is the model.

    The axis runs from 0 (or from the least value or bound, at most down to -1) to 1 (or to the largest value or bound).

    Args:
        bars: for each name, an object with ``value``, ``low`` and ``high``; None or nan where undefined.
        title: what the chart shows, for screen readers.

    Returns:
        An ``<svg>`` element.

    Examples:
        >>> bar_chart([("this model", {"value": 0.5, "low": 0.25, "high": 0.75})], "Accuracy").count("<rect")
        1
    """
    rows = list(bars)
    low, high = _range(rows)

    def x(value: float) -> float:
        inside = min(max(value, low), high)
        return round(LEFT + (inside - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    height = ROW * len(rows) + 24
    description = ", ".join(f"{shortened(name)} {number(metric['value'])}" for name, metric in rows)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(f"{title}: {description}")}">',
        *(_tick(x(value), value, height) for value in _ticks(low, high)),
        *(_row(i, name, metric, x) for i, (name, metric) in enumerate(rows)),
        "</svg>",
    ]
    return "\n".join(parts)


def _bounds(metric: Mapping[str, Any]) -> list[float]:
    found = [metric.get(key) for key in ("value", "low", "high")]
    return [value for value in found if defined(value)]


def _range(rows: Sequence[Bar]) -> tuple[float, float]:
    every = [value for _, metric in rows for value in _bounds(metric)]
    return max(FLOOR, min([0.0, *every])), max([1.0, *every])


def _ticks(low: float, high: float) -> list[float]:
    return [low + (high - low) * i / 4 for i in range(5)]


def _tick(x: float, value: float, height: int) -> str:
    line = f'<line class="grid" x1="{x}" y1="0" x2="{x}" y2="{height - 20}"/>'
    return f'{line}<text class="tick" x="{x}" y="{height - 6}" text-anchor="middle">{value:.2f}</text>'


def _row(i: int, name: str, metric: Mapping[str, Any], x: Callable[[float], float]) -> str:
    top, middle = ROW * i + (ROW - BAR) / 2, ROW * i + ROW / 2
    label = f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(shortened(name, 20))}</text>'
    value = f'<text x="{WIDTH - RIGHT + 8}" y="{middle + 4}">{number(metric["value"])}</text>'
    found = _bounds(metric)
    if not defined(metric["value"]):
        return label + value
    start, end = sorted((x(0.0), x(metric["value"])))
    kind = "other" if i else "model"
    bar = f'<rect class="{kind}" x="{start}" y="{top}" width="{round(end - start, 1)}" height="{BAR}"/>'
    return label + bar + (_error_bar(x(found[1]), x(found[2]), middle) if len(found) == 3 else "") + value


def _error_bar(low: float, high: float, y: float) -> str:
    ends = "".join(f"M{x} {y - 5}V{y + 5}" for x in (low, high))
    return f'<path class="error" d="M{low} {y}H{high}{ends}"/>'
