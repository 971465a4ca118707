"""The file formats of annotations, and how one of them is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location
from headstart.registry import Registry
from headstart.types import Dataset

__all__ = ["ANNOTATION_FORMATS", "CLEAR", "NO", "POSSIBLE", "AnnotationFormat", "TellsPredictions"]

NO, POSSIBLE, CLEAR = 0, 1, 2
"""Whether data are of a format: no; possible, so that it is read where a task of its kind is asked for; clear."""


class AnnotationFormat(Protocol):
    """A file format of annotations.

    Attributes:
        name: in `ANNOTATION_FORMATS`.
        title: as a noun for messages, such as ``"Pascal VOC"``.
        kinds: the kinds of tasks that it can hold; the first is read where none is asked for.
        writes: the kinds of tasks that it can be written for.
        has_columns: whether ``label`` may name a column of it.
        settings: what cannot be guessed, by name, with the values that may be given (empty: any).
        written: what may be chosen when it is written, by name, with the values; the first is the default.
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    writes: tuple[str, ...]
    has_columns: bool
    settings: Mapping[str, tuple[str, ...]]
    written: Mapping[str, tuple[str, ...]]

    def recognise(self, location: Location) -> int:
        """`NO`, `POSSIBLE` or `CLEAR`, from names and from the beginnings of a few files."""
        ...

    def read(self, location: Location) -> Annotated:
        """Read the items.

        Raises:
            DataError: with file and line where something cannot be read.
        """
        ...

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Write annotated items into an empty folder, which `read` gives back.

        Args:
            dataset: with annotations of a kind that the format writes.
            folder: an empty folder.
            settings: a value for each name in ``written``.

        Returns:
            What the format cannot hold, one sentence each.
        """
        ...


@runtime_checkable
class TellsPredictions(Protocol):
    """An `AnnotationFormat` whose tool tells annotations of a model from those of a person."""

    def write_predictions(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
        """As `AnnotationFormat.write`, as predictions of a model, whether or not they have scores."""
        ...


ANNOTATION_FORMATS: Registry[AnnotationFormat] = Registry("annotation format")
for _name, _place in {
    "conll": "conll:CONLL",
    "pascal_voc": "pascal_voc:PASCAL_VOC",
    "coco": "coco:COCO",
    "csv": "box_table:BOX_TABLE",
    "yolo": "yolo:YOLO",
    "spans": "spans:SPANS",
    "tokens": "token_columns:TOKEN_COLUMNS",
    "masks": "mask_pictures:MASK_PICTURES",
    "label_studio": "label_studio:LABEL_STUDIO",
}.items():
    ANNOTATION_FORMATS.register(_name, f"headstart.data.annotations.{_place}")
