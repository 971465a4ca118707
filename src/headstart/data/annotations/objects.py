"""Annotated items that are given as Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import IGNORED, Boxes, Mask, MaskArray, Sentence, Span
from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.drawn_boxes import LARGEST, DrawnBox, boxes_of, number
from headstart.data.annotations.masks.coding import MOST_VALUES, classes_of_values
from headstart.data.annotations.masks.values import COLOURS
from headstart.data.annotations.picture_files import PictureFacts, picture_facts
from headstart.data.annotations.remarks import Remarks
from headstart.data.annotations.sentences.aligning import CharacterSpan, align
from headstart.data.annotations.token_columns import TAGS, WORDS, annotated_columns
from headstart.data.annotations.words import sentence_of_text
from headstart.data.media.readers import read_image
from headstart.data.naming.label_names import natural_key
from headstart.data.schema import SPLITS, ReadOptions
from headstart.errors import DataError, ItemError
from headstart.types import ANNOTATION_KINDS

if TYPE_CHECKING:
    import datasets

__all__ = ["annotated_object"]


def annotated_object(data: Any, options: ReadOptions) -> Annotated | None:
    """The annotated items of an object; None if it holds none.

    Args:
        data: a dataset of Hugging Face, a frame, a dict of columns or a list of dicts with lists of words and of tags;
            or a pair ``(items, labels)``. Labels of sentences (lists of words, or texts) are lists of tags, `Span`
            tuples, or triples ``(start, end, label)`` of characters of a text. Labels of pictures are arrays of values
            (height, width) that are read as those of mask files, `headstart.annotations.Mask`, or dicts of ``boxes``
            (k, 4) in the upright picture and ``labels`` (k names), which are checked as those of files.
        options: how to read.

    Of arrays each value is a class with the value as its name, whatever other values occur; a class that is the only
    one is "object". The codes of `Mask` beside or instead of them are classes up to the largest that occurs.

    Raises:
        DataError: if a task of annotations was asked for and the object holds none.

    Examples:
        >>> annotated_object(([["Ada", "ran"]], [["B-PER", "O"]]), ReadOptions(task="token")).labels
        ('PER',)
    """
    task = options.task
    if task is not None and task not in ANNOTATION_KINDS:
        return None
    if isinstance(data, tuple) and len(data) == 2:
        return _of_pair(data[0], data[1], task)
    columns = _columns(data) if task in (None, "token") else None
    if columns is None:
        if task is not None and options.labelled:
            raise DataError(
                f"The {type(data).__name__} given holds no annotations for the task '{task}'; give a pair (items, "
                f"labels), or columns of words ({', '.join(WORDS[:2])}) and of tags ({', '.join(TAGS[:2])})."
            )
        return None
    words, tags, names, split = columns
    return annotated_columns(words, tags, names, lambda row: f"row {row}", split=split)


Columns = tuple[list[Any], list[Any], "Sequence[str] | None", "list[str] | None"]


def _columns(data: Any) -> Columns | None:
    """Words, tags, names of tags and split of an object with columns; None if it has no such columns."""
    module = type(data).__module__.partition(".")[0]
    if module == "datasets":
        return _of_hugging_face(data)
    if isinstance(data, list) and data and all(type(one) is dict for one in data):
        data = {key: [one.get(key) for one in data] for key in data[0]}
    if not isinstance(data, Mapping) and module != "pandas":
        return None
    keys = [str(key) for key in (data if isinstance(data, Mapping) else getattr(data, "columns", ()))]
    words, tags = (next((key for key in known if key in keys), None) for known in (WORDS, TAGS))
    if words is None or tags is None:
        return None
    found = list(data[words]), list(data[tags])
    are_lists = all(isinstance(cell, (list, tuple, np.ndarray)) for column in found for cell in column[:20])
    return (*found, None, None) if are_lists and found[0] else None


def _of_hugging_face(data: Any) -> Columns | None:
    import datasets

    parts: dict[str, datasets.Dataset] = dict(data) if isinstance(data, datasets.DatasetDict) else {"": data}
    first = next(iter(parts.values()), None)
    if not isinstance(first, datasets.Dataset):
        return None
    words, tags = (next((key for key in known if key in first.features), None) for known in (WORDS, TAGS))
    if words is None or tags is None or getattr(first.features[words], "feature", None) is None:
        return None
    inner = getattr(first.features[tags], "feature", None)  # of lists, whose class differs between releases
    names = inner.names if isinstance(inner, datasets.ClassLabel) else None
    known = {key: SPLITS.get(str(key).lower(), "") for key in parts}
    split = [known[key] for key, part in parts.items() for _ in range(len(part))]
    own_words, own_tags = ([cell for part in parts.values() for cell in part[name]] for name in (words, tags))
    return own_words, own_tags, names, split if any(split) else None


def _of_pair(items: Any, labels: Any, task: str | None) -> Annotated | None:
    if not isinstance(labels, (list, tuple, np.ndarray)) or len(labels) == 0 or len(items) != len(labels):
        return None
    kind = task or _kind_of(labels)
    if kind is None:
        return None
    ids = tuple(map(str, range(len(items))))
    return {"token": _sentences, "box": _boxes, "mask": _masks}[kind](list(items), list(labels), ids)


def _kind_of(labels: Iterable[Any]) -> str | None:
    """The kind that labels show by their types alone."""
    labels = list(labels)
    if all(isinstance(one, (list, tuple)) for one in labels) and any(
        isinstance(part, Span) for one in labels for part in one
    ):
        return "token"
    if all(isinstance(one, Mapping) and {"boxes", "labels"} <= one.keys() for one in labels):
        return "box"
    return "mask" if all(isinstance(one, Mask) for one in labels) else None


def _sentences(items: list[Any], labels: list[Any], ids: tuple[str, ...]) -> Annotated:
    flat = [part for one in labels for part in one]
    if all(isinstance(part, str) for part in flat):
        return annotated_columns(items, labels, None, lambda row: f"item {row}")
    remarks = Remarks()
    sentences, y = [], []
    for row, (item, own) in enumerate(zip(items, labels, strict=True)):
        is_ready = isinstance(item, Sentence)
        listed = not isinstance(item, str) and not is_ready
        sentence = item if is_ready else Sentence.of_words(item) if listed else sentence_of_text(item)
        if all(isinstance(part, Span) for part in own):
            spans = tuple(sorted(own))
        else:
            spans = align(
                sentence, [CharacterSpan(int(s), int(e), str(name)) for s, e, name in own], f"item {row}", remarks
            )
        if any(span.end > len(sentence) for span in spans):
            raise DataError(f"The item {row} has {len(sentence)} words, but a span that ends at {spans[-1].end}.")
        sentences.append(sentence)
        y.append(spans)
    types = tuple(sorted({span.label for spans in y for span in spans}))
    return Annotated("token", sentences, ids, y, types, notes=remarks.sentences())


def _boxes(items: list[Any], labels: list[Any], ids: tuple[str, ...]) -> Annotated:
    for row, one in enumerate(labels):
        if not isinstance(one, Mapping) or not {"boxes", "labels"} <= one.keys():
            raise DataError(
                f"The label of the picture {row} must be a dict of 'boxes' (k, 4) and 'labels' (k names). Got "
                f"{type(one).__name__} instead."
            )
    names = sorted({str(name) for one in labels for name in one["labels"]}, key=natural_key)
    codes = {name: code for code, name in enumerate(names)}
    remarks = Remarks()
    y = [_boxes_of_one(items[row], one, f"item {row}", codes, remarks) for row, one in enumerate(labels)]
    kept = [row for row, one in enumerate(labels) if len(y[row]) or not len(one["labels"])]
    for row in sorted(set(range(len(y))) - set(kept)):
        remarks.add("none_left", f"item {row}")
    return Annotated(
        "box", [items[row] for row in kept], tuple(ids[row] for row in kept), [y[row] for row in kept], tuple(names),
        notes=remarks.sentences(),
    )  # fmt: skip


def _boxes_of_one(item: Any, one: Mapping[str, Any], where: str, codes: Mapping[str, int], remarks: Remarks) -> Boxes:
    """The boxes of a picture, checked as those of a file; they are those of the upright picture."""
    corners = [list(box) for box in one["boxes"]]
    names = [str(name) for name in one["labels"]]
    scores = [None] * len(corners) if one.get("scores") is None else list(one["scores"])
    if not len(corners) == len(names) == len(scores) or any(len(box) != 4 for box in corners):
        raise DataError(
            f"The boxes of {where} must have four numbers, one label and, where there are scores, one score each. Got "
            f"{len(corners)} boxes, {len(names)} labels and {len(scores)} scores; correct them."
        )
    drawn = [
        DrawnBox(
            name,
            tuple(number(side, "side of a box", where) for side in box),  # type: ignore[arg-type]
            where,
            None if score is None else number(score, "score", where, least=0, most=1),
        )
        for name, box, score in zip(names, corners, scores, strict=True)
    ]
    size = _upright_size(item)
    facts = PictureFacts(size or (int(LARGEST), int(LARGEST)))
    return replace(boxes_of(drawn, codes, facts, remarks), size=size or (0, 0))


def _upright_size(item: Any) -> tuple[int, int] | None:
    """(width, height) of a picture; None if it cannot be read, which the audit of the items reports."""
    try:
        return picture_facts(item).size if isinstance(item, (str, Path, bytes)) else read_image(item).size
    except ItemError:
        return None


def _masks(items: list[Any], labels: list[Any], ids: tuple[str, ...]) -> Annotated:
    arrays = {row: _mask_values(one, row) for row, one in enumerate(labels) if not isinstance(one, Mask)}
    values = sorted({int(value) for own in arrays.values() for value in np.unique(own)} - {IGNORED})
    if len(arrays) == len(labels):
        if len(values) > MOST_VALUES:
            raise DataError(
                f"The masks hold {len(values)} different values, which are too many for classes; if they number "
                "objects, give headstart.annotations.MaskArray(classes, objects)."
            )
        reading = classes_of_values(values)
        y: list[Mask] = [MaskArray(reading.coding.classes(arrays[row])) for row in range(len(labels))]
        return Annotated("mask", items, ids, y, reading.labels, notes=(reading.note,))
    # beside masks, whose values are codes already, those of arrays are codes too
    if values and values[-1] >= MOST_VALUES:
        raise DataError(f"The code of a class in masks is at most {MOST_VALUES - 1}. Got {values[-1]}; correct it.")
    y = [MaskArray(arrays[row].astype(np.int16)) if row in arrays else one for row, one in enumerate(labels)]
    top = max((int(mask.classes().max(initial=0)) for mask in y), default=0)
    names = ("background", "object") if top == 1 else ("background", *map(str, range(1, top + 1)))
    return Annotated("mask", items, ids, y, names)


def _mask_values(one: Any, row: int) -> NDArray[Any]:
    """(height, width) values from 0, or `IGNORED`."""
    values = np.asarray(one)
    if values.ndim != 2 or values.dtype.kind not in "biu":
        raise DataError(
            f"The label of the picture {row} must be a mask (height, width) of class codes. Got {values.dtype} "
            f"{values.shape} instead."
        )
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < IGNORED or high >= COLOURS:
        raise DataError(
            f"The mask of the picture {row} must hold class codes from 0, or {IGNORED} where a pixel does not count. "
            f"Got {low if low < IGNORED else high}; correct it."
        )
    return values
