"""Boxes as files state them, checked against their pictures: clipped, set aside or kept, and always said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.annotations import Boxes
from headstart.data.annotations.picture_files import PictureFacts, turn_boxes
from headstart.data.annotations.remarks import Remarks
from headstart.errors import DataError

__all__ = ["MOST_BOXES", "DrawnBox", "boxes_of", "number"]

MOST_BOXES = 100_000  # of a picture
LARGEST = 1e7  # coordinates beyond which a number is no pixel
ROUNDING = 1.0  # pixels by which tools that round, or count from 1, reach beyond a picture


@dataclass(frozen=True)
class DrawnBox:
    """A box as a file states it, in pixels that count from 0 at the outer corner.

    Attributes:
        name: of its class.
        xyxy: left, top, right, bottom.
        where: its file and line, for messages.
        score: of a detection.
        is_ignored: whether it is a region that does not count (crowd, difficult).
    """

    name: str
    xyxy: tuple[float, float, float, float]
    where: str
    score: float | None = None
    is_ignored: bool = False


def number(value: Any, what: str, where: str, *, least: float = -LARGEST, most: float = LARGEST) -> float:
    r"""A finite number in a range, from JSON, XML or a table.

    Args:
        value: as read.
        what: the name of the value, for messages.
        where: its file and line.
        least: the least that is allowed.
        most: the most that is allowed.

    Raises:
        DataError: if it is none.

    Examples:
        >>> number("12.5", "xmin", "'a.xml', line 3")
        12.5
        >>> number("nan", "xmin", "'a.xml', line 3")
        Traceback (most recent call last):
        headstart.errors.DataError: The xmin in 'a.xml', line 3 must be a number from -1e+07 ...
    """
    found = math.nan
    if isinstance(value, (int, float, np.number, str)) and not isinstance(value, bool) and len(str(value)[:400]) < 400:
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
    if not least <= found <= most:
        shown = repr(value) if len(repr(value)[:70]) < 70 else repr(value)[:60] + "..."
        raise DataError(
            f"The {what} in {where} must be a number from {least:g} to {most:g}. Got {shown} instead; correct it."
        )
    return found


def boxes_of(
    drawn: Sequence[DrawnBox],
    codes: Mapping[str, int],
    facts: PictureFacts,
    remarks: Remarks,
    stated: tuple[int, int] | None = None,
) -> Boxes:
    """The boxes of one picture, upright.

    Boxes of no area, outside of the picture or exactly doubled are set aside; those that reach beyond it are clipped,
    and up to one pixel of rounding is not worth a remark.

    Args:
        drawn: as the file states them.
        codes: of the classes.
        facts: of the picture.
        remarks: collects what was set aside or changed.
        stated: (width, height) of the picture by the annotation file, or None.

    Raises:
        DataError: if there are more than 100,000.

    Examples:
        >>> drawn = [DrawnBox("cat", (0, 0, 9, 5), "line 2"), DrawnBox("cat", (3, 3, 3, 4), "line 3")]
        >>> remarks = Remarks()
        >>> boxes_of(drawn, {"cat": 0}, PictureFacts((8, 6)), remarks).xyxy.tolist(), remarks.count("no_area")
        ([[0.0, 0.0, 8.0, 5.0]], 1)
    """
    if len(drawn) > MOST_BOXES:
        raise DataError(f"The picture of {drawn[0].where} has {len(drawn)} boxes, and at most {MOST_BOXES} are read.")
    turn = facts.turn_for(stated)
    size = facts.stored if turn == facts.turn else facts.size
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for box in drawn:
        found = _checked(box, size, remarks)
        if found is None:
            continue
        key = (box.name, *found, box.score)
        if key in seen:
            remarks.add("doubled", f"{box.where} ({box.name})")
            continue
        seen.add(key)
        kept.append((box, found))
    xyxy = turn_boxes(np.array([found for _, found in kept], dtype=np.float64).reshape(-1, 4), size, turn)
    scores = [box.score for box, _ in kept]
    return Boxes(
        xyxy,
        np.array([codes[box.name] for box, _ in kept], dtype=np.int64),
        facts.size,
        np.array([1.0 if score is None else score for score in scores]) if any(s is not None for s in scores) else None,
        np.array([box.is_ignored for box, _ in kept], dtype=bool),
    )


def _checked(box: DrawnBox, size: tuple[int, int], remarks: Remarks) -> tuple[float, float, float, float] | None:
    x0, y0, x1, y1 = box.xyxy
    width, height = size
    what = f"{box.where} ({box.name}, {x1 - x0:g} x {y1 - y0:g} pixels at {x0:g}, {y0:g})"
    if x1 <= x0 or y1 <= y0:
        remarks.add("no_area", what)
        return None
    inside = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        remarks.add("outside", f"{what}; the picture has {width} x {height}")
        return None
    if max(abs(a - b) for a, b in zip(inside, box.xyxy, strict=True)) > ROUNDING:
        remarks.add("clipped", f"{what}; the picture has {width} x {height}")
    return inside
