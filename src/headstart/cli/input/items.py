"""Items on the command line: files, folders, tables, literal texts, and standard input."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.cli.input.standard_input import as_typed, standard_input
from headstart.data import ReadOptions, align_columns
from headstart.data.folder.archives import is_archive
from headstart.data.folder.listing import media_of_file
from headstart.data.formats.loading import Loaded, load, table_kind
from headstart.data.naming.column_names import ID_NAMES, plain_name
from headstart.data.schema import MEDIA
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.model.as_fitted import ItemReading, read_as_fitted
from headstart.types import Dataset

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Gathered", "gather_items"]

MAX_LINE = 1_000_000  # characters
PROBED = 100  # cells of a column that are checked for bytes or arrays


@dataclass(frozen=True)
class Gathered:
    """Items in the order in which they were given, with their names and the columns of their tables.

    Attributes:
        items: n items that can be read.
        names: (n + failures) where each came from, including those that cannot be read; unique.
        ids: (n + failures) cells of the tables' own identifier columns, None for an item without one; None where no
            table has such a column.
        notes: what was inferred while reading.
        failures: reasons by position among the names, for items that cannot be read.
        cells: the columns of the tables, one row per name; None where no table was given.
        written: the same cells as the file spells them, such as ``007``.

    Examples:
        >>> Gathered(["my parcel is late"], ["0"], ["T-17"]).place(0)
        {'item': '0', 'id': 'T-17'}
    """

    items: list[Any]
    names: list[str]
    ids: list[Any] | None = None
    notes: tuple[str, ...] = ()
    failures: Mapping[int, str] = field(default_factory=dict)
    cells: pd.DataFrame | None = None
    written: pd.DataFrame | None = None

    @property
    def index(self) -> NDArray[np.intp]:
        """(n,) position of each item among the names."""
        return np.setdiff1d(np.arange(len(self.names)), list(self.failures))

    def place(self, position: int) -> dict[str, Any]:
        """The first columns of an answer: the name at a position, and its identifier where there are any."""
        name = {"item": self.names[position]}
        return name if self.ids is None else {**name, "id": self.ids[position]}


def gather_items(
    words: Sequence[str], model: ItemReading, *, item: str | None = None, task: str | None = None
) -> Gathered:
    """Read the items that are given on a command line.

    A folder, table or archive gives all of its items; a media file is one item; ``-`` reads one item per line from
    standard input; for a text model any other argument is itself a text.

    A media file is named as it was given, an item of a folder or archive ``FOLDER/ID``, a row ``ROW`` (from 0), or
    ``TABLE:ROW`` if there are other arguments. Texts are named by their position, and lines of standard input by their
    number (``-:LINE`` if there are other arguments), both from 1.

    Args:
        words: the arguments.
        model: the model that will predict; it knows the columns that it was fitted on.
        item: the column of texts or paths; default: that of the fit.
        task: the kind of annotations whose formats are read too; default: none.

    Raises:
        DataError: if no argument can be read. If others can, one that is neither a file nor a text for a text model, or
            that holds another kind of item, is one of the failures.

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
    first: DataError | None = None
    for word in words:
        place = sum(len(part.names) for part in parts) + 1
        try:
            parts.append(_one_word(word, model, item, place, alone=len(words) == 1, task=task))
        except DataError as error:
            first = first or error
            parts.append(Gathered([], [word], failures={0: str(error)}))
    items = [item for part in parts for item in part.items]
    if not items:
        raise first or DataError(_nothing(parts))
    names = [name for part in parts for name in part.names]
    cells, written = (_joined_cells(parts, written=written) for written in (False, True))
    notes = tuple(note for part in parts for note in part.notes)
    return Gathered(items, names, _joined_ids(parts), notes, _joined_failures(parts), cells, written)


def _nothing(parts: Sequence[Gathered]) -> str:
    failures = _joined_failures(parts)
    if not failures:
        return "There is nothing to predict; give files, folders, tables or texts."
    return f"None of the items ({len(failures)}) can be read; the first: {failures[min(failures)]}"


def _joined_failures(parts: Sequence[Gathered]) -> dict[int, str]:
    starts = np.cumsum([0, *(len(part.names) for part in parts)])
    return {
        int(start) + k: reason
        for start, part in zip(starts, parts, strict=False)
        for k, reason in part.failures.items()
    }


def _joined_cells(parts: Sequence[Gathered], *, written: bool) -> pd.DataFrame | None:
    """The tables concatenated, with empty rows for items that came from no table."""
    frames = [part.written if written else part.cells for part in parts]
    if len(frames) == 1 or all(frame is None for frame in frames):
        return frames[0]
    import pandas as pd

    empty = [pd.DataFrame(index=range(len(part.names))) for part in parts]
    joined = pd.concat([e if f is None else f for f, e in zip(frames, empty, strict=True)], ignore_index=True)
    return _with_none(joined)


def _one_word(
    word: str, model: ItemReading, item: str | None, place: int, *, alone: bool, task: str | None
) -> Gathered:
    modality = model.source.info.modality
    if word == "-":
        return _from_stdin(model, alone=alone)
    if not _exists(word):
        if modality == "text" and not _looks_like_path(word):
            return Gathered([as_typed(word)], [str(place)])
        if modality == "vector" and _is_row(word):
            raise DataError(
                f"'{word}' is a row of numbers, and no file of that name exists; pass rows on standard input "
                f"(echo '{word}' | headstart predict MODEL -), or in a table with a row for each item."
            )
        raise DataError(f"'{word}' does not exist; give a file, a folder or a table of {modality} items.")
    # the cells of a table do not show what they mean (a text may be a path): the model does
    is_table = Path(word).is_file() and table_kind(word) is not None
    kind = modality if is_table else None
    asked = ReadOptions.of(label=model.label_columns, item=item, modality=kind, labelled=False, task=task)
    dataset = read_as_fitted(word, model, asked)
    if dataset.modality != modality:
        raise DataError(
            f"'{word}' holds {dataset.modality} items, but this model reads {modality} items; give {modality} items, "
            "or another model."
        )
    items = list(align_columns(dataset, model.columns).items)
    names = _names(word, dataset, alone=alone)
    if not is_table:
        return Gathered(items, names, notes=dataset.notes)
    # read a second time for the columns that the dataset leaves out, which are written beside the answers
    return _rows_of(load(Path(word)), Gathered(items, names, notes=dataset.notes), "" if alone else f"{word}:", model)


def _is_row(word: str) -> bool:
    """Whether a word consists of numbers, with commas or blanks between them."""
    cells = word.replace(",", " ").split()
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


def _rows_of(table: Loaded, read_rows: Gathered, prefix: str, model: ItemReading) -> Gathered:
    """The rows of a table in their order, with its columns; rows that were set aside have a name and a reason."""
    aside = {row.row: row.reason for row in table.set_aside}
    numbers = sorted([*table.numbers, *aside])
    places = [k for k, number in enumerate(numbers) if number not in aside]  # positions of the rows that were read
    names = [f"{prefix}{number}" for number in numbers]
    for place, name in zip(places, read_rows.names, strict=True):
        names[place] = name
    frame = table.frame.astype(object)
    frame = frame.set_axis(places, axis=0)
    written = frame.assign(
        **{name: list(cells) for name, cells in (table.cells or {}).items() if name in frame.columns}
    )
    shown = [name for name in frame.columns if not _is_blob(frame[name])]
    ids = _own_ids(table.frame, model.label_columns)
    spread: list[Any] = [None] * len(numbers)
    for place, value in zip(places, ids or (), strict=False):
        spread[place] = value
    failures = {k: f"the row is not read: {aside[n]}" for k, n in enumerate(numbers) if n in aside}
    cells, as_written = (_with_none(one[shown].reindex(range(len(numbers)))) for one in (frame, written))
    return Gathered(
        read_rows.items, names, None if ids is None else spread, read_rows.notes, failures, cells, as_written
    )


def _with_none(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


def _is_blob(column: pd.Series[Any]) -> bool:
    """Whether cells are bytes, objects or arrays, which are not copied into the output."""
    return any(isinstance(cell, bytes | dict | np.ndarray) for cell in column.dropna().head(PROBED))


def _names(word: str, dataset: Dataset, *, alone: bool) -> list[str]:
    path = Path(word)
    if path.is_file() and media_of_file(path) is not None:
        return [word]
    if dataset.columns or (path.is_file() and not is_archive(path)):  # rows of a table, or lines of a text
        return list(dataset.ids) if alone else [f"{word}:{row}" for row in dataset.ids]
    return [(path / name).as_posix() for name in dataset.ids]


def _own_ids(frame: pd.DataFrame, labels: Sequence[str]) -> list[Any] | None:
    """The cells of a table's identifier column, such as ``id`` or ``ticket_id``; None where it has none."""
    known = {name: plain_name(name) for name in frame.columns if name not in labels}
    likely = [name for name, word in known.items() if word in ID_NAMES]
    likely += [name for name, word in known.items() if word.endswith("_id") and name not in likely]
    for name in likely:  # only unique values identify a row
        cells = frame[name].astype(object).tolist()
        if all(isinstance(cell, str | int) for cell in cells) and len(set(cells)) == len(cells):
            return cells
    return None


def _joined_ids(parts: Sequence[Gathered]) -> list[Any] | None:
    """The identifiers of all items; as strings if their types differ, since a column has one type."""
    if all(part.ids is None for part in parts):
        return None
    ids = [value for part in parts for value in part.ids or [None] * len(part.names)]
    mixed = len({type(value) for value in ids if value is not None}) > 1
    return [str(value) if mixed and value is not None else value for value in ids]


def _exists(word: str) -> bool:
    try:
        return bool(word.strip()) and Path(word).exists()
    except (OSError, ValueError):  # a text that is too long for a file name, or has a NUL
        return False


def _looks_like_path(word: str) -> bool:
    """Whether a word is meant as a path: it has no spaces, and ends in a slash or in the extension of a data file."""
    if not word or word.split() != [word]:
        return False
    path = Path(word)
    known = path.suffix.lower() in {*MEDIA, ".txt"} or table_kind(path) is not None or is_archive(path)
    return known or word.endswith("/") or (bool(path.suffix) and "/" in word)


def _from_stdin(model: ItemReading, *, alone: bool) -> Gathered:
    lines = standard_input()
    kept = [(str(number), line) for number, line in enumerate(lines, start=1) if line.strip()]
    if any(len(line) > MAX_LINE for _, line in kept):
        raise DataError(f"A line of standard input is longer than {MAX_LINE} characters; give one item per line.")
    modality = model.source.info.modality
    lines = [line for _, line in kept]
    # lines that are paths name their items; other lines are named by their number
    names = lines if modality in ("image", "audio") else [number if alone else f"-:{number}" for number, _ in kept]
    if modality != "vector" or not isinstance(model, TransferModel):
        return Gathered(lines, names)
    rows, failures = _rows(kept, model.head.feature_map.num_inputs)
    return Gathered(rows, names, failures=failures)


def _rows(lines: Sequence[tuple[str, str]], width: int) -> tuple[list[Any], dict[int, str]]:
    """The lines as rows of numbers, and the reasons why others are not: no numbers, or not ``width`` of them."""
    rows: dict[int, NDArray[np.float64]] = {}
    failures: dict[int, str] = {}
    for place, (number, line) in enumerate(lines):
        try:
            rows[place] = np.array([float(cell) for cell in next(csv.reader([line]))])
        except ValueError as error:
            failures[place] = f"Line {number} of standard input must be comma-separated numbers ({error})."
    # if no row has the right length, the rows are kept and the model refuses them as a whole
    if any(len(row) == width for row in rows.values()):
        for place in [place for place, row in rows.items() if len(row) != width]:
            failures[place] = f"it has {len(rows.pop(place))} numbers, but the model reads rows of {width}"
    return list(rows.values()), failures
