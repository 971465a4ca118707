"""The report of boxes: pictures with hits, misses and false alarms, most mistakes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from headstart.report.content.words import one_line
from headstart.report.page.elements import PageSection, figure, grid, note, paragraph

__all__ = ["box_blocks"]

Record = Mapping[str, Any]

LOOKS = {
    "hit": ("#1a7f37", ""),  # colour, and the dashes of the line
    "missed": ("#0969da", "6 4"),
    "false alarm": ("#cf222e", "2 3"),
}
MOST_SIDE = 100_000
LETTER, LINE = 6.2, 14  # width of a letter and height of a line of the names, in units of the drawing


def box_blocks(record: Record) -> list[PageSection]:
    """Pictures with their boxes; none where the record holds no pictures.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> seen = {"kind": "missed", "label": "cup", "score": None, "box": [0, 0, 0.5, 0.5]}
        >>> shown = {"name": "a.jpg", "size": [40, 30], "picture": "/9j/", "boxes": [seen], "missed": 1}
        >>> [page] = box_blocks({"annotations": {"examples": [shown]}})
        >>> page.title, 'stroke-dasharray="6 4"' in page.html
        ('Pictures with their boxes', True)
    """
    examples: Sequence[Record] = record.get("annotations", {}).get("examples", [])
    if not examples:
        return []
    legend = (
        "Green: found. Blue and dashed: missed. Red and dotted: found where there is nothing. Pictures with the most "
        "mistakes come first. A box is found if it covers an object of its class with an overlap of one half or more."
    )
    parts = [paragraph(legend), grid(_shown(one) for one in examples)]
    missing = [one for one in examples if one.get("missing")]
    parts += [note(f"{one['name']} cannot be shown: {one['missing']}") for one in missing]
    return [PageSection("boxes", "Pictures with their boxes", "\n".join(part for part in parts if part), "pictures")]


def _shown(one: Record) -> str:
    if not one.get("picture"):
        return ""
    width, height = (min(max(int(side), 1), MOST_SIDE) for side in one["size"])
    scale = 480 / max(width, height)
    wide, tall = width * scale, height * scale
    boxes = "".join(_box(box, wide, tall) for box in one["boxes"][::-1])  # misses come last, on top
    picture = f'<image href="data:image/jpeg;base64,{escape(one["picture"])}" width="{wide:.0f}" height="{tall:.0f}"/>'
    counts = [(one.get(key, 0), word) for key, word in (("hits", "found"), ("missed", "missed"))]
    alarms = one.get("false_alarms", 0)
    words = [f"{count} {word}" for count, word in counts if count]
    words += [f"{alarms} false alarm{'s' if alarms > 1 else ''}"] if alarms else []
    caption = f"{one['name']}: {', '.join(words) or 'nothing there, nothing found'}"
    label = escape(one_line(caption))
    svg = f'<svg viewBox="0 0 {wide:.0f} {tall:.0f}" role="img" aria-label="{label}">{picture}{boxes}</svg>'
    return figure(svg, caption)


def _box(box: Record, wide: float, tall: float) -> str:
    colour, dashes = LOOKS.get(box["kind"], LOOKS["hit"])
    left, top, right, bottom = (min(max(float(value), 0.0), 1.0) for value in box["box"])
    x, y = left * wide, top * tall
    sides = f'width="{(right - left) * wide:.1f}" height="{(bottom - top) * tall:.1f}"'
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    score = "" if box.get("score") is None else f" {float(box['score']):.2f}"
    title = f"<title>{escape(one_line(box['kind'] + ': ' + box['label'] + score))}</title>"
    frame = (
        f'<rect x="{x:.1f}" y="{y:.1f}" {sides} fill="none" stroke="{colour}" stroke-width="2"{dashed}>{title}</rect>'
    )
    words = one_line(f"{box['label']}{score}")
    across, down = min(x, wide - LETTER * len(words) - 6), max(y - LINE, 0.0)
    across = max(across, 0.0)
    ground = (
        f'<rect x="{across:.1f}" y="{down:.1f}" width="{LETTER * len(words) + 6:.1f}" height="{LINE}" fill="{colour}"/>'
    )
    return f'{frame}{ground}<text x="{across + 3:.1f}" y="{down + 11:.1f}" class="on-picture">{escape(words)}</text>'
