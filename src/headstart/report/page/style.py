"""The style sheet of the HTML page, for light and dark screens and for print."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --card: #f6f8fa; --line: #d0d7de;
  --model: #0b62c4; --other: #8c959f; --right: 30, 120, 220; --wrong: 220, 90, 20; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --paper: #0d1117; --card: #161b22;
  --line: #30363d; --model: #58a6ff; --other: #6e7681; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.75rem; padding-bottom: 0.25rem; border-bottom: 1px solid var(--line); font-size: 1.25rem; }
.lead { font-size: 1.2rem; }
.soft, caption, figcaption { color: var(--soft); font-size: 0.9rem; }
.verdict { padding: 0.6rem 1rem; border-left: 4px solid var(--model); background: var(--card); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 0.75rem; margin: 0;
  padding: 0; list-style: none; }
.cards li { padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.cards strong { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.cards span { display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { padding: 0.25rem 0; text-align: left; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; }
td, th[scope="row"] { max-width: 40rem; overflow-wrap: break-word; }
td.n, th.n { text-align: right; white-space: nowrap; }
.heat td { min-width: 2.2rem; padding: 0.25rem; border: 1px solid var(--line); text-align: center; }
.heat th[scope="row"] { white-space: nowrap; }
.heat thead th { padding: 0.4rem 0.25rem; vertical-align: bottom; }
.heat thead span { display: inline-block; max-height: 11rem; writing-mode: vertical-rl; transform: rotate(180deg); }
.heat .right { background: rgba(var(--right), var(--share)); }
.heat .wrong { background: rgba(var(--wrong), var(--share)); }
figure { margin: 1rem 0; }
svg { display: block; width: 100%; max-width: 48rem; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .tick { fill: var(--soft); font-size: 11px; }
svg .grid { stroke: var(--line); }
svg .model { fill: var(--model); }
svg .other { fill: var(--other); }
svg .error { fill: none; stroke: var(--ink); stroke-width: 1.5; }
@media print { body { max-width: none; padding: 0; font-size: 12px; } .scroll { overflow: visible; } }
"""
"""CSS; it refers to no font or image that would have to be fetched."""
