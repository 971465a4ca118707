"""What an item and its annotations are called in sentences."""

from __future__ import annotations

import re

__all__ = ["ANNOTATIONS_OF", "ITEM_OF", "in_units"]

ITEM_OF = {"token": "sentence", "box": "picture", "mask": "picture"}
"""By kind of task, what an item is called."""

ANNOTATIONS_OF = {"token": "spans", "box": "boxes", "mask": "masks"}
"""By kind of task, what an item holds."""

ITEM = re.compile(r"'[^']*'|\bitem(s?)\b")


def in_units(text: str, kind: str) -> str:
    """A sentence on items as one on sentences or pictures; names in quotation marks stay.

    Args:
        text: the sentence.
        kind: of the task; for any other than ``"token"``, ``"box"`` and ``"mask"`` the sentence stays.

    Examples:
        >>> in_units("Held out 2 of 8 items of 'my items'", "box")
        "Held out 2 of 8 pictures of 'my items'"
    """
    noun = ITEM_OF.get(kind)
    if noun is None:
        return text
    return ITEM.sub(lambda found: found[0] if found[1] is None else f"{noun}{found[1]}", text)
