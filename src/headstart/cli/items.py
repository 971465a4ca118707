"""Items on the command line: files, folders, tables, texts as they are, and standard input."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.data import align_columns, read
from headstart.data.archives import is_archive
from headstart.data.column_names import ID_NAMES, plain_name
from headstart.data.schema import MEDIA
from headstart.data.tables import TABLES, load_table
from headstart.errors import DataError, ItemError
from headstart.model import TransferModel
from headstart.types import Dataset

__all__ = ["Gathered", "check_any_left", "gather_items", "read_as_fitted"]

MAX_LINE = 1_000_000


@dataclass(frozen=True)
class Gathered:
    """Items, and what is known of each.

    Attributes:
        items: n items.
        names: where each came from; no two items of different places share one.
        ids: the cells of the tables' own columns of identifiers, None for an item that has none; None where no table
            has such a column.
        notes: what was inferred while reading.

    Examples:
        >>> Gathered(["my parcel is late"], ["0"], ["T-17"]).place(0)
        {'item': '0', 'id': 'T-17'}
    """

    items: list[Any]
    names: list[str]
    ids: list[Any] | None = None
    notes: tuple[str, ...] = ()

    def place(self, position: int) -> dict[str, Any]:
        """The name of an item, with its identifier where there are any."""
        name = {"item": self.names[position]}
        return name if self.ids is None else {**name, "id": self.ids[position]}


def gather_items(words: Sequence[str], model: TransferModel, *, item: str | None = None) -> Gathered:
    """The items that the words of a command line stand for.

    A folder, table or archive gives all of its items; a media file gives itself; ``-`` reads one item a line from
    standard input; for a text model any other word is the text.

    A media file is named as it was given, an item of a folder or archive ``FOLDER/ID``, a row ``ROW`` (from 0) or,
    beside other words, ``TABLE:ROW``. Texts are named by their position, and lines of standard input by their number
    (beside other words ``-:LINE``), both from 1.

    Args:
        words: what stands on the command line.
        model: what will predict; it knows the columns that it was fitted on.
        item: another column of texts or paths.

    Raises:
        DataError: if a word is neither a file nor a text for a text model, or holds another kind of item.

    Examples:
        >>> from headstart.sources import open_source
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.heads import select_head
        >>> from headstart.types import Task
        >>> task, texts = Task("classification", ("a", "b")), ["good", "fine", "bad", "poor"]
        >>> head = select_head(ToySource().encode(texts), np.array([0, 0, 1, 1]), task)
        >>> gather_items(["my parcel is late"], TransferModel(ToySource(), task, head)).names
        ['1']
    """
    parts: list[Gathered] = []
    for word in words:
        place = sum(len(part.items) for part in parts) + 1
        parts.append(_one_word(word, model, item, place, alone=len(words) == 1))
    items = [item for part in parts for item in part.items]
    if not items:
        raise DataError("There is nothing to predict; give files, folders, tables or texts.")
    names = [name for part in parts for name in part.names]
    return Gathered(items, names, _joined_ids(parts), tuple(note for part in parts for note in part.notes))


def read_as_fitted(data: str, model: TransferModel, *, item: str | None = None, **options: Any) -> Dataset:
    """The data, read by the column of items that the model was fitted on; an error about it says so.

    Args:
        data: path of what is read.
        model: what knows the column.
        item: another column, which the user has named.
        options: further options of `headstart.data.read`.

    Raises:
        DataError: if the data cannot be read.

    Examples:
        >>> "item" in read_as_fitted.__annotations__
        True
    """
    try:
        return read(data, item=item or model.item_column, **options)
    except DataError as error:
        if item is None and f"no column '{model.item_column}'" in str(error):
            raise DataError(
                f"{error} The model was fitted on '{model.item_column}'; name another by --item."
            ) from error
        raise


def check_any_left(count: int, names: Sequence[str], failures: Mapping[int, str]) -> None:
    """Raise if no item could be read, so that nothing is written over earlier results.

    Args:
        count: how many items could be read.
        names: of all items.
        failures: position to reason of the others.

    Raises:
        ItemError: with the first reason.

    Examples:
        >>> check_any_left(1, ["a", "b"], {1: "The text is empty."})
    """
    if count == 0:
        first = min(failures)
        raise ItemError(f"None of the items ({len(names)}) can be read; the first, '{names[first]}': {failures[first]}")


def _one_word(word: str, model: TransferModel, item: str | None, place: int, *, alone: bool) -> Gathered:
    modality = model.source.info.modality
    if word == "-":
        return _from_stdin(model, alone=alone)
    if not _exists(word):
        if modality == "text" and not _looks_like_path(word):
            return Gathered([word], [str(place)])
        raise DataError(f"'{word}' does not exist; give a file, a folder or a table of {modality} items.")
    is_table = Path(word).is_file() and Path(word).suffix.lower() in TABLES
    kind = modality if is_table else None
    dataset = read_as_fitted(word, model, item=item, label=model.label_columns or None, modality=kind, labelled=False)
    if dataset.modality != modality:
        raise DataError(f"'{word}' holds {dataset.modality} items, but this model reads {modality} items.")
    items = list(align_columns(dataset, model.columns).items)
    ids = _own_ids(Path(word), model.label_columns) if is_table else None
    return Gathered(items, _names(word, dataset, alone=alone), ids, dataset.notes)


def _names(word: str, dataset: Dataset, *, alone: bool) -> list[str]:
    path = Path(word)
    if path.is_file() and path.suffix.lower() in MEDIA:
        return [word]
    if dataset.columns or (path.is_file() and not is_archive(path)):  # rows of a table, or lines of a text
        return list(dataset.ids) if alone else [f"{word}:{row}" for row in dataset.ids]
    return [(path / name).as_posix() for name in dataset.ids]


def _own_ids(table: Path, labels: Sequence[str]) -> list[Any] | None:
    """The cells of the table's column of identifiers, such as ``id`` or ``ticket_id``; None where it has none."""
    frame, _ = load_table(table)
    known = {name: plain_name(name) for name in frame.columns if name not in labels}
    likely = [name for name, word in known.items() if word in ID_NAMES]
    likely += [name for name, word in known.items() if word.endswith("_id") and name not in likely]
    for name in likely:
        cells = frame[name].astype(object).tolist()
        if all(isinstance(cell, str | int) for cell in cells) and len(set(cells)) == len(cells):
            return cells
    return None


def _joined_ids(parts: Sequence[Gathered]) -> list[Any] | None:
    """The identifiers as they are, or as strings where they are of several types, so that one column can hold them."""
    if all(part.ids is None for part in parts):
        return None
    ids = [value for part in parts for value in part.ids or [None] * len(part.items)]
    mixed = len({type(value) for value in ids}) > 1
    return [str(value) if mixed and value is not None else value for value in ids]


def _exists(word: str) -> bool:
    try:
        return bool(word.strip()) and Path(word).exists()
    except (OSError, ValueError):  # a text longer than a name may be, or with a NUL
        return False


def _looks_like_path(word: str) -> bool:
    """Whether a word is meant as a file: it has no spaces, and ends in a slash or like a file that can be read."""
    if not word or word.split() != [word]:
        return False
    path = Path(word)
    known = path.suffix.lower() in {*TABLES, *MEDIA, ".txt"} or is_archive(path)
    return known or word.endswith("/") or (bool(path.suffix) and "/" in word)


def _from_stdin(model: TransferModel, *, alone: bool) -> Gathered:
    try:
        lines = [line.rstrip("\r\n") for line in sys.stdin]
    except UnicodeDecodeError as error:
        raise DataError(f"Standard input is not text in {error.encoding} ({error.reason}); convert it first.") from None
    kept = [(str(number), line) for number, line in enumerate(lines, start=1) if line.strip()]
    if any(len(line) > MAX_LINE for _, line in kept):
        raise DataError(f"A line of standard input is longer than {MAX_LINE} characters; give one item a line.")
    modality = model.source.info.modality
    lines = [line for _, line in kept]
    names = lines if modality in ("image", "audio") else [number if alone else f"-:{number}" for number, _ in kept]
    items = _rows(kept) if modality == "vector" else lines
    return Gathered(items, names)


def _rows(lines: Sequence[tuple[str, str]]) -> list[Any]:
    rows = []
    for number, line in lines:
        try:
            rows.append(np.array([float(cell) for cell in next(csv.reader([line]))]))
        except ValueError as error:
            raise DataError(f"Line {number} of standard input must be numbers with commas between ({error}).") from None
    return rows
