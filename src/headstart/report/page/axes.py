"""Axes of a plot as inline SVG: scales, ticks, lines, bands, and the description for screen readers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headstart.report.page.elements import text

__all__ = ["Axes", "nice_ticks", "span", "svg"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Axes:
    """A rectangle of a plot, and the ranges of values that it shows.

    Attributes:
        x_range: values at its left and right edge.
        y_range: values at its lower and upper edge.
        width: of the plot, in units of the SVG.
        height: of the plot.
        left: margin for the labels of the vertical axis.
        log_x: whether the horizontal axis is logarithmic.

    Examples:
        >>> axes = Axes((0, 1), (0, 1))
        >>> axes.x(0), axes.x(1), axes.y(0) > axes.y(1)
        (64.0, 464.0, True)
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: float = 480
    height: float = 340
    left: float = 64
    log_x: bool = False

    RIGHT, TOP, BOTTOM = 16, 12, 48

    def x(self, value: float) -> float:
        """Horizontal position of a value, within the plot."""
        low, high = self.x_range
        share = math.log(value / low) / math.log(high / low) if self.log_x else (value - low) / (high - low)
        return round(self.left + min(max(share, 0), 1) * (self.width - self.left - self.RIGHT), 1)

    def y(self, value: float) -> float:
        """Vertical position of a value, within the plot."""
        low, high = self.y_range
        share = min(max((value - low) / (high - low), 0), 1)
        return round(self.height - self.BOTTOM - share * (self.height - self.TOP - self.BOTTOM), 1)

    def frame(
        self,
        x_ticks: Iterable[tuple[float, str]],
        y_ticks: Iterable[tuple[float, str]],
        x_label: str,
        y_label: str,
    ) -> str:
        """Grid, ticks and names of both axes.

        Args:
            x_ticks: values and their labels.
            y_ticks: values and their labels.
            x_label: name of the horizontal axis.
            y_label: name of the vertical axis.
        """
        bottom, right = self.height - self.BOTTOM, self.width - self.RIGHT
        parts = []
        for value, label in y_ticks:
            y = self.y(value)
            parts.append(f'<line class="grid-line" x1="{self.left}" y1="{y}" x2="{right}" y2="{y}"/>')
            parts.append(f'<text class="tick" x="{self.left - 8}" y="{y + 4}" text-anchor="end">{text(label)}</text>')
        for value, label in x_ticks:
            x = self.x(value)
            parts.append(f'<line class="axis" x1="{x}" y1="{bottom}" x2="{x}" y2="{bottom + 5}"/>')
            parts.append(f'<text class="tick" x="{x}" y="{bottom + 19}" text-anchor="middle">{text(label)}</text>')
        parts.append(f'<line class="axis" x1="{self.left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>')
        middle, centre = (self.left + right) / 2, (self.TOP + bottom) / 2
        parts.append(f'<text x="{middle}" y="{self.height - 8}" text-anchor="middle">{text(x_label)}</text>')
        turned = f'transform="rotate(-90 14 {centre})"'
        parts.append(f'<text x="14" y="{centre}" text-anchor="middle" {turned}>{text(y_label)}</text>')
        return "\n".join(parts)

    def path(self, points: Sequence[Point], kind: str = "curve", *, steps: bool = False) -> str:
        """A line through points; with ``steps``, horizontal first."""
        places = [(self.x(x), self.y(y)) for x, y in points]
        if not places:
            return ""
        join = "H{0} V{1}" if steps else "L{0} {1}"
        moves = " ".join(join.format(x, y) for x, y in places[1:])
        return f'<path class="{kind}" d="M{places[0][0]} {places[0][1]} {moves}"/>'

    def band(self, points: Sequence[tuple[float, float, float]]) -> str:
        """The area between two curves: (x, low, high)."""
        if len(points) < 2:
            return ""
        there = [f"{self.x(x)} {self.y(high)}" for x, _, high in points]
        back = [f"{self.x(x)} {self.y(low)}" for x, low, _ in reversed(points)]
        return f'<path class="band" d="M{" L".join([*there, *back])}Z"/>'

    def error_bar(self, x: float, low: float, high: float) -> str:
        """A vertical error bar with ends."""
        place, bottom, top = self.x(x), self.y(low), self.y(high)
        return f'<path class="error" d="M{place} {bottom}V{top}M{place - 4} {bottom}h8M{place - 4} {top}h8"/>'

    def dot(self, x: float, y: float, kind: str = "model", radius: float = 4, title: str = "") -> str:
        """A point, with a text that shows when the pointer rests on it."""
        named = f"<title>{text(title)}</title>" if title else ""
        return f'<circle class="{kind}" cx="{self.x(x)}" cy="{self.y(y)}" r="{radius}">{named}</circle>'


def svg(parts: Iterable[str], title: str, description: str, width: float = 480, height: float = 340) -> str:
    """An ``<svg>`` element with a title and a description for screen readers.

    Args:
        parts: its content.
        title: what it shows.
        description: what can be seen, in a sentence.
        width: of its view box.
        height: of its view box.

    Examples:
        >>> svg([], "Reliability", "one bin").startswith('<svg viewBox="0 0 480 340" role="img" aria-label="Reliab')
        True
    """
    label = text(f"{title}: {description}" if description else title)
    content = "\n".join(part for part in parts if part)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}">\n{content}\n</svg>'


def nice_ticks(low: float, high: float, count: int = 5) -> list[tuple[float, str]]:
    """About ``count`` round values within a range, with labels of as many decimals as they need.

    Examples:
        >>> nice_ticks(0, 1)
        [(0.0, '0'), (0.2, '0.2'), (0.4, '0.4'), (0.6, '0.6'), (0.8, '0.8'), (1.0, '1')]
    """
    width = high - low
    if not math.isfinite(width) or width <= 0:
        return [(low, f"{low:.4g}")]
    size = 10 ** math.floor(math.log10(width / count))
    step = min((size * factor for factor in (1, 2, 5, 10)), key=lambda one: abs(width / one - count))
    first = math.ceil(low / step - 1e-9)
    values = [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
    return [(value, f"{value:,.10g}" if abs(value) < 1e6 else f"{value:.3g}") for value in values]


def span(values: Iterable[float], margin: float = 0.05) -> tuple[float, float]:
    """The range of values with a margin on both sides; never empty.

    Examples:
        >>> span([0.0, 10.0]), span([3.0])
        ((-0.5, 10.5), (2.0, 4.0))
    """
    found = [value for value in values if math.isfinite(value)]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if low == high:
        return low - 1.0, high + 1.0
    return low - margin * (high - low), high + margin * (high - low)
