"""The style sheet of the page: light and dark screens from 400 to 1,600 pixels, and A4 paper."""

from __future__ import annotations

__all__ = ["SHADES", "STYLE"]

SHADES = 8
"""Shades of a confusion matrix: classes ``s0`` (no colour) to ``s8``."""

# Blue and orange (Okabe & Ito 2008) stay apart for every kind of colour blindness, and differ in lightness on paper.
_COLOURS = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --card: #f6f8fa; --line: #d8dee4;
  --model: #0b62c4; --other: #8c959f; --wrong: #b3540e; --right-rgb: 11, 98, 196; --wrong-rgb: 213, 94, 0;
  }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --paper: #0d1117; --card: #161b22;
  --line: #30363d; --model: #6cb0ff; --other: #7d8590; --wrong: #ff9e57; --right-rgb: 88, 166, 255;
  --wrong-rgb: 255, 140, 50; } }
@media print { :root { color-scheme: light; --ink: #000000; --soft: #444444; --paper: #ffffff; --card: #ffffff;
  --line: #bbbbbb; --model: #0b62c4; --other: #8c959f; --wrong: #b3540e; --right-rgb: 11, 98, 196;
  --wrong-rgb: 213, 94, 0; } }
"""

_TEXT = """
:root { --behind: var(--paper); --edge: rgba(110, 118, 129, 0.45); }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem clamp(0.9rem, 3vw, 2.5rem) 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
a { color: var(--model); }
h1 { margin: 0; font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; }
h2 { margin: 2.75rem 0 0.75rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); font-size: 1.3rem; }
h3 { margin: 1.75rem 0 0.5rem; font-size: 1.05rem; }
p, ul { max-width: 52rem; }
.kind { margin: 0; color: var(--soft); font-size: 0.9rem; }
.lead { margin: 0.75rem 0 1.25rem; font-size: clamp(1.1rem, 2.4vw, 1.35rem); line-height: 1.45; }
.soft, caption, figcaption { color: var(--soft); font-size: 0.9rem; }
.verdict { padding: 0.6rem 1rem; border-left: 4px solid var(--model); background: var(--card); }
nav { display: flex; flex-wrap: wrap; gap: 0.4rem 0.5rem; margin-top: 1.25rem; }
nav a, nav button { padding: 0.15rem 0.65rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--ink);
  background: var(--card); font: inherit; font-size: 0.85rem; text-decoration: none; }
nav button { cursor: pointer; color: var(--soft); }
nav a:hover, nav button:hover { border-color: var(--model); }
:focus-visible { outline: 2px solid var(--model); outline-offset: 2px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: 0.75rem;
  max-width: none; margin: 0 0 1rem; padding: 0; list-style: none; }
.figures li { display: flex; flex-direction: column; padding: 0.8rem 1.1rem; border: 1px solid var(--line);
  border-radius: 0.6rem; background: var(--card); }
.figures strong { font-size: 2rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
details { margin: 0.5rem 0; }
summary { width: fit-content; color: var(--model); cursor: pointer; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); }
"""

_TABLES = """
.scroll { max-width: 100%; overflow-x: auto; background:
  linear-gradient(to right, var(--behind) 30%, transparent) 0 0 / 2rem 100% local no-repeat,
  linear-gradient(to left, var(--behind) 30%, transparent) 100% 0 / 2rem 100% local no-repeat,
  linear-gradient(to right, var(--edge), transparent) 0 0 / 0.9rem 100% scroll no-repeat,
  linear-gradient(to left, var(--edge), transparent) 100% 0 / 0.9rem 100% scroll no-repeat; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { padding: 0.25rem 0; text-align: left; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
thead th { font-size: 0.9rem; vertical-align: bottom; }
th { font-weight: 600; }
td, th { min-width: 3.5rem; max-width: 40rem; }
tbody th { min-width: 6.5rem; }
td.n, th.n { text-align: right; }
td.n { white-space: nowrap; }
.sortable button { padding: 0; border: 0; background: none; color: inherit; font: inherit; text-align: inherit;
  cursor: pointer; }
.sortable [aria-sort="descending"] button::after { content: " \\2193"; }
.sortable [aria-sort="ascending"] button::after { content: " \\2191"; }
.heat { min-width: min(100%, 24rem); }
.heat th, .heat td { min-width: 2.4rem; border: 1px solid var(--line); text-align: center; vertical-align: middle; }
.heat td { padding: 0; }
.heat td a, .heat td span { display: block; padding: 0.35rem 0.3rem; color: var(--ink); text-decoration: none; }
.heat td a { text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 3px; }
.heat td a:hover { outline: 2px solid var(--model); outline-offset: -2px; }
.heat tbody th { min-width: 0; max-width: 12rem; padding: 0.25rem 0.6rem; text-align: right; }
.heat thead th { padding: 0.4rem 0.3rem; vertical-align: bottom; font-size: 0.9rem; }
.heat.tall thead span { display: inline-block; max-height: 11rem; writing-mode: vertical-rl;
  transform: rotate(180deg); }
.heat .zero { color: var(--soft); opacity: 0.6; }
@media (max-width: 40rem) {
  th, td { max-width: 16rem; padding: 0.3rem 0.45rem; }
  td.n { min-width: 6rem; white-space: normal; }
  .heat th, .heat td { min-width: 2.1rem; }
  .heat tbody th { max-width: 8rem; font-size: 0.9rem; }
}
@media screen and (max-width: 40rem) {
  .stacked, .stacked tbody, .stacked tr, .stacked caption { display: block; width: 100%; }
  .stacked thead { display: none; }
  .stacked tr { padding: 0.4rem 0; border-bottom: 1px solid var(--line); }
  .stacked tbody th { display: block; min-width: 0; max-width: none; padding: 0.1rem 0; border: 0; }
  .stacked td { display: flex; justify-content: space-between; gap: 1rem; min-width: 0; max-width: none;
    padding: 0.1rem 0; border: 0; text-align: right; overflow-wrap: anywhere; }
  .stacked td::before { content: attr(data-name); color: var(--soft); font-size: 0.9rem; text-align: left;
    overflow-wrap: normal; }
  .stacked td:empty { display: none; }
}
"""

_ITEMS = """
.cell, .case, .verdict { --behind: var(--card); }
.cell { display: none; margin: 1rem 0; padding: 0.5rem 1rem 1rem; border: 1px solid var(--line); border-radius: 0.6rem;
  background: var(--card); scroll-margin-top: 1rem; }
.cell:target, .cell:has(:target) { display: block; border-color: var(--model); }
.cell h3 { margin-top: 0.5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 0.75rem; max-width: none;
  margin: 0.5rem 0; padding: 0; list-style: none; }
.cards:has(> .sound) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 14rem), 1fr)); }
.cards:has(> .wide) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.case .cards { grid-template-columns: repeat(auto-fill, minmax(min(100%, 8rem), 9.5rem)); }
.case .cards:has(> .sound) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 12rem), 15rem)); }
.case .cards:has(> .wide) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.item { display: flex; flex-direction: column; gap: 0.25rem; min-width: 0; margin: 0; padding: 0.5rem;
  border: 1px solid var(--line); border-radius: 0.5rem; background: var(--paper); font-size: 0.85rem;
  line-height: 1.35; }
.item img { display: block; align-self: center; max-width: 100%; height: 6rem; width: auto; border-radius: 0.25rem;
  object-fit: contain; background: var(--card); }
.item.sound img { width: 100%; height: 4rem; object-fit: fill; }
.item audio { width: 100%; height: 2rem; }
.item p { margin: 0; }
.item .name { color: var(--soft); font-size: 0.75rem; overflow: hidden; display: -webkit-box; -webkit-line-clamp: 2;
  -webkit-box-orient: vertical; }
.item .bad { color: var(--wrong); font-weight: 600; }
.item .good { color: var(--model); font-weight: 600; }
.item dl { display: grid; grid-template-columns: auto 1fr; gap: 0 0.5rem; margin: 0; }
.item dt { color: var(--soft); }
.item dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.whole { white-space: pre-wrap; }
.case { display: grid; grid-template-columns: 10rem minmax(0, 1fr); gap: 0.25rem 1rem; margin: 0.75rem 0;
  padding: 0.75rem;
  border: 1px solid var(--line); border-radius: 0.6rem; background: var(--card); }
.case > div { min-width: 0; }
.case > div > p { margin: 0.25rem 0; }
.case:has(.sound) { grid-template-columns: 15rem minmax(0, 1fr); }
.case:has(.wide) { grid-template-columns: minmax(0, 2fr) minmax(0, 5fr); }
.case.copies { grid-template-columns: minmax(0, 1fr); }
@media (max-width: 40rem) { .case, .case:has(.sound), .case:has(.wide) { grid-template-columns: minmax(0, 1fr); } }
.case .cards { margin: 0.25rem 0 0; }
"""

_SPANS = """
.sentence { margin: 0.75rem 0; padding: 0.6rem 1rem; border: 1px solid var(--line); border-radius: 0.6rem;
  background: var(--card); break-inside: avoid; }
.sentence p { max-width: none; margin: 0.15rem 0; }
.sentence .name { color: var(--soft); font-size: 0.8rem; }
.marked { line-height: 2; }
.marked .name { display: inline-block; min-width: 4.5rem; }
.sentence ul { margin: 0.3rem 0 0; padding-left: 1.2rem; font-size: 0.9rem; }
.sentence li.bad { color: var(--wrong); }
mark { padding: 0.1rem 0.25rem; border-bottom: 2px solid var(--model); border-radius: 0.2rem; color: inherit;
  background: rgba(var(--right-rgb), 0.14); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
mark.bad { border-bottom: 2px dashed var(--wrong); background: rgba(var(--wrong-rgb), 0.16); }
mark small { color: var(--soft); font-size: 0.75rem; white-space: nowrap; }
"""

_PLOTS = """
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem 2rem; }
figure { margin: 1rem 0; min-width: 0; }
.plot svg { display: block; width: 100%; max-width: 34rem; height: auto; }
.plot.map svg { max-width: 46rem; }
svg text { fill: var(--ink); font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
svg .on-picture { fill: #fff; font-size: 11px; }
svg .tick { fill: var(--soft); font-size: 12px; }
svg .grid-line { stroke: var(--line); }
svg .axis { stroke: var(--soft); }
svg .model { fill: var(--model); }
svg .other { fill: var(--other); }
svg .dot { fill: var(--model); fill-opacity: 0.55; }
svg .mark { fill: var(--wrong); }
svg .curve { fill: none; stroke: var(--model); stroke-width: 2.25; stroke-linejoin: round; }
svg .second { fill: none; stroke: var(--wrong); stroke-width: 2; stroke-dasharray: 6 4; }
svg .band { fill: var(--model); fill-opacity: 0.16; stroke: none; }
svg .ideal { fill: none; stroke: var(--soft); stroke-dasharray: 3 4; }
svg .error { fill: none; stroke: var(--ink); stroke-width: 1.5; }
svg .pale { fill: none; stroke: var(--model); stroke-width: 1.5; stroke-opacity: 0.6; }
svg .map-right { fill: rgb(var(--right-rgb)); }
svg .map-wrong { fill: rgb(var(--wrong-rgb)); }
svg .frame { fill: none; stroke: var(--line); }
svg a:hover rect { stroke: var(--ink); stroke-width: 2; }
"""

_PRINT = """
@page { size: A4; margin: 16mm 14mm; }
@media print {
  html { scroll-behavior: auto; }
  body { max-width: none; padding: 0 0.5mm; font-size: 10.5pt; orphans: 3; widows: 3; }
  nav, audio, .close, .screen, .repeated, summary { display: none !important; }
  .scroll { overflow: visible; background: none; }
  .item, .case, .figures li, figure, tr, .verdict, .lead, .heat { break-inside: avoid; }
  h2, h3, caption, thead, p:has(+ .grid), p:has(+ .plot), p:has(+ .scroll), p:has(+ .cards) { break-after: avoid; }
  tbody th { min-width: 10rem; }
  .plot svg { max-width: 30rem; }
  .cell.mistake { display: block; border: 0; padding: 0; }
  .cell.mistake .cards, .cards { break-inside: auto; }
  .item { padding: 1.5mm; font-size: 8pt; }
  .cards { grid-template-columns: repeat(auto-fill, minmax(27mm, 1fr)); gap: 2mm; }
  .cards:has(> .sound) { grid-template-columns: repeat(auto-fill, minmax(40mm, 1fr)); }
  .cards:has(> .wide) { grid-template-columns: repeat(auto-fill, minmax(70mm, 1fr)); }
  .item img { height: 20mm; } .item.sound img { height: 14mm; }
  .grid { grid-template-columns: 1fr 1fr; }
  svg rect, svg circle, .item img, .heat td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
}
"""


def _shades() -> str:
    """Classes of the shades of a matrix, from nearly none to strong."""
    strengths = [0.06 + 0.54 * step / SHADES for step in range(1, SHADES + 1)]
    return "\n".join(
        f".heat .{kind}.s{step} {{ background: rgba(var(--{kind}-rgb), {strength:.2f}); }}"
        for kind in ("right", "wrong")
        for step, strength in enumerate(strengths, start=1)
    )


STYLE = f"{_COLOURS}{_TEXT}{_TABLES}{_shades()}{_ITEMS}{_SPANS}{_PLOTS}{_PRINT}"
"""CSS; it refers to no font or image that would have to be fetched."""
