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
from headstart.reporting.text import one_line, probability, shortened, visible

__all__ = ["ATTRIBUTION_STYLE", "shown_html"]

LONGEST = 300  # characters of a training item's text
MOST_BARS = 30  # columns that are drawn; the table has all of them

ATTRIBUTION_STYLE = (
    """
.attribution .words { line-height: 2; overflow-wrap: anywhere; }
.attribution mark { padding: 0.1em 0; border-radius: 0.2em; color: inherit; }
.attribution mark.for { background: rgba(30, 120, 220, var(--a)); }
.attribution mark.against { background: rgba(220, 90, 20, var(--a)); }
.attribution .bars { border-collapse: collapse; margin: 0.5rem 0; }
.attribution .bars th, .attribution .bars td { min-width: 0; padding: 0.15rem 0.4rem; text-align: left;
  font-weight: 400; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .attribution .bars { font-size: 0.85rem; } }
.attribution .bars .n { min-width: 0; text-align: right; font-variant-numeric: tabular-nums; }
.attribution .bars td.n { white-space: nowrap; }
.attribution .bar { display: block; width: calc(var(--w) * min(12rem, 18vw)); height: 0.8rem; min-width: 1px;
  border-radius: 0.15rem; }
.attribution .bar.for { background: rgba(30, 120, 220, 0.7); }
.attribution .bar.against { background: rgba(220, 90, 20, 0.7); }
.attribution .items { display: grid; max-width: none; padding: 0; gap: 0.6rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 10rem), 1fr)); list-style: none; }
.attribution .items:has(audio) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 14rem), 1fr)); }
.attribution .items li { padding: 0.5rem; border: 1px solid rgba(128, 128, 128, 0.4); border-radius: 0.4rem;
  overflow-wrap: anywhere; font-size: 0.9rem; break-inside: avoid; }
.attribution .items p { margin: 0.3rem 0; }
.attribution .items img { display: block; max-width: 100%; height: 8rem; object-fit: contain; margin-bottom: 0.3rem; }
.attribution .items audio { width: 100%; height: 2rem; margin-bottom: 0.3rem; }
.attribution .small { font-size: 0.8rem; }
.attribution details.how { font-size: 0.9rem; }
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
        kind, width = ("for" if value >= 0 else "against"), abs(value) / most
        bar = f'<span class="bar {kind}" style="--w: {width:.3f}"></span>' if math.isfinite(value) else ""
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
    sentence = f"<p>{escape(one_line(shown.sentence))}</p>"
    if len(shown.layers) == 1:
        return sentence
    rows = [(one.name, _layer_facts(one.weight, one.loss), one.value) for one in shown.layers]
    return sentence + _bars(rows, unit, ("layer", "over the training items"))


def _layer_facts(weight: float, loss: float) -> str:
    parts = [f"{round(100 * weight) + 0}% of the variance"] if math.isfinite(weight) else []
    return ", ".join(parts + ([f"loss alone {loss:.3f}"] if math.isfinite(loss) else []))


def _items(shown: TrainingItems, unit: str) -> str:
    supporters = f"For it: without one of these, the {unit} would be lower" if shown.opponents else ""
    opponents = f"Against it: without one of these, the {unit} would be higher"
    return "".join(
        f"{f'<h3>{escape(one_line(title))}</h3>' if title else ''}"
        f'<ul class="items">{"".join(_card(item, unit) for item in items)}</ul>'
        for title, items in ((supporters, shown.supporters), (opponents, shown.opponents))
        if items
    )


def _card(item: TrainingItem, unit: str) -> str:
    """A training item: what it looks, sounds or reads like, its label, and what it counts."""
    picture = f'<img alt="" src="{escape(item.picture)}">' if item.picture else ""
    player = f'<audio controls preload="none" src="{escape(item.sound)}"></audio>' if item.sound else ""
    is_file = bool(item.picture or item.sound)  # then the text is its path
    text = f'<p dir="auto">{escape(shortened(one_line(item.text), LONGEST))}</p>' if item.text and not is_file else ""
    without = ""
    if math.isfinite(item.output_without):
        own = probability(item.output_without) if unit == "score" else f"{item.output_without:.3g}"
        without = f"<br>{'probability' if unit == 'score' else 'value'} without it {escape(own)}"
    value = escape(one_line(f"{unit} {item.value:+.3g}"))
    label = f"<strong>{escape(one_line(item.label))}</strong>"
    return (
        f'<li>{picture}{player}{label}{text}<p class="small">{value}{without}</p>'
        f'<p class="soft small">{escape(one_line(item.id))}</p></li>'
    )
