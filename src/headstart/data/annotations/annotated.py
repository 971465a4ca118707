"""Annotated items as a reader of a file format gives them, and the dataset that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.data.grouping.group_names import groups_by_pattern
from headstart.data.schema import ReadOptions
from headstart.errors import DataError
from headstart.types import Dataset, Modality, Task

__all__ = ["MODALITIES", "Annotated", "object_array"]

MODALITIES: dict[str, Modality] = {"token": "text", "box": "image", "mask": "image"}
NOUNS = {"token": "sentence", "box": "picture", "mask": "picture"}


@dataclass(frozen=True)
class Annotated:
    """Items with their annotations.

    Attributes:
        kind: ``"token"``, ``"box"`` or ``"mask"``.
        items: n sentences, or paths of pictures.
        ids: n unique names.
        y: n tuples of spans, `Boxes` or masks.
        labels: the types or classes; of masks, the first is the background.
        split: the n given splits, empty where an item has none; None without any.
        groups: n names of groups, or None.
        notes: what was inferred and repaired, a sentence each.
        named: n values of further columns, such as those of an index, by name.
        absent: classes that the files name without an annotation.

    Examples:
        >>> from headstart.annotations import Sentence, Span
        >>> found = Annotated("token", [Sentence.of_words(["Ada"])], ("1",), [(Span(0, 1, "PER"),)], ("PER",))
        >>> found.dataset(ReadOptions(), "memory").task
        Task(kind='token', labels=('PER',), column=None, unit='token')
    """

    kind: str
    items: Sequence[Any]
    ids: tuple[str, ...]
    y: Sequence[Any]
    labels: tuple[str, ...]
    split: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def dataset(self, options: ReadOptions, origin: str) -> Dataset:
        """The dataset of these items.

        Args:
            options: how to read.
            origin: where the data came from, as the user named it.

        Raises:
            DataError: if there is no item, or the modality is not the one that was asked for.
        """
        modality = MODALITIES[self.kind]
        if len(self.items) == 0:
            lost = " ".join(self.notes)
            raise DataError(f"There is no {NOUNS[self.kind]} with annotations in {origin}. {lost}".rstrip())
        if options.modality is not None and options.modality != modality:
            raise DataError(
                f"The items of {origin} were read as {modality}, but {options.modality} was asked for; "
                "leave the modality out, or state another task."
            )
        groups = None if self.groups is None else np.array(self.groups, dtype=np.str_)
        notes = self.notes
        if options.group_col is not None:
            groups = self._column(options.group_col, origin)
        if options.group_pattern is not None:
            names = self.ids if options.group_col is None or groups is None else groups.tolist()
            groups, note = groups_by_pattern(options.group_pattern, names, origin)
            notes = (*notes, note)
        is_labelled = options.labelled
        return Dataset(
            items=list(self.items),
            ids=self.ids,
            modality=modality,
            task=Task(self.kind, self.labels) if is_labelled else None,
            y=object_array(self.y) if is_labelled else None,
            groups=groups,
            split=None if self.split is None or not any(self.split) else np.array(self.split, dtype=np.str_),
            origin=origin,
            absent=self.absent,
            notes=notes,
            named={name: np.array(column, dtype=np.str_) for name, column in self.named.items()},
        )

    def _column(self, name: str, origin: str) -> np.ndarray[Any, np.dtype[np.str_]]:
        if name not in self.named:
            known = f"its columns are {', '.join(map(repr, self.named))}" if self.named else "it has no columns"
            raise DataError(f"There is no column '{name}' in the annotations of {origin}; {known}.")
        return np.array(self.named[name], dtype=np.str_)


def object_array(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """The values as an object array (n,), whatever they are.

    Examples:
        >>> object_array([(1, 2), (3, 4)]).shape
        (2,)
    """
    cells = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        cells[index] = value
    return cells
