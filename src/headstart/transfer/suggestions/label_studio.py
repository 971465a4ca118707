"""Tasks for Label Studio: the suggested items with the model's answers as predictions, and the labelling interface.

A task is an object with ``data``, which the interface shows, and ``predictions`` with ``model_version``, ``score`` and
``result``; the interface is XML whose control tags have the names that ``result`` refers to. Files are named by the
route that Label Studio's local storage serves, ``/data/local-files/?d=PATH``, with the path below its document root.

Reference: Label Studio documentation, "Import pre-annotated data" and "Local storage".
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import numpy as np

from headstart.errors import DataError
from headstart.tasks import is_classification, is_regression
from headstart.transfer.suggestions.suggestion import Suggestion
from headstart.types import Modality, Task

__all__ = ["Answering", "document_root", "labelling_interface", "studio_tasks"]

ROUTE = "/data/local-files/?d="
FILES = ("image", "audio")
RESERVED = ("id", "why", "prediction", "probability", "label")  # fields of every task, and the control
TAGS = {"text": "Text", "image": "Image", "audio": "Audio"}


@dataclass(frozen=True)
class Answering:
    """What is labelled, and by which model it was answered.

    Attributes:
        task: the label schema.
        modality: the kind of items.
        version: name of the model, which Label Studio shows beside its answers.
        columns: for items of several columns, the kind of each by its name; else empty.

    Examples:
        >>> Answering(Task("classification", ("ant", "bee")), "image", "insects").fields
        {'image': 'image'}
    """

    task: Task
    modality: Modality
    version: str
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, str]:
        """What is shown, with its kind; the names are those of tags, which hold letters, digits and _ alone."""
        if self.columns:
            return dict(zip(self.names.values(), self.columns.values(), strict=True))
        return {self.modality if self.modality in TAGS else "text": self.modality}

    @property
    def names(self) -> dict[str, str]:
        """The field of each column: its name, with a number where another field or a control has that name."""
        taken = {*RESERVED, *(f"value{number}" for number in range(len(self.task.labels)))}
        found = {}
        for name in self.columns:
            plain = _tag_name(name)
            found[name] = next(one for one in chain([plain], (f"{plain}_{k}" for k in count(2))) if one not in taken)
            taken.add(found[name])
        return found

    @property
    def renamed(self) -> dict[str, str]:
        """The field of each column whose own name is taken, by the id or the reasons of a suggestion, for example.

        Examples:
            >>> task, columns = Task("classification", ("ant", "bee")), {"why": "text", "the size": "number"}
            >>> Answering(task, "multimodal", "insects", columns).renamed
            {'why': 'why_2'}
        """
        return {name: field for name, field in self.names.items() if field != _tag_name(name)}


def _tag_name(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name) or "column"


def document_root(items: Sequence[Any]) -> Path:
    """The deepest folder that holds all files, for LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT.

    Args:
        items: paths.

    Raises:
        DataError: if an item is not a path.

    Examples:
        >>> document_root(["/photos/new/a.jpg", "/photos/new/b.jpg"]).as_posix()
        '/photos/new'
    """
    folders = [Path(_path(item)).resolve().parent for item in items]
    return Path(os.path.commonpath(folders))


def studio_tasks(suggestions: Sequence[Suggestion], items: Sequence[Any], about: Answering) -> list[dict[str, Any]]:
    """One task for each suggestion.

    Args:
        suggestions: the suggestions.
        items: the item of each: a text, a path, a row of numbers, or a tuple of these.
        about: task, kind of items and model.

    Raises:
        DataError: if a picture or sound is not a path.

    Examples:
        >>> one = Suggestion(0, "7", "where is it", "lost", 0.6, 0.1, 3, None, "lost (0.60) or late (0.40)")
        >>> about = Answering(Task("classification", ("late", "lost")), "text", "parcels")
        >>> (found,) = studio_tasks([one], ["where is it"], about)
        >>> found["data"]["text"], found["predictions"][0]["result"][0]["value"]
        ('where is it', {'choices': ['lost']})
    """
    fields = about.fields
    files = [part for item in items for part, kind in _parts(item, fields) if kind in FILES]
    root = document_root(files) if files else None
    found = []
    for one, item in zip(suggestions, items, strict=True):
        shown = {
            name: _shown(part, kind, root) for name, (part, kind) in zip(fields, _parts(item, fields), strict=True)
        }
        reasons = {"id": one.id, "why": one.why, "prediction": one.prediction, "probability": one.probability}
        result = _result(one, about.task, next(iter(fields)))
        answer: dict[str, Any] = {"model_version": about.version, "result": result}
        if one.probability is not None:
            answer["score"] = one.probability
        found.append({"data": shown | reasons, "predictions": [answer]})
    return found


def labelling_interface(about: Answering) -> str:
    """The labelling interface as XML: what is shown, and a control for the label or for each value.

    Args:
        about: task, kind of items and model.

    Examples:
        >>> print(labelling_interface(Answering(Task("classification", ("ant", "bee")), "image", "insects")))
        <View>
          <Image name="image" value="$image" />
          <Choices name="label" toName="image" choice="single" showInline="true">
            <Choice value="ant" />
            <Choice value="bee" />
          </Choices>
        </View>
    """
    view, task = ET.Element("View"), about.task
    for name, kind in about.fields.items():
        ET.SubElement(view, TAGS.get(kind, "Text"), {"name": name, "value": f"${name}"})
    first = next(iter(about.fields))
    if is_regression(task):
        for number, label in enumerate(task.labels):
            ET.SubElement(view, "Header", {"value": label})
            ET.SubElement(view, "Number", {"name": f"value{number}", "toName": first})
    else:
        choice = "single" if is_classification(task) else "multiple"
        names = {"name": "label", "toName": first, "choice": choice, "showInline": "true"}
        box = ET.SubElement(view, "Choices", names)
        for label in task.labels:
            ET.SubElement(box, "Choice", {"value": label})
    ET.indent(view)
    return ET.tostring(view, encoding="unicode")


def _parts(item: Any, fields: Mapping[str, str]) -> list[tuple[Any, str]]:
    """Each part of an item with its kind."""
    parts = item if len(fields) > 1 else (item,)
    return list(zip(parts, fields.values(), strict=True))


def _path(item: Any) -> str:
    if not isinstance(item, str | os.PathLike):
        raise DataError(
            f"Label Studio shows files, but an item is a {type(item).__name__}; give paths, or write a CSV instead."
        )
    return os.fspath(item)


def _shown(part: Any, kind: str, root: Path | None) -> str:
    if kind in FILES and root is not None:
        return ROUTE + quote(Path(_path(part)).resolve().relative_to(root).as_posix())
    if isinstance(part, np.ndarray | list):
        return ", ".join(f"{float(value):.6g}" for value in np.ravel(np.asarray(part)))
    return str(part)


def _result(one: Suggestion, task: Task, shown: str) -> list[dict[str, Any]]:
    """The answer in the form of the interface's controls; ``shown`` is the name of the tag that they refer to."""
    answers = one.prediction if isinstance(one.prediction, list) else [one.prediction]
    if not is_regression(task):
        value = {"choices": answers}
        return [{"id": "label", "from_name": "label", "to_name": shown, "type": "choices", "value": value}]
    return [
        {"id": name, "from_name": name, "to_name": shown, "type": "number", "value": {"number": value}}
        for name, value in ((f"value{number}", value) for number, value in enumerate(answers))
    ]
