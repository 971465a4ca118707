"""Label Studio: JSON of pictures with rectangles, ellipses, polygons and brush strokes."""

from __future__ import annotations

import math
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
from headstart.data.annotations.parsing.studio import StudioRegion, answer_of, regions_of
from headstart.data.annotations.picture_drafts import Drawn, PictureDraft, annotated_pictures
from headstart.data.annotations.picture_files import PictureFinder
from headstart.data.annotations.remarks import Remarks
from headstart.data.schema import SPLITS
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["LABEL_STUDIO", "LabelStudio"]

MARKS = re.compile(rb'"(brush|rectangle|polygon|ellipse|keypoint)(labels)?"|"original_width"\s*:|"format"\s*:\s*"rle"')
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file
SHAPES = ("rectangle", "polygon", "brush", "ellipse")
CORNERS = 72  # of the polygon that stands for an ellipse: its area is 0.13 % too small


class LabelStudio:
    """What Label Studio exports as JSON for pictures; its spans of texts are read by the format ``spans``.

    Rectangles are boxes, in percents of the picture's sides; of ellipses, polygons and brush strokes the box around
    them is read, or their mask where one is asked for. Each region is an object, unless no picture has two of a class:
    then there are classes only. Of several annotations of a picture the first one with a result that was not cancelled
    counts, and of several labels of a region the first; labels of their own tag are joined with their region. What is
    left out is counted. Predictions are read where a file holds no annotations.

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

    def write_predictions(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``images/`` and ``annotations.json`` with predictions."""
        from headstart.data.annotations.writers.label_studio import write_label_studio

        return write_label_studio(dataset, folder, predicted=True)


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
    answer = answer_of(task, where)
    if answer is None:
        remarks.add("rejected", where)
        return None
    if answer.is_predicted:
        remarks.say("Read the predictions of a model, since the records hold no annotations of a person.")
    for _ in range(answer.further):
        remarks.add("further_annotation", where)
    split = data.get("split")
    draft = PictureDraft(picture, where=where, split=SPLITS.get(split.lower(), "") if isinstance(split, str) else "")
    for region in regions_of(answer.results, where):
        draft.stated = _size(region.result, where) or draft.stated
        drawn = _drawn(region, remarks, wants_mask=wants_mask)
        if drawn is None:
            draft.lost += 1
        else:
            draft.drawn.append(drawn)
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


def _drawn(region: StudioRegion, remarks: Remarks, *, wants_mask: bool) -> Drawn | None:
    """What a region draws; None if it is of another type or has no label, which is counted."""
    where, value = region.where, region.value
    if region.shape not in SHAPES:
        remarks.add("other_region", f"{where} ({region.result.get('type')!s:.40})")
        return None
    if not region.labels:
        remarks.add("no_label", where)
        return None
    names = [one.strip() if isinstance(one, str) else "" for one in region.labels]
    if not all(names):
        raise DataError(f"The region in {where} has no label; add one.")
    for name in dict.fromkeys(names[1:]):
        if name != names[0]:
            remarks.add("further_label", f"{where} ({name})")
    score = region.result.get("score")
    own = None if score is None else number(score, "score", where, least=0, most=1)
    drawn = Drawn(names[0], where, score=own)
    size = _size(region.result, where)
    if region.shape == "brush":
        return replace(drawn, segmentation=_stroke(value, size, where))
    if region.shape == "rectangle":
        x, y, width, height = (number(value.get(side), side, where) / 100 for side in ("x", "y", "width", "height"))
        if number(value.get("rotation") or 0, "rotation", where):
            raise DataError(f"The rectangle in {where} is rotated, which boxes are not; draw it as a polygon.")
        return replace(drawn, xyxy=(x, y, x + width, y + height), is_fraction=True)
    box, flat = _ellipse(value, size, where) if region.shape == "ellipse" else _polygon(value, where)
    return replace(drawn, xyxy=box, segmentation=[flat] if wants_mask else None, is_fraction=True)


def _polygon(value: Mapping[str, Any], where: str) -> tuple[tuple[float, float, float, float], list[float]]:
    """The box around a polygon, and its corners, in fractions of the picture's sides."""
    points = [checked_list(point, "A point", where) for point in checked_list(value.get("points"), "'points'", where)]
    if len(points) < 3 or any(len(point) != 2 for point in points):
        raise DataError(f"The polygon in {where} must have at least three points x, y; correct it.")
    flat = [number(v, "point", where) / 100 for point in points for v in point]
    return (min(flat[::2]), min(flat[1::2]), max(flat[::2]), max(flat[1::2])), flat


def _ellipse(
    value: Mapping[str, Any], size: tuple[int, int] | None, where: str
) -> tuple[tuple[float, float, float, float], list[float]]:
    """The box around an ellipse, and a polygon that stands for it, in fractions of the picture's sides.

    Its centre is x, y; ``radiusX`` is in percents of the width, ``radiusY`` of the height; ``rotation`` in degrees,
    clockwise, turns it in pixels.
    """
    x, y = (number(value.get(side), side, where) / 100 for side in ("x", "y"))
    across, down = (number(value.get(side), side, where, least=0) / 100 for side in ("radiusX", "radiusY"))
    degrees = number(value.get("rotation") or 0, "rotation", where)
    if degrees and size is None:
        raise DataError(f"The ellipse in {where} is rotated and states no original size; export it again.")
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ratio = 1.0 if size is None else size[0] / size[1]
    half_width, half_height = (
        math.hypot(across * cosine, down * sine / ratio),
        math.hypot(across * sine * ratio, down * cosine),
    )
    flat = list[float]()
    for step in range(CORNERS):
        angle = 2 * math.pi * step / CORNERS
        a, b = across * math.cos(angle), down * math.sin(angle)
        flat += [x + a * cosine - b * sine / ratio, y + a * sine * ratio + b * cosine]
    return (x - half_width, y - half_height, x + half_width, y + half_height), flat


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
