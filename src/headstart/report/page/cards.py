"""Items as cards: pictures, texts, players and numbers, with what was predicted."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from headstart.report.content.words import one_line, shortened
from headstart.report.gallery import GalleryItem
from headstart.report.page.elements import details, lines, text

__all__ = ["Remark", "card", "cards", "readable"]

SNIPPET = 300  # characters of a text that are shown at once
NAME = 44  # characters of a name

Remark = tuple[str, str]
"""What is said about an item, and its kind: ``"good"``, ``"bad"`` or ``""``."""


def cards(entries: Iterable[str]) -> str:
    r"""Cards side by side; empty for none.

    Examples:
        >>> cards(["<li>1</li>"])
        '<ul class="cards">\n<li>1</li>\n</ul>'
    """
    shown = list(entries)
    return f'<ul class="cards">\n{lines(shown)}</ul>' if shown else ""


def card(item: GalleryItem, remarks: Sequence[Remark], *, key: str = "", with_sound: bool = True) -> str:
    """One item as an entry of a list.

    Args:
        item: what it looks, reads or sounds like; untrusted.
        remarks: what is said about it.
        key: its id in the page; default: none.
        with_sound: whether its player is included.

    Examples:
        >>> shown = card(GalleryItem("<b>", "yes", texts=("Where is my card?",)), [("says no", "bad")])
        >>> '<p dir="auto">Where is my card?</p>' in shown, "&lt;b&gt;" in shown, "<b>" in shown
        (True, True, False)
    """
    kind = "item sound" if item.is_sound else "item wide" if item.texts or item.values or item.missing else "item"
    parts = [
        *(_picture(one.jpeg, one.width, one.height, item.name) for one in item.thumbnails),
        _player(item) if item.sound and with_sound else "",
        *map(_text, item.texts),
        _values(item.values),
        f'<p class="soft">{text(shortened(item.missing, 200))}</p>' if item.missing else "",
        *(f"<p{_marked(kind)}>{text(words)}</p>" for words, kind in remarks),
        f'<p class="name">{text(_name(item.name))}</p>',
    ]
    named = f' id="{key}"' if key else ""
    return f'<li class="{kind}"{named}>{"".join(parts)}</li>'


def readable(content: str) -> str:
    r"""Untrusted text with its line breaks, escaped; unprintable characters and marks of direction are replaced.

    Examples:
        >>> readable("<i>\n\u202eb")
        '&lt;i&gt;\n\ufffdb'
    """
    return "\n".join(escape(one_line(line)) if line.strip() else "" for line in content.splitlines())


def _name(name: str) -> str:
    """The last folders and the name of a file, as many as are short; a number of a row as such."""
    line = one_line(name)
    if line.isdigit():
        return f"row {line}"
    while len(line) > NAME and "/" in line:
        line = line.partition("/")[2]
    return line if len(line) <= NAME else f"…{line[1 - NAME :]}"


def _marked(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _uri(media_type: str, raw: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(raw).decode()}"


def _picture(jpeg: bytes, width: int, height: int, name: str) -> str:
    size = f'width="{width}" height="{height}"'
    return f'<img src="{_uri("image/jpeg", jpeg)}" alt="{text(_name(name))}" {size} decoding="async">'


def _player(item: GalleryItem) -> str:
    label = text(f"Sound of {_name(item.name)}")
    return f'<audio controls preload="none" aria-label="{label}" src="{_uri(item.sound_type, item.sound)}"></audio>'


def _text(content: str) -> str:
    line = one_line(content)
    if len(line) <= SNIPPET:
        return f'<p dir="auto">{escape(line)}</p>'
    whole = f'<p class="whole" dir="auto">{readable(content)}</p>'
    return f'<p dir="auto">{escape(shortened(content, SNIPPET))}</p>{details("all of it", whole)}'


def _values(values: Sequence[tuple[str, str]]) -> str:
    pairs = "".join(
        f"<dt>{text(shortened(name, 30))}</dt><dd>{text(shortened(value, 30))}</dd>" for name, value in values
    )
    return f"<dl>{pairs}</dl>" if values else ""
