"""Attributions as fragments of HTML with their style sheet; every text is escaped, and nothing runs or is fetched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from headstart.attributions.kinds import (
    ColumnShares,
    LayerShares,
    PixelMap,
    Shown,
    TextShares,
    TimeFrequencyMap,
    TrainingItem,
    TrainingItems,
)
from headstart.attributions.maps import MAP_STYLE, map_html
from headstart.reporting.text import one_line, shortened, visible

__all__ = ["ATTRIBUTION_STYLE", "shown_html"]

LONGEST = 300  # characters of a training item's text
MOST_BARS = 30  # columns that are drawn; the table has all of them

ATTRIBUTION_STYLE = (
    """
.attribution .words { line-height: 2; overflow-wrap: anywhere; }
.attribution mark { padding: 0.1em 0; border-radius: 0.2em; color: inherit; }
.attribution mark.for { background: rgba(30, 120, 220, var(--a)); }
.attribution mark.against { background: rgba(220, 90, 20, var(--a)); }
.attribution .bars { border-collapse: collapse; }
.attribution .bars th, .attribution .bars td { padding: 0.15rem 0.5rem; text-align: left; font-weight: 400;
  overflow-wrap: anywhere; }
.attribution .bars .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.attribution .bar { display: block; height: 0.8rem; min-width: 1px; border-radius: 0.15rem; }
.attribution .bar.for { background: rgba(30, 120, 220, 0.7); }
.attribution .bar.against { background: rgba(220, 90, 20, 0.7); }
.attribution .items { display: grid; max-width: none; padding: 0; gap: 0.6rem;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); list-style: none; }
.attribution .items li { padding: 0.5rem; border: 1px solid rgba(128, 128, 128, 0.4); border-radius: 0.4rem;
  overflow-wrap: anywhere; font-size: 0.9rem; }
.attribution .items img { display: block; max-width: 100%; max-height: 8rem; }
.thumb { max-width: 16rem; max-height: 16rem; }
.novel { padding: 0.5rem 0.8rem; border-left: 4px solid rgb(220, 90, 20); background: rgba(220, 90, 20, 0.12); }
.soft { opacity: 0.75; font-size: 0.9rem; }
"""
    + MAP_STYLE
)
"""CSS for the fragments of this module; it works on light and dark backgrounds."""


def shown_html(shown: Shown, unit: str) -> str:
    """The attributions as HTML: coloured words, bars, cards of training items, or a picture.

    Args:
        shown: the attributions; a kind that this module does not know is listed by its largest parts.
        unit: of the values.

    Examples:
        >>> from headstart.attributions.kinds import TextShare
        >>> shown_html(TextShares("<a>", (TextShare("<a>", 0, 3, 1.0),)), "score")[28:]
        '<mark class="for" style="--a: 0.55" title="+1 score">&lt;a&gt;</mark></p>'
    """
    if isinstance(shown, TextShares):
        return _words(shown, unit)
    if isinstance(shown, TrainingItems):
        return _items(shown, unit)
    if isinstance(shown, LayerShares):
        return _layers(shown, unit)
    if isinstance(shown, PixelMap | TimeFrequencyMap):
        return map_html(shown, unit)
    if isinstance(shown, ColumnShares):
        rows = [(one.name, one.cell, one.value) for one in shown.columns]
        order = np.argsort(-np.abs(shown.values), kind="stable")
        return _bars([rows[k] for k in order], unit, ("column", "value"))
    return _bars([(name, "", value) for name, value in shown.largest(MOST_BARS)], unit, ("part", ""))


def _words(shown: TextShares, unit: str) -> str:
    most = float(np.abs(shown.values).max(initial=0.0)) or 1.0
    parts, end = [], 0
    for span in shown.spans:
        parts.append(escape(visible(shown.text[end : span.start])))
        parts.append(_marked(shown.text[span.start : span.stop], span.value, most, unit))
        end = span.stop
    parts.append(escape(visible(shown.text[end:])))
    rows = [(span.text, "", span.value) for span in shown.spans]
    table = _bars([rows[k] for k in np.argsort(-np.abs(shown.values), kind="stable")], unit, ("words", ""))
    details = f"<details><summary>All {len(rows)} parts</summary>{table}</details>" if len(rows) > 1 else ""
    return f'<p class="words" dir="auto">{"".join(parts)}</p>{details}'


def _marked(text: str, value: float, most: float, unit: str) -> str:
    kind, strength = ("for" if value >= 0 else "against"), 0.55 * abs(value) / most
    title = escape(visible(f"{value:+.3g} {unit}"))
    return f'<mark class="{kind}" style="--a: {strength:.2f}" title="{title}">{escape(visible(text))}</mark>'


def _bars(rows: Sequence[tuple[str, str, float]], unit: str, header: tuple[str, str]) -> str:
    """A table with a bar for each value, the largest as wide as the column; blue speaks for, orange against."""
    most = max((abs(value) for _, _, value in rows if math.isfinite(value)), default=0.0) or 1.0
    has_cells = any(cell for _, cell, _ in rows)
    lines = []
    for name, cell, value in rows:
        middle = f"<td>{escape(shortened(one_line(cell), 60))}</td>" if has_cells else ""
        kind, width = ("for" if value >= 0 else "against"), 12 * abs(value) / most
        bar = f'<span class="bar {kind}" style="width: {width:.2f}rem"></span>' if math.isfinite(value) else ""
        lines.append(
            f'<tr><th scope="row">{escape(shortened(one_line(name), 60))}</th>{middle}'
            f'<td class="n">{value:+.3g}</td><td>{bar}</td></tr>'
        )
    top = f'<th scope="col">{header[0]}</th>{f"""<th scope="col">{header[1]}</th>""" if has_cells else ""}'
    head = f'<tr>{top}<th scope="col" class="n">{escape(one_line(unit))}</th><th></th></tr>'
    shown = f'<table class="bars">{head}{"".join(lines[:MOST_BARS])}</table>'
    if len(lines) <= MOST_BARS:
        return shown
    rest = f'<table class="bars">{head}{"".join(lines[MOST_BARS:])}</table>'
    return f"{shown}<details><summary>The other {len(lines) - MOST_BARS}</summary>{rest}</details>"


def _layers(shown: LayerShares, unit: str) -> str:
    rows = [(one.name, _layer_facts(one.weight, one.loss), one.value) for one in shown.layers]
    return f"<p>{escape(one_line(shown.sentence))}</p>{_bars(rows, unit, ('layer', 'over the training items'))}"


def _layer_facts(weight: float, loss: float) -> str:
    parts = [f"{weight:.0%} of the spread"] if math.isfinite(weight) else []
    return ", ".join(parts + ([f"loss alone {loss:.3f}"] if math.isfinite(loss) else []))


def _items(shown: TrainingItems, unit: str) -> str:
    named = ("Most like it", "") if not shown.opponents else ("For the label", "Against it")
    lists = ((named[0], shown.supporters), (named[1], shown.opponents))
    return "".join(
        f'<h3>{title}</h3><ul class="items">{"".join(_card(item, unit) for item in items)}</ul>'
        for title, items in lists
        if items
    )


def _card(item: TrainingItem, unit: str) -> str:
    picture = f'<img alt="" src="{escape(item.picture)}">' if item.picture else ""
    text = f"<p>{escape(shortened(one_line(item.text), LONGEST))}</p>" if item.text else ""
    without = f"<br>without it: {item.output_without:.3g}" if math.isfinite(item.output_without) else ""
    value = escape(one_line(f"{item.value:+.3g} {unit}"))
    return (
        f"<li>{picture}<strong>{escape(one_line(item.label))}</strong> {value}{without}"
        f'{text}<br><span class="soft">{escape(one_line(item.id))}</span></li>'
    )
