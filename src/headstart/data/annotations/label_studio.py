"""Label Studio: JSON of pictures with rectangles, polygons and brush strokes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import number
from headstart.data.annotations.location import Location
from headstart.data.annotations.masks.brush import unpack_brush
from headstart.data.annotations.masks.run_lengths import encode_counts
from headstart.data.annotations.parsing.json_files import checked_list, checked_object, load_json
from headstart.data.annotations.picture_drafts import Drawn, PictureDraft, annotated_pictures
from headstart.data.annotations.picture_files import PictureFinder
from headstart.data.annotations.remarks import Remarks
from headstart.data.schema import SPLITS
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["LABEL_STUDIO", "LabelStudio"]

MARKS = re.compile(rb'"(brushlabels|rectanglelabels|polygonlabels)"|"format"\s*:\s*"rle"')
ANSWERS = ("annotations", "completions", "predictions")
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file
SHAPES = ("rectanglelabels", "polygonlabels", "brushlabels")


class LabelStudio:
    """What Label Studio exports as JSON for pictures; its spans of texts are read by the format ``spans``.

    Rectangles are boxes, in percents of the picture's sides; of polygons and brush strokes the box around them is read,
    or their mask where one is asked for. Each region is an object, unless no picture has two of a class: then there
    are classes only. Of several annotations of a picture the first that was not cancelled counts; predictions are read
    where a file holds no annotations.

    Examples:
        >>> LABEL_STUDIO.kinds
        ('box', 'mask')
    """

    name = "label_studio"
    title = "Label Studio"
    kinds = ("box", "mask")
    writes = ("box", "mask")
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {}
    written: Mapping[str, tuple[str, ...]] = {}

    def recognise(self, location: Location) -> int:
        """Clear where a JSON file begins with regions of pictures."""
        return 2 if _files(location) else 0

    def read(self, location: Location) -> Annotated:
        """Read one file, or those of a folder."""
        around, remarks = location.around(), Remarks()
        files = _files(location)
        if not files:
            raise DataError(f"There is no JSON file of Label Studio with regions of pictures in '{location.shown}'.")
        wants_mask = location.options.task == "mask"
        finder = PictureFinder(around.pictures)
        drafts: dict[str, PictureDraft] = {}
        for name in files:
            for where, task in _tasks(location, name):
                draft = _draft(task, where, finder, name, remarks, wants_mask=wants_mask)
                if draft is not None and draft.name in drafts:
                    raise DataError(f"Both {drafts[draft.name].where} and {where} label '{draft.name}'; remove one.")
                if draft is not None:
                    drafts[draft.name] = draft
        for picture in around.pictures if location.is_folder else ():
            if picture not in drafts:
                remarks.add("no_annotation", f"'{picture}'")
        kept = list(drafts.values())
        if wants_mask and all(_are_single(draft) for draft in kept):
            remarks.say("No picture has two regions of a class, so masks are classes and objects are not told apart.")
            for draft in kept:
                draft.drawn = [replace(one, is_thing=False) for one in draft.drawn]
        return annotated_pictures(around, kept, "mask" if wants_mask else "box", remarks)

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``images/`` and ``annotations.json``."""
        from headstart.data.annotations.writers.label_studio import write_label_studio

        return write_label_studio(dataset, folder)


LABEL_STUDIO = LabelStudio()


def _files(location: Location) -> list[str]:
    found = [name for name in location.with_suffix(".json")[:200] if MARKS.search(location.head(name))]
    return [name for name in found if location.head(name).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[")]


def _are_single(draft: PictureDraft) -> bool:
    return all(count == 1 for count in Counter(one.name for one in draft.drawn).values())


def _tasks(location: Location, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    title = location.title(name)
    for place, value in enumerate(checked_list(load_json(location, name), "The content", title), start=1):
        where = f"{title}, record {place}"
        yield where, checked_object(value, "The record", where)


def _draft(
    task: Mapping[str, Any], where: str, finder: PictureFinder, beside: str, remarks: Remarks, *, wants_mask: bool
) -> PictureDraft | None:
    """A picture with its regions; None if there is no such picture, or nobody finished it."""
    data = checked_object(task.get("data"), "'data'", where)
    stated = next((value for key, value in data.items() if key != "split" and isinstance(value, str) and value), "")
    picture = _picture(stated, finder, beside)
    if picture is None:
        remarks.add("no_picture", f"{where} ({stated[:80]})")
        return None
    key = next((key for key in ANSWERS if key in task), ANSWERS[0])
    given = checked_list(task.get(key) or [], f"'{key}'", where)
    done = [checked_object(one, "The annotation", where) for one in given]
    kept = [one for one in done if not one.get("was_cancelled")]
    if not kept:
        remarks.add("rejected", where)
        return None
    if key == "predictions":
        remarks.say("Read the predictions of a model, since the records hold no annotations of a person.")
    split = data.get("split")
    draft = PictureDraft(picture, where=where, split=SPLITS.get(split.lower(), "") if isinstance(split, str) else "")
    for place, value in enumerate(checked_list(kept[0].get("result") or [], "'result'", where)):
        region = checked_object(value, "The region", f"{where}, result[{place}]")
        if region.get("type") in SHAPES:
            draft.stated = _size(region, where) or draft.stated
            draft.drawn.append(_drawn(region, f"{where}, result[{place}]", wants_mask=wants_mask))
    return draft


def _picture(stated: str, finder: PictureFinder, beside: str) -> str | None:
    """The picture that a task names: a path, an address, or the name of an uploaded file."""
    path = unquote(stated.rpartition("?d=")[2]).split("?")[0]
    name = path.rpartition("/")[2]
    return finder.find(path, beside) or finder.find(UPLOADED.sub("", name), beside)


def _size(region: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    sides = region.get("original_width"), region.get("original_height")
    if None in sides:
        return None
    width, height = (int(number(side, "original size", where, least=1)) for side in sides)
    return width, height


def _drawn(region: Mapping[str, Any], where: str, *, wants_mask: bool) -> Drawn:
    kind = region["type"]
    value = checked_object(region.get("value"), "The value", where)
    names = checked_list(value.get(kind) or value.get("labels"), f"The '{kind}'", where)
    if not names or not isinstance(names[0], str) or not names[0].strip():
        raise DataError(f"The region in {where} has no label; add one.")
    score = region.get("score")
    own = None if score is None else number(score, "score", where, least=0, most=1)
    drawn = Drawn(names[0].strip(), where, score=own)
    if kind == "brushlabels":
        return replace(drawn, segmentation=_stroke(value, _size(region, where), where))
    if kind == "polygonlabels":
        points = [
            checked_list(point, "A point", where) for point in checked_list(value.get("points"), "'points'", where)
        ]
        if len(points) < 3 or any(len(point) != 2 for point in points):
            raise DataError(f"The polygon in {where} must have at least three points x, y; correct it.")
        flat = [number(v, "point", where) / 100 for point in points for v in point]
        box = (min(flat[::2]), min(flat[1::2]), max(flat[::2]), max(flat[1::2]))
        return replace(drawn, xyxy=box, segmentation=[flat] if wants_mask else None, is_fraction=True)
    x, y, width, height = (number(value.get(side), side, where) / 100 for side in ("x", "y", "width", "height"))
    if number(value.get("rotation") or 0, "rotation", where):
        raise DataError(f"The rectangle in {where} is rotated, which boxes are not; draw it as a polygon.")
    return replace(drawn, xyxy=(x, y, x + width, y + height), is_fraction=True)


def _stroke(value: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> dict[str, Any]:
    """A brush stroke as COCO's run-length code."""
    if value.get("format") != "rle" or size is None:
        raise DataError(
            f"The brush stroke in {where} must be of the format 'rle', with its original size; export it again."
        )
    try:
        mask = unpack_brush(checked_list(value.get("rle"), "The 'rle'", where), size)
    except ValueError as error:
        raise DataError(f"The brush stroke in {where} cannot be read: {error}; export it again.") from None
    counts: Sequence[int] = encode_counts(mask)
    return {"size": [size[1], size[0]], "counts": list(counts)}
