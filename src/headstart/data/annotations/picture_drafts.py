"""Pictures with what a file draws on them, and the annotated items that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headstart.annotations import IGNORED
from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import DrawnBox, boxes_of
from headstart.data.annotations.location import Location
from headstart.data.annotations.masks.shapes import (
    Shape,
    mask_of_shapes,
    shape_box,
    shape_of_polygons,
    shape_of_segmentation,
)
from headstart.data.annotations.picture_files import PictureFacts, facts_of
from headstart.data.annotations.remarks import Remarks
from headstart.data.annotations.split_lists import SplitLists
from headstart.data.naming.label_names import natural_key
from headstart.errors import ItemError

__all__ = ["Drawn", "PictureDraft", "annotated_pictures", "ordered_classes"]


@dataclass(frozen=True)
class Drawn:
    """An object that a file draws.

    Attributes:
        name: of its class.
        where: its file and place, for messages.
        xyxy: left, top, right and bottom, in pixels or fractions; None where only a shape is stated.
        segmentation: as in COCO, in the unit of ``xyxy``: polygons, or a run-length code; None where there is none.
        score: of a detection.
        is_ignored: whether it does not count (crowd, difficult).
        is_thing: whether it is an object, not a region of stuff.
        is_fraction: whether numbers are fractions of width and height.
    """

    name: str
    where: str
    xyxy: tuple[float, float, float, float] | None = None
    segmentation: Any = None
    score: float | None = None
    is_ignored: bool = False
    is_thing: bool = True
    is_fraction: bool = False


@dataclass
class PictureDraft:
    """A picture and what is drawn on it.

    Attributes:
        name: POSIX path of the picture in its folder.
        drawn: its objects.
        stated: (width, height) by the annotation file, or None.
        where: the file that annotates it.
        split: that the file states, or empty.
        lost: how many objects the file holds that could not be read.
    """

    name: str
    drawn: list[Drawn] = field(default_factory=list)
    stated: tuple[int, int] | None = None
    where: str = ""
    split: str = ""
    lost: int = 0


def ordered_classes(
    drafts: Sequence[PictureDraft], known: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes that occur, in the order of the known ones and then by name; and known ones that do not occur.

    Args:
        drafts: of all pictures.
        known: classes in the order of a file.

    Examples:
        >>> draft = PictureDraft("a.jpg", [Drawn("cat", ""), Drawn("ant", "")])
        >>> ordered_classes([draft], ["dog", "cat"])
        (('cat', 'ant'), ('dog',))
    """
    found = {one.name for draft in drafts for one in draft.drawn}
    rest = sorted(found - set(known), key=natural_key)
    return (*(name for name in known if name in found), *rest), tuple(name for name in known if name not in found)


def annotated_pictures(
    location: Location, drafts: Sequence[PictureDraft], kind: str, remarks: Remarks, known: Sequence[str] = ()
) -> Annotated:
    """The pictures of drafts with boxes or masks.

    A picture whose objects were all set aside is set aside too: learned or judged as one without objects, it would
    teach to miss them, and count what finds them as a false alarm.

    Args:
        location: of their folder.
        drafts: one for each picture.
        kind: ``"box"`` or ``"mask"``.
        remarks: collects what was repaired or set aside.
        known: classes in the order of a file; those that do not occur are reported as absent.

    Raises:
        DataError: if a shape cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.pgm").write_bytes(b"P5 2 1 255 " + bytes(2))
        >>> draft = PictureDraft("a.pgm", [Drawn("cup", "", (0, 0, 1, 1))])
        >>> annotated_pictures(Location(root), [draft], "box", Remarks()).y[0].xyxy.tolist()
        [[0.0, 0.0, 1.0, 1.0]]
    """
    labels, absent = ordered_classes(drafts, known)
    is_mask = kind == "mask"
    names = ("background", *(name for name in labels if name != "background")) if is_mask else labels
    codes = {name: code for code, name in enumerate(names)}
    kept, y = list[PictureDraft](), list[Any]()
    for draft in sorted(drafts, key=lambda one: one.name):
        facts = _facts(location, draft, remarks)
        if facts is None:
            continue
        own: Any
        if is_mask:
            shapes = _shapes(draft, facts, remarks, codes)
            count, own = len(shapes), mask_of_shapes(shapes, facts, draft.stated, draft.where)
        else:
            own = boxes_of(_boxes(draft, facts), codes, facts, remarks, draft.stated)
            count = len(own)
        if (
            draft.drawn or draft.lost
        ) and not count:  # it holds objects, but nothing says where: it is no picture without objects
            remarks.add("none_left", f"'{draft.name}'")
            continue
        kept.append(draft)
        y.append(own)
    ids = tuple(draft.name for draft in kept)
    split: Sequence[str] | None = [draft.split for draft in kept]
    if not any(split or ()):
        split = SplitLists(location).of(ids, remarks)
    items = [str(location.file(name)) for name in ids]
    return Annotated(kind, items, ids, y, names, split, None, remarks.sentences(), {}, absent)


def _facts(location: Location, draft: PictureDraft, remarks: Remarks) -> PictureFacts | None:
    try:
        facts = facts_of(location, draft.name)
    except ItemError as error:
        remarks.add("unreadable_picture", str(error).rstrip("."))
        return None
    if draft.stated is not None and draft.stated not in (facts.stored, facts.size):
        has = f"{facts.stored[0]} x {facts.stored[1]}"
        remarks.add("other_size", f"{draft.where} ({draft.stated[0]} x {draft.stated[1]}, the picture has {has})")
    if facts.turn != 1:
        remarks.add("turned", f"'{draft.name}'")
    return facts


def _side(draft: PictureDraft, facts: PictureFacts) -> tuple[int, int]:
    """The size of the pixels that annotations are drawn on: as stored, unless the stated size says as shown."""
    return facts.stored if facts.turn_for(draft.stated) == facts.turn else facts.size


def _boxes(draft: PictureDraft, facts: PictureFacts) -> list[DrawnBox]:
    size = _side(draft, facts)
    return [DrawnBox(one.name, _corners(one, size), one.where, one.score, one.is_ignored) for one in draft.drawn]


def _corners(one: Drawn, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box of an object in pixels: as stated, or around its shape."""
    if one.xyxy is None:
        return shape_box(_shape(one, size), size)
    x0, y0, x1, y1 = one.xyxy
    return (x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1]) if one.is_fraction else one.xyxy


def _shape(one: Drawn, size: tuple[int, int]) -> Shape:
    value = one.segmentation
    if one.is_fraction and isinstance(value, list):
        return shape_of_polygons([[v * size[k % 2] for k, v in enumerate(part)] for part in value], size, one.where)
    return shape_of_segmentation(value, size, one.where)


def _shapes(
    draft: PictureDraft, facts: PictureFacts, remarks: Remarks, codes: Mapping[str, int]
) -> list[tuple[Shape, int, bool]]:
    """Shapes with codes; where only a box is stated, its pixels are ignored: some are the object's, some are not."""
    size = _side(draft, facts)
    shapes = []
    for one in draft.drawn:
        code = IGNORED if one.is_ignored else codes[one.name]
        if one.segmentation is not None and one.segmentation != []:
            shapes.append((_shape(one, size), code, one.is_thing))
            continue
        remarks.add("no_shape", f"{one.where} ({one.name})")
        x0, y0, x1, y1 = _corners(one, size)
        if min(x1, size[0]) > max(x0, 0) and min(y1, size[1]) > max(y0, 0):
            outline = shape_of_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], size, one.where)
            shapes.append((outline, IGNORED, one.is_thing))
    return shapes
