"""YOLO: a text file of boxes for each picture, and ``data.yaml`` with the names of the classes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import MOST_BOXES, number
from headstart.data.annotations.location import Location, split_of
from headstart.data.annotations.parsing.yaml_files import load_yaml
from headstart.data.annotations.picture_drafts import Drawn, PictureDraft, annotated_pictures
from headstart.data.annotations.picture_files import PictureFinder, safe_name
from headstart.data.annotations.remarks import Remarks
from headstart.data.schema import SPLITS
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["YOLO", "Yolo"]

NAME_LISTS = ("classes.txt", "obj.names", "predefined_classes.txt")
NOT_LABELS = re.compile(
    r"(classes|predefined_classes|train|val|valid|test|trainval|readme.*|license.*|requirements)$", re.I
)
CLASS_NUMBER = re.compile(rb"\d{1,9}(?:\.0{1,9})?")
PROBED_NUMBERS, LONGEST_NUMBER = 64, 40  # of a line, and characters of one
PROBED = 20
MOST_POINTS = 100_000  # numbers of a line
BEYOND = 1.5  # a fraction above it is no fraction


@dataclass(frozen=True)
class _Setup:
    """What ``data.yaml`` says: names, the folders of the splits, and whether labels are key points."""

    names: dict[int, str]
    places: dict[str, str]
    is_pose: bool = False


class Yolo:
    """The format of darknet and Ultralytics: ``labels/NAME.txt`` for ``images/NAME.jpg``.

    A line holds the number of a class, then centre, width and height as fractions of the picture's sides, then the
    confidence of a detection where there is one; or the points of a polygon, also as fractions, whose box is read, or
    whose mask where one is asked for. A picture without a label file is one without objects. Splits are those of the
    folders, or of ``data.yaml``.

    Examples:
        >>> YOLO.kinds
        ('box', 'mask')
    """

    name = "yolo"
    title = "YOLO"
    kinds = ("box", "mask")
    writes = ("box",)
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {}
    written: Mapping[str, tuple[str, ...]] = {}

    def recognise(self, location: Location) -> int:
        """Clear where label files of pictures begin with a line of this format."""
        if not location.is_folder or not location.pictures:
            return 0
        stems = {PurePosixPath(name).stem for name in location.pictures}
        labels = [name for name in _label_files(location) if PurePosixPath(name).stem in stems]
        heads = [head.splitlines() for name in labels[:PROBED] if (head := location.head(name)).strip()]
        return 2 if heads and all(_is_label(lines[0] or lines[-1]) for lines in heads) else 0

    def read(self, location: Location) -> Annotated:
        """Read all label files of a folder."""
        if not location.is_folder:
            raise DataError(f"'{location.shown}' is one file; give the folder of the pictures and their label files.")
        remarks = Remarks()
        setup = _setup(location)
        finder = PictureFinder(location.pictures)
        drafts: dict[str, PictureDraft] = {}
        wants_mask = location.options.task == "mask"
        for name in _label_files(location):
            picture = finder.find(PurePosixPath(name).stem, name)
            if picture is None:
                remarks.add("no_picture", location.title(name))
                continue
            if picture in drafts:
                raise DataError(
                    f"Both {drafts[picture].where} and {location.title(name)} label '{picture}'; remove one."
                )
            drawn = _drawn(location, name, setup, remarks, wants_mask=wants_mask)
            drafts[picture] = PictureDraft(picture, drawn, None, location.title(name))
        for picture in location.pictures:
            if picture not in drafts:
                remarks.add("no_label_file", f"'{picture}'")
                drafts[picture] = PictureDraft(picture)
        _set_splits(drafts.values(), setup, remarks)
        kind = "mask" if wants_mask else "box"
        return annotated_pictures(location, list(drafts.values()), kind, remarks, list(setup.names.values()))

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``images/``, ``labels/`` (with a folder for each split) and ``data.yaml``."""
        from headstart.data.annotations.writers.yolo import write_yolo

        return write_yolo(dataset, folder)


YOLO = Yolo()


def _label_files(location: Location) -> list[str]:
    return [name for name in location.with_suffix(".txt") if _may_label(PurePosixPath(name))]


def _may_label(path: PurePosixPath) -> bool:
    """Whether a text may label a picture: lists of names and of splits do not, unless they lie among the labels."""
    is_inside = any(part.lower() == "labels" for part in path.parts[:-1])
    return path.name.lower() not in NAME_LISTS and (is_inside or not NOT_LABELS.match(path.stem))


def _is_label(line: bytes) -> bool:
    """Whether a line holds the number of a class and at least four numbers; of a long line only the first are tried."""
    cells = line.split(None, PROBED_NUMBERS)[:PROBED_NUMBERS]
    return len(cells) > 4 and bool(CLASS_NUMBER.fullmatch(cells[0])) and all(map(_is_number, cells[1:]))


def _is_number(cell: bytes) -> bool:
    if len(cell) > LONGEST_NUMBER or b"_" in cell:
        return False
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _setup(location: Location) -> _Setup:
    for name in location.with_suffix(".yaml", ".yml"):
        if len(PurePosixPath(name).parts) > 2 or not re.search(rb"(?m)^\s*names\s*:", location.head(name)):
            continue
        content = load_yaml(location, name)
        if isinstance(content, dict) and "names" in content:
            places = {
                SPLITS[key.lower()]: str(value)
                for key, value in content.items()
                if isinstance(key, str) and key.lower() in SPLITS and isinstance(value, str)
            }
            return _Setup(_names(content["names"], location.title(name)), places, "kpt_shape" in content)
    for name in location.files:
        if PurePosixPath(name).name.lower() in NAME_LISTS:
            lines = location.content(name, 2**20).decode("utf-8-sig", "replace").splitlines()
            return _Setup({k: line.strip() for k, line in enumerate(lines) if line.strip()}, {})
    return _Setup({}, {})


def _names(value: Any, title: str) -> dict[int, str]:
    pairs = (
        list(enumerate(value)) if isinstance(value, list) else list(value.items()) if isinstance(value, dict) else []
    )
    if not pairs or not all(isinstance(key, int) and isinstance(name, (str, int, float)) for key, name in pairs):
        raise DataError(
            f"The 'names' in {title} must be a list of class names, or a mapping from number to name. Got "
            f"{value!r:.60} instead; correct it."
        )
    return {key: str(name) for key, name in pairs}


def _drawn(location: Location, name: str, setup: _Setup, remarks: Remarks, *, wants_mask: bool) -> list[Drawn]:
    text, _ = location.text(name)
    drawn = list[Drawn]()
    for line_number, line in enumerate(text.splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        where = location.title(name, line_number)
        if len(drawn) >= MOST_BOXES or len(cells) > MOST_POINTS:
            raise DataError(f"{where} is beyond {MOST_BOXES} objects of a picture or {MOST_POINTS} numbers of a line.")
        code = number(cells[0], "class number", where, least=0)
        if code != int(code):
            raise DataError(f"The class number in {where} must be a whole number. Got {cells[0]!r:.40}; correct it.")
        if setup.names and int(code) not in setup.names:
            remarks.add("unknown_class", f"{where} (class {int(code)})")
            continue
        own = cells[1:5] if setup.is_pose else cells[1:]
        numbers = [number(cell, "fraction", where, least=-BEYOND, most=BEYOND) for cell in own]
        drawn.append(_one(numbers, setup.names.get(int(code), str(int(code))), where, wants_mask=wants_mask))
    return drawn


def _one(numbers: list[float], name: str, where: str, *, wants_mask: bool) -> Drawn:
    if len(numbers) in (4, 5):
        x, y, width, height = numbers[:4]
        score = number(numbers[4], "confidence", where, least=0, most=1) if len(numbers) == 5 else None
        xyxy = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return Drawn(name, where, xyxy, None, score, is_fraction=True)
    if len(numbers) < 6 or len(numbers) % 2:
        raise DataError(
            f"{where} must hold a class and 4 fractions (centre, width, height), 5 with a confidence, or an even "
            f"number from 6 on for a polygon. Got {len(numbers)}; correct it."
        )
    xs, ys = numbers[::2], numbers[1::2]
    box = (min(xs), min(ys), max(xs), max(ys))
    return Drawn(name, where, box, [numbers] if wants_mask else None, is_fraction=True)


def _set_splits(drafts: Iterable[PictureDraft], setup: _Setup, remarks: Remarks) -> None:
    """The split of each picture by the folders that data.yaml names, where they differ, or by names of folders."""
    drafts = list(drafts)
    places = {split: safe_name(place) or "" for split, place in setup.places.items()}
    if len(set(places.values())) > 1:
        for draft in drafts:
            draft.split = _place_of(draft.name, places)
    if any(draft.split for draft in drafts):
        remarks.say(f"Took the given split from the folders that data.yaml names: {', '.join(sorted(set(places)))}.")
        return
    found = [split_of(str(PurePosixPath(draft.name).parent / "x")) or "" for draft in drafts]
    if len(set(found) - {""}) > 1:
        for draft, split in zip(drafts, found, strict=True):
            draft.split = split
        remarks.say("Took the given split from the folders.")


def _place_of(name: str, places: Mapping[str, str]) -> str:
    """The split whose folder, by the last parts of its path, holds a picture; empty if none or several do."""
    parts = PurePosixPath(name).parts[:-1]
    fits = [split for split, place in places.items() if _ends(parts, PurePosixPath(place).parts)]
    return fits[0] if len(fits) == 1 else ""


def _ends(parts: Sequence[str], place: Sequence[str]) -> bool:
    tail = list(place)[-2:]
    return bool(tail) and any(list(parts[k : k + len(tail)]) == tail for k in range(len(parts)))
