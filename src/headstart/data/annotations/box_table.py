"""Tables of boxes: a row for each object with its picture, its class and its sides."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import number
from headstart.data.annotations.location import Location, splits_of
from headstart.data.annotations.picture_drafts import Drawn, PictureDraft, annotated_pictures
from headstart.data.annotations.picture_files import PictureFinder
from headstart.data.annotations.remarks import Remarks
from headstart.data.media.file_kinds import media_suffix
from headstart.data.schema import SPLITS
from headstart.data.text.encodings import decode_text
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["BOX_TABLE", "BoxTable"]

PICTURE = (
    "filename",
    "file",
    "filepath",
    "image",
    "imagename",
    "imagepath",
    "imagefile",
    "path",
    "img",
    "imageid",
    "id",
)
CLASS = ("class", "label", "labelname", "classname", "category", "categoryname", "object", "name", "type", "classid")
SIDES = (
    ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"),
    ("bboxxmin", "bboxymin", "bboxxmax", "bboxymax"), ("x0", "y0", "x1", "y1"),
)  # fmt: skip
CORNERS = (
    ("x", "y", "w", "h"), ("x", "y", "width", "height"), ("bboxx", "bboxy", "bboxwidth", "bboxheight"),
    ("bboxx", "bboxy", "bboxw", "bboxh"), ("left", "top", "width", "height"), ("xmin", "ymin", "width", "height"),
)  # fmt: skip
CENTRES = (("cx", "cy", "w", "h"), ("xcenter", "ycenter", "width", "height"), ("xcentre", "ycentre", "width", "height"))
SCORE = ("score", "confidence", "conf", "probability")
IGNORE = ("difficult", "iscrowd", "isgroupof", "ignore", "ignored")
SPLIT = ("split", "set", "subset")
HEADLESS = ("filename", "x1", "y1", "x2", "y2", "class")
MOST_ROWS = 20_000_000


@dataclass(frozen=True)
class _BoxColumns:
    """Places of the columns in a row."""

    picture: int
    label: int | None
    sides: tuple[int, ...]
    form: str  # "sides", "corner", "centre" or "list"
    size: tuple[int, int] | None = None
    score: int | None = None
    ignored: int | None = None
    split: int | None = None
    has_header: bool = True


class BoxTable:
    """A CSV or TSV file with a row for each box.

    Columns are found by their usual names: the picture (``filename``, ``image_id``), the class (``class``, ``label``)
    and the sides (``xmin, ymin, xmax, ymax``, ``x1, y1, x2, y2``, ``x, y, w, h``, ``x_center, y_center, width, height``
    or ``bbox`` as a list of left, top, width, height). Numbers that are all between 0 and 1 are fractions of the
    picture's sides. Pixels count from 0 at the outer corner, as ``x, y, width, height`` say it. A row without numbers
    is a picture without objects.

    Examples:
        >>> BOX_TABLE.kinds
        ('box',)
    """

    name = "csv"
    title = "a table of boxes"
    kinds = ("box",)
    writes = ("box",)
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {"sides": ("xyxy", "xywh", "centre"), "unit": ("pixels", "fractions")}
    written: Mapping[str, tuple[str, ...]] = {}

    def recognise(self, location: Location) -> int:
        """Clear where a header names a picture, a class and four sides."""
        found = [columns for name in _files(location) if (columns := _columns(_first_rows(location, name))) is not None]
        if not found:
            return 0
        return 2 if all(columns.label is not None for columns in found) else 1

    def read(self, location: Location) -> Annotated:
        """Read one table, or the tables of a folder."""
        around = location.around()
        remarks = Remarks()
        tables = _Tables(location, PictureFinder(around.pictures), remarks)
        files = [name for name in _files(location) if _columns(_first_rows(location, name)) is not None]
        if not files:
            raise DataError(
                f"No table in '{location.shown}' has columns for a picture and four sides; name them filename, xmin, "
                "ymin, xmax, ymax and class."
            )
        splits = splits_of(files)
        for name in files:
            tables.read(name, splits.get(name, ""))
        drafts = tables.drafts
        unit = location.settings.get("unit") or ("fractions" if _are_fractions(drafts.values()) else "pixels")
        remarks.say(f"Read the sides of boxes as {unit}; state --annotations csv,unit=NAME if they are not.")
        if unit == "fractions":
            for draft in drafts.values():
                draft.drawn = [replace(one, is_fraction=True) for one in draft.drawn]
        for picture in around.pictures if location.is_folder else ():
            if picture not in drafts:
                remarks.add("no_annotation", f"'{picture}'")
        return annotated_pictures(around, list(drafts.values()), "box", remarks)

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``images/`` and ``boxes.csv``."""
        from headstart.data.annotations.writers.box_table import write_csv

        return write_csv(dataset, folder)


BOX_TABLE = BoxTable()


def _are_fractions(drafts: Iterable[PictureDraft]) -> bool:
    values = [v for draft in drafts for one in draft.drawn for v in one.xyxy or ()]
    return bool(values) and all(0 <= v <= 1 for v in values) and any(0 < v < 1 for v in values)


def _files(location: Location) -> list[str]:
    return [name for name in location.with_suffix(".csv", ".tsv") if len(PurePosixPath(name).parts) <= 2][:50]


def _rows(text: str) -> Iterator[list[str]]:
    first = text.split("\n", 1)[0]
    sign = max(("\t", ";", ","), key=first.count)
    return csv.reader(io.StringIO(text.replace("\0", "")), delimiter=sign)


def _first_rows(location: Location, name: str) -> list[list[str]]:
    text, _ = decode_text(location.head(name), name)
    whole = text.rpartition("\n")[0] or text
    try:
        return [row for _, row in zip(range(50), _rows(whole), strict=False)]
    except csv.Error:
        return []


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _columns(rows: Sequence[Sequence[str]]) -> _BoxColumns | None:
    """The columns of a table by its header; None if it is none of boxes."""
    if not rows:
        return None
    keys = [_key(name) for name in rows[0]]
    if len(set(keys)) < len(keys) or len(keys) < 3:
        return _without_header(rows)
    place = {key: k for k, key in enumerate(keys)}
    picture = _first(place, PICTURE)
    found = _sides(place)
    if picture is None or found is None:
        return _without_header(rows)
    sides, form = found
    label = _first({key: k for key, k in place.items() if k not in (picture, *sides)}, CLASS)
    has_size = "width" in place and "height" in place and place["width"] not in sides
    size = (place["width"], place["height"]) if has_size else None
    return _BoxColumns(
        picture, label, sides, form, size, _first(place, SCORE), _first(place, IGNORE), _first(place, SPLIT)
    )


def _first(place: Mapping[str, int], names: Sequence[str]) -> int | None:
    return next((place[name] for name in names if name in place), None)


def _sides(place: Mapping[str, int]) -> tuple[tuple[int, ...], str] | None:
    for form, choices in {"sides": SIDES, "centre": CENTRES, "corner": CORNERS}.items():
        for names in choices:
            if all(name in place for name in names):
                return tuple(place[name] for name in names), form
    return ((place["bbox"],), "list") if "bbox" in place else None


def _without_header(rows: Sequence[Sequence[str]]) -> _BoxColumns | None:
    """The columns path, x1, y1, x2, y2, class, which some tools write without a header."""
    if not all(len(row) == len(HEADLESS) and media_suffix(row[0]) == "image" for row in rows):
        return None
    cells = [cell for row in rows for cell in row[1:5] if cell]
    if not cells or not all(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in cells):
        return None
    return _BoxColumns(0, 5, (1, 2, 3, 4), "sides", has_header=False)


class _Tables:
    """The pictures of several tables."""

    def __init__(self, location: Location, finder: PictureFinder, remarks: Remarks) -> None:
        self.location, self.finder, self.remarks = location, finder, remarks
        self.drafts: dict[str, PictureDraft] = {}

    def read(self, name: str, split: str) -> None:
        """Read one table, whose rows are of a split, or of none."""
        text, notes = self.location.text(name)
        for note in notes:
            self.remarks.say(note)
        columns = _columns(_first_rows(self.location, name))
        if columns is None:
            return
        rows = _rows(text.lstrip("\ufeff"))
        width = len(next(rows)) if columns.has_header else len(HEADLESS)
        title = self.location.title(name)
        if columns.label is None:
            self.remarks.say(f"No column of {title} names a class, so there is one: 'object'.")
        at = 1
        try:
            for at, row in enumerate(rows, start=2 if columns.has_header else 1):
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != width or at > MOST_ROWS:
                    raise DataError(f"{title}, line {at} must have {width} cells, as the first has. Got {len(row)}.")
                draft = self._draft(row, columns, name, at)
                if draft is not None:
                    draft.split = draft.split or split
                    draft.drawn += self._boxes(row, columns, f"{title}, line {at}")
        except csv.Error as error:
            raise DataError(f"Cannot read {title}, line {at + 1}: {error}; repair the table.") from None

    def _draft(self, row: Sequence[str], columns: _BoxColumns, name: str, at: int) -> PictureDraft | None:
        where = self.location.title(name, at)
        picture = self.finder.find(row[columns.picture], name)
        if picture is None:
            self.remarks.add("no_picture", f"{where} ({row[columns.picture][:80]})")
            return None
        draft = self.drafts.setdefault(picture, PictureDraft(picture, [], None, where))
        if columns.split is not None:
            draft.split = SPLITS.get(row[columns.split].strip().lower(), "")
        if columns.size is not None and all(row[k].strip() for k in columns.size):
            width, height = (int(number(row[k], "size", where)) for k in columns.size)
            draft.stated = (width, height) if min(width, height) > 0 else None
        return draft

    def _boxes(self, row: Sequence[str], columns: _BoxColumns, where: str) -> list[Drawn]:
        cells = [row[k].strip() for k in columns.sides]
        if not any(cells):
            return []
        label = "object" if columns.label is None else row[columns.label].strip()
        if not label:
            raise DataError(f"The box in {where} has no class; add it.")
        score = "" if columns.score is None else row[columns.score].strip()
        own = number(score, "score", where, least=0, most=1) if score else None
        is_ignored = columns.ignored is not None and row[columns.ignored].strip().lower() in ("1", "true", "1.0")
        xyxy = _xyxy(cells, columns, self.location, where)
        return [Drawn(label, where, xyxy, None, own, is_ignored)]


def _xyxy(
    cells: Sequence[str], columns: _BoxColumns, location: Location, where: str
) -> tuple[float, float, float, float]:
    form = {"xyxy": "sides", "xywh": "corner", "centre": "centre"}.get(location.settings.get("sides", ""), columns.form)
    if columns.form == "list":
        cells = re.split(r"[,\s]+", cells[0].strip("[]() "))
        form = form if form != "list" else "corner"
        if len(cells) != 4:
            raise DataError(f"The bbox in {where} must hold four numbers. Got {len(cells)}; correct it.")
    a, b, c, d = (number(cell, "side of the box", where) for cell in cells)
    if form == "sides":
        return a, b, c, d
    return (a, b, a + c, b + d) if form == "corner" else (a - c / 2, b - d / 2, a + c / 2, b + d / 2)
