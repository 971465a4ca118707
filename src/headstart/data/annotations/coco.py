"""COCO: one JSON file with pictures, categories and annotations: boxes, polygons, run-length codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import number
from headstart.data.annotations.location import Location, split_of
from headstart.data.annotations.parsing.json_files import checked_list, checked_object, load_json
from headstart.data.annotations.picture_drafts import Drawn, PictureDraft, annotated_pictures
from headstart.data.annotations.picture_files import PictureFinder
from headstart.data.annotations.remarks import Remarks
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["COCO", "Coco"]

IMAGES = re.compile(rb'"images"\s*:\s*\[')
FILES = re.compile(rb'"file_name"\s*:')
ANNOTATIONS = re.compile(rb'"annotations"\s*:\s*\[')
IDS = re.compile(rb'"(image_id|category_id)"\s*:')


class Coco:
    """The format of Common Objects in Context (Lin et al. 2014).

    ``bbox`` is left, top, width and height in pixels that count from 0 at the outer corner. Crowds are ignored regions.
    Boxes are read, and masks where they are asked for: polygons and run-length codes, compressed or not. Annotations of
    categories with ``isthing`` 0 are stuff without numbers of objects. Several files are the given split
    (``instances_train2017.json``, ``valid/_annotations.coco.json``).

    Examples:
        >>> COCO.kinds
        ('box', 'mask')
    """

    name = "coco"
    title = "COCO"
    kinds = ("box", "mask")
    writes = ("box", "mask")
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {}
    written: Mapping[str, tuple[str, ...]] = {}

    def recognise(self, location: Location) -> int:
        """Clear where a JSON file begins like one of this format."""
        return 2 if _files(location) else 0

    def read(self, location: Location) -> Annotated:
        """Read one file, or those of a folder."""
        around = location.around()
        remarks = Remarks()
        files = _files(location)
        if not files:
            raise DataError(f"There is no JSON file with 'images' and 'annotations' in '{location.shown}'.")
        drafts: dict[str, PictureDraft] = {}
        known: dict[str, None] = {}
        finder = PictureFinder(around.pictures)
        wants_mask = location.options.task == "mask"
        splits = {name: split_of(name) or "" for name in files} if len(files) > 1 else {}
        for name in files:
            file = _CocoFile(location, name, remarks, wants_mask=wants_mask)
            for draft in file.drafts(finder, known):
                if draft.name in drafts:
                    raise DataError(
                        f"Both {drafts[draft.name].where} and {draft.where} list '{draft.name}'; give the path of one."
                    )
                draft.split = splits.get(name, "")
                drafts[draft.name] = draft
            if file.has_shapes and not wants_mask:
                remarks.say("Read the boxes; there are also shapes, which --task mask reads as masks.")
        for picture in around.pictures if location.is_folder else ():
            if picture not in drafts:
                remarks.add("no_annotation", f"'{picture}'")
        kind = "mask" if wants_mask else "box"
        return annotated_pictures(around, list(drafts.values()), kind, remarks, list(known))

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``images/`` and ``annotations.json``, or a file for each split."""
        from headstart.data.annotations.writers.coco import write_coco

        return write_coco(dataset, folder)


COCO = Coco()


def _files(location: Location) -> list[str]:
    """JSON files of this format; those of instances, where there are also ones of captions and keypoints."""
    found = []
    for name in location.with_suffix(".json")[:200]:
        head = location.head(name)
        if (IMAGES.search(head) and FILES.search(head)) or (
            ANNOTATIONS.search(head) and len(set(IDS.findall(head))) > 1
        ):
            found.append(name)
    instances = [name for name in found if PurePosixPath(name).name.lower().startswith("instances")]
    return instances or [name for name in found if not PurePosixPath(name).name.lower().startswith("captions")]


class _CocoFile:
    """One file: its records checked, and what they draw."""

    def __init__(self, location: Location, name: str, remarks: Remarks, *, wants_mask: bool) -> None:
        self.location, self.name, self.remarks, self.wants_mask = location, name, remarks, wants_mask
        self.title = location.title(name)
        self.has_shapes = False
        self.whole = checked_object(load_json(location, name), "The content", self.title)

    def _records(self, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The records of a list, each with its place."""
        values = checked_list(self.whole.get(key, []), f"'{key}'", self.title)
        for place, value in enumerate(values):
            where = f"{self.title}, {key}[{place}]"
            yield where, checked_object(value, "The record", where)

    def _id(self, record: Mapping[str, Any], key: str, where: str) -> str:
        value = record.get(key)
        if not isinstance(value, (int, str)) or isinstance(value, bool):
            raise DataError(
                f"The '{key}' in {where} must be a number or a text. Got {value!r:.60} instead; correct it."
            )
        return str(value)

    def _categories(self) -> dict[str, tuple[str, bool]]:
        """Name, and whether it is a thing, by id."""
        found: dict[str, tuple[str, bool]] = {}
        for where, record in self._records("categories"):
            key = self._id(record, "id", where)
            name = record.get("name")
            if not isinstance(name, str) or not name.strip():
                raise DataError(f"The category in {where} has no name. Got {name!r:.60}; add it.")
            if key in found:
                raise DataError(f"The id {key} in {where} belongs to '{found[key][0]}' already; ids must differ.")
            found[key] = (name.strip(), record.get("isthing") != 0)
        return found

    def drafts(self, finder: PictureFinder, known: dict[str, None]) -> list[PictureDraft]:
        """The pictures with what is drawn on them; adds to the known classes."""
        categories = self._categories()
        known |= dict.fromkeys(name for name, _ in categories.values())
        pictures: dict[str, PictureDraft | None] = {}
        for where, record in self._records("images"):
            key = self._id(record, "id", where)
            if key in pictures:
                raise DataError(f"The id {key} in {where} belongs to another picture already; ids must differ.")
            pictures[key] = self._picture(record, where, finder)
        for where, record in self._records("annotations"):
            self._annotate(record, where, pictures, categories)
        found = [draft for draft in pictures.values() if draft is not None]
        names = [draft.name for draft in found]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{self.title} lists the picture '{twice}' twice; list each once.")
        return found

    def _picture(self, record: Mapping[str, Any], where: str, finder: PictureFinder) -> PictureDraft | None:
        file = record.get("file_name")
        if not isinstance(file, str) or not file:
            raise DataError(f"The 'file_name' in {where} must be a text. Got {file!r:.60} instead; correct it.")
        name = finder.find(file, self.name)
        if name is None:
            self.remarks.add("no_picture", f"{where} ({file[:80]})")
            return None
        stated = None
        if record.get("width") and record.get("height"):
            stated = (int(number(record["width"], "width", where)), int(number(record["height"], "height", where)))
        return PictureDraft(name, [], stated, where)

    def _annotate(
        self, record: Mapping[str, Any], where: str, pictures: Mapping[str, PictureDraft | None],
        categories: Mapping[str, tuple[str, bool]],
    ) -> None:  # fmt: skip
        draft = pictures.get(key := self._id(record, "image_id", where))
        if key not in pictures:
            self.remarks.add("no_picture", f"{where} (image_id {key[:40]})")
        if "category_id" not in record:
            raise DataError(f"The annotation in {where} has no 'category_id'; give a file of instances.")
        category = categories.get(self._id(record, "category_id", where))
        if category is None:
            self.remarks.add("unknown_class", f"{where} (category_id {record['category_id']!r:.40})")
        if draft is None or category is None:
            return
        shape = record.get("segmentation")
        box = record.get("bbox")
        if box is None and not shape:
            raise DataError(f"The annotation in {where} has neither a 'bbox' nor a 'segmentation'; add one.")
        score = record.get("score")
        self.has_shapes |= bool(shape)
        draft.drawn.append(
            Drawn(
                category[0],
                where,
                None if box is None else _xyxy(box, where),
                shape if self.wants_mask or box is None else None,
                None if score is None else number(score, "score", where, least=0, most=1),
                record.get("iscrowd") in (1, True),
                category[1],
            )
        )


def _xyxy(box: Any, where: str) -> tuple[float, float, float, float]:
    values = checked_list(box, "The 'bbox'", where)
    if len(values) != 4:
        raise DataError(f"The 'bbox' in {where} must be [left, top, width, height]. Got {len(values)} numbers instead.")
    x, y, width, height = (number(value, "bbox", where) for value in values)
    return x, y, x + width, y + height
