"""The report of masks: pictures with labelled and found outlines side by side, worst first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.content.words import number
from headstart.report.page.elements import PageSection, figure, grid, note, paragraph, text

__all__ = ["mask_blocks"]

Record = Mapping[str, Any]

SIDE = 320  # units of the longer side of a picture
GAP = 8
MOST_SIDE = 100_000
OBJECTS = (
    "On the left the labelled outlines, on the right those that were found; the worst pictures come first. Green: "
    "objects that have a partner, with an overlap of more than one half. Orange: missed. Purple: found where no object "
    "is labelled."
)
CLASSES = (
    "On the left the labelled outlines of the classes, on the right those that were found. The worst pictures come "
    "first."
)


def mask_blocks(record: Record) -> list[PageSection]:
    """Pictures with their outlines; none where the record holds no pictures.

    Args:
        record: the facts of a fit or of an evaluation of masks.

    Examples:
        >>> one = {"name": "a.png", "size": [40, 30], "score": 0.5, "labelled": "/9j/", "found": "/9j/", "hits": 1,
        ...     "missed": 2, "false_alarms": 0}
        >>> [page] = mask_blocks({"annotations": {"examples": [one]}})
        >>> page.title, page.html.count("<image "), "a.png: 1 found, 2 missed" in page.html
        ('Pictures with their masks', 2, True)
    """
    examples: Sequence[Record] = record.get("annotations", {}).get("examples", [])
    if not examples:
        return []
    legend = OBJECTS if any("hits" in one for one in examples) else CLASSES
    parts = [paragraph(legend), grid(_shown(one) for one in examples)]
    parts += [note(f"{one['name']} cannot be shown: {one['missing']}") for one in examples if one.get("missing")]
    return [PageSection("masks", "Pictures with their masks", "\n".join(filter(None, parts)), "pictures")]


def _shown(one: Record) -> str:
    if not all(re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", str(one.get(name, ""))) for name in ("labelled", "found")):
        return ""
    width, height = (min(max(int(side), 1), MOST_SIDE) for side in one["size"])
    scale = SIDE / max(width, height)
    wide, tall = round(width * scale), round(height * scale)
    pictures = "".join(
        f'<image href="data:image/jpeg;base64,{one[name]}" x="{left}" width="{wide}" height="{tall}"/>'
        for name, left in (("labelled", 0), ("found", wide + GAP))
    )
    caption = f"{one['name']}: {_counts(one)}"
    svg = f'<svg viewBox="0 0 {2 * wide + GAP} {tall}" role="img" aria-label="{text(caption)}">{pictures}</svg>'
    return figure(svg, caption)


def _counts(one: Record) -> str:
    if "hits" not in one:
        return f"mean IoU {number(one['score'])}"
    words = [f"{one[name]} {word}" for name, word in (("hits", "found"), ("missed", "missed")) if one[name]]
    alarms = one["false_alarms"]
    words += [f"{alarms} false alarm{'s' if alarms > 1 else ''}"] if alarms else []
    return ", ".join(words) or "nothing there, nothing found"
