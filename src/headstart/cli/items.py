"""Items on the command line: files, folders, tables, texts as they are, and standard input."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.data import align_columns, read
from headstart.data.tables import TABLES
from headstart.errors import DataError, ItemError
from headstart.types import Modality

__all__ = ["check_any_left", "gather_items"]

MAX_LINE = 1_000_000


def gather_items(
    words: Sequence[str],
    modality: Modality,
    *,
    item: str | None = None,
    ignore: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> tuple[list[str], list[Any]]:
    """Names and items for the words of a command line.

    A folder, table or archive gives all of its items; a media file gives itself; ``-`` reads one item a line from
    standard input; for a text model any other word is the text.

    Args:
        words: what stands on the command line.
        modality: what the model's source encodes.
        item: column of texts or paths, for tables.
        ignore: label columns that a table may still carry; they are no features.
        columns: names of the numbers of a row that the model knows; empty where it has none.

    Returns:
        A name for each item, and the items.

    Raises:
        DataError: if a word is neither a file nor a text for a text model, or holds another kind of item.

    Examples:
        >>> gather_items(["my parcel is late"], "text")
        (['1'], ['my parcel is late'])
    """
    names: list[str] = []
    items: list[Any] = []
    for word in words:
        found_names, found = _one_word(word, modality, item=item, ignore=ignore, columns=columns)
        single = len(found) == 1 and modality == "text" and found_names == [""]
        names += [str(len(items) + 1)] if single else found_names
        items += found
    if not items:
        raise DataError("There is nothing to predict; give files, folders, tables or texts.")
    return names, items


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


def _one_word(
    word: str, modality: Modality, *, item: str | None, ignore: Sequence[str], columns: Sequence[str]
) -> tuple[list[str], list[Any]]:
    if word == "-":
        return _from_stdin(modality)
    if not _exists(word):
        if modality == "text" and not _looks_like_path(word):
            return [""], [word]
        raise DataError(f"'{word}' does not exist; give a file, a folder or a table of {modality} items.")
    is_table = Path(word).suffix.lower() in TABLES
    dataset = read(word, item=item, label=ignore or None, modality=modality if is_table else None, labelled=False)
    if dataset.modality != modality:
        raise DataError(f"'{word}' holds {dataset.modality} items, but this model reads {modality} items.")
    return list(dataset.ids), list(align_columns(dataset, columns).items)


def _exists(word: str) -> bool:
    try:
        return bool(word.strip()) and Path(word).exists()
    except (OSError, ValueError):  # a text longer than a name may be, or with a NUL
        return False


def _looks_like_path(word: str) -> bool:
    return " " not in word and (word.endswith("/") or (bool(Path(word).suffix) and "/" in word))


def _from_stdin(modality: Modality) -> tuple[list[str], list[Any]]:
    try:
        lines = [line.rstrip("\r\n") for line in sys.stdin]
    except UnicodeDecodeError as error:
        raise DataError(f"Standard input is not text in {error.encoding} ({error.reason}); convert it first.") from None
    kept = [(str(number), line) for number, line in enumerate(lines, start=1) if line.strip()]
    if any(len(line) > MAX_LINE for _, line in kept):
        raise DataError(f"A line of standard input is longer than {MAX_LINE} characters; give one item a line.")
    names = [name for name, _ in kept]
    if modality == "vector":
        return names, _rows(kept)
    return (names if modality == "text" else [line for _, line in kept]), [line for _, line in kept]


def _rows(lines: Sequence[tuple[str, str]]) -> list[Any]:
    rows = []
    for number, line in lines:
        try:
            rows.append(np.array([float(cell) for cell in next(csv.reader([line]))]))
        except ValueError as error:
            raise DataError(f"Line {number} of standard input must be numbers with commas between ({error}).") from None
    return rows
