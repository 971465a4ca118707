"""Forest plot: differences with their intervals, one below the other, around a line at zero."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from headstart.report.content.words import defined, shortened

__all__ = ["forest_plot"]

WIDTH, LEFT, RIGHT, ROW = 620, 230, 24, 30

Entry = tuple[str, float | None, float | None, float | None]


def forest_plot(entries: Sequence[Entry], title: str, *, scale: float = 1.0) -> str:
    """A point with its interval for each name.

    Args:
        entries: name, value, lower and upper bound; None where undefined.
        title: what it shows, for screen readers.
        scale: factor of the printed numbers, such as 100 for points.

    Returns:
        An ``<svg>`` element; empty where no value is defined.

    Examples:
        >>> forest_plot([("B minus A", 0.1, 0.05, 0.15)], "Differences").count("<circle")
        1
    """
    numbers = [number for _, *found in entries for number in found if defined(number)]
    if not numbers:
        return ""
    reach = 1.1 * max(map(abs, [*numbers, 1e-6]))
    room = WIDTH - LEFT - RIGHT

    def x(value: float) -> float:
        return round(LEFT + (value + reach) / (2 * reach) * room, 1)

    height = ROW * len(entries) + 26
    description = escape(f"{title}: {', '.join(shortened(name) for name, *_ in entries)}")
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{description}">']
    for tick in (-0.9 * reach, -0.45 * reach, 0.0, 0.45 * reach, 0.9 * reach):
        kind = "axis" if tick == 0 else "grid-line"
        parts.append(f'<line class="{kind}" x1="{x(tick)}" y1="0" x2="{x(tick)}" y2="{height - 22}"/>')
        parts.append(
            f'<text class="tick" x="{x(tick)}" y="{height - 7}" text-anchor="middle">{_tick(scale * tick)}</text>'
        )
    for place, (name, value, low, high) in enumerate(entries):
        y = ROW * place + ROW / 2
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(shortened(name, 32))}</text>')
        if defined(low) and defined(high):
            parts.append(f'<line class="error" x1="{x(low)}" y1="{y}" x2="{x(high)}" y2="{y}"/>')
        if defined(value):
            parts.append(f'<circle class="model" cx="{x(value)}" cy="{y}" r="5"/>')
    return "\n".join([*parts, "</svg>"])


def _tick(value: float) -> str:
    return "0" if value == 0 else f"{value:+.2g}"
