"""Pascal VOC: an XML file for each picture, and lists of names as splits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import number
from headstart.data.annotations.location import Location
from headstart.data.annotations.parsing.xml_tree import Element, parse_xml
from headstart.data.annotations.picture_drafts import Drawn, PictureDraft, annotated_pictures
from headstart.data.annotations.picture_files import PictureFinder
from headstart.data.annotations.remarks import Remarks
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["PASCAL_VOC", "PascalVoc"]

MOST_BYTES = 64 * 2**20
PROBED = 20  # XML files whose beginnings are read to recognise the format


class PascalVoc:
    """The format of the PASCAL Visual Object Classes challenge (Everingham et al. 2010), as LabelImg writes it.

    A box states the first and the last pixel of its object, counted from 1: ``xmin`` 1 and ``xmax`` 10 cover the first
    ten columns, which are 0 <= x < 10 here. A file whose ``xmax`` is not above its ``xmin`` holds a box of no area.
    ``difficult`` objects are ignored regions. Lists of names in a folder (``ImageSets/Main/train.txt``,
    ``splits/test.txt``) are the splits.

    Examples:
        >>> PASCAL_VOC.kinds
        ('box',)
    """

    name = "pascal_voc"
    title = "Pascal VOC"
    kinds = ("box",)
    writes = ("box",)
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {}
    written: Mapping[str, tuple[str, ...]] = {}

    def recognise(self, location: Location) -> int:
        """Clear where XML files begin with an annotation and there are pictures."""
        files = location.with_suffix(".xml") if location.is_folder and location.pictures else []
        return 2 if any(b"<annotation" in location.head(name)[:4096] for name in files[:PROBED]) else 0

    def read(self, location: Location) -> Annotated:
        """Read all annotation files of a folder."""
        remarks = Remarks()
        finder = PictureFinder(location.pictures)
        read: dict[str, tuple[str, Element]] = {}
        for name in location.with_suffix(".xml"):
            root = parse_xml(location.content(name, MOST_BYTES), location.title(name))
            if root.tag != "annotation":
                remarks.say(f"Left out {location.title(name)}, which holds <{root.tag[:40]}> and no annotation.")
                continue
            picture = _picture(root, name, finder)
            if picture is None:
                remarks.add("no_picture", f"{location.title(name)} ({(root.value('filename') or 'no file name')[:80]})")
            elif picture in read:
                raise DataError(
                    f"Both {location.title(read[picture][0])} and {location.title(name)} annotate '{picture}'; "
                    "remove one of them."
                )
            else:
                read[picture] = (name, root)
        for picture in location.pictures:
            if picture not in read:
                remarks.add("no_annotation", f"'{picture}'")
        drafts = [_draft(picture, location.title(name), root) for picture, (name, root) in read.items()]
        return annotated_pictures(location, drafts, "box", remarks)

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``annotations/NAME.xml`` for each picture, and ``splits/SPLIT.txt``."""
        from headstart.data.annotations.writers.pascal_voc import write_voc

        return write_voc(dataset, folder)


PASCAL_VOC = PascalVoc()


def _picture(root: Element, name: str, finder: PictureFinder) -> str | None:
    """The picture of an annotation file: by its own name, else by the file name or the path that it states."""
    for stated in (PurePosixPath(name).stem, root.value("filename"), root.value("path")):
        if stated and (found := finder.find(stated, name)) is not None:
            return found
    return None


def _draft(picture: str, title: str, root: Element) -> PictureDraft:
    drawn = [_box(element, f"{title}, line {element.line}") for element in root.all("object")]
    return PictureDraft(picture, drawn, _size(root, title), title)


def _size(root: Element, title: str) -> tuple[int, int] | None:
    width, height = root.value("size/width"), root.value("size/height")
    if not width or not height:
        return None
    sides = (number(side, what, title) for side, what in ((width, "width"), (height, "height")))
    size = tuple(int(side) for side in sides)
    return (size[0], size[1]) if min(size) > 0 else None


def _box(element: Element, where: str) -> Drawn:
    name = element.value("name")
    if not name:
        raise DataError(f"The object in {where} has no name; add <name> with its class.")
    box = element.find("bndbox")
    if box is None:
        raise DataError(f"The object '{name}' in {where} has no <bndbox>; add its xmin, ymin, xmax and ymax.")
    sides = []
    for side in ("xmin", "ymin", "xmax", "ymax"):
        text = box.value(side)
        if text is None:
            raise DataError(f"The box of '{name}' in {where} has no <{side}>; add it.")
        sides.append(number(text, side, where))
    x0, y0, x1, y1 = sides
    # xmin and xmax are pixels that belong to the object, counted from 1; a last pixel not behind the first is no box
    xyxy = (x0 - 1, y0 - 1, x1 if x1 > x0 else x0 - 1, y1 if y1 > y0 else y0 - 1)
    score = element.value("confidence") or element.value("score")
    confidence = None if not score else number(score, "confidence", where, least=0, most=1)
    is_difficult = element.value("difficult") in ("1", "true", "True")
    return Drawn(name, where, xyxy, score=confidence, is_ignored=is_difficult)
