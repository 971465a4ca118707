"""Table files as data frames, with one type per column."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data.formats.cells import type_column
from headstart.data.formats.delimited import SEPARATORS, Values, parse_values
from headstart.data.formats.records import check_names, flatten, parse_json
from headstart.data.formats.set_aside import SetAside, describe_set_aside
from headstart.data.formats.spreadsheets import SPREADSHEETS, read_spreadsheet
from headstart.data.text.encodings import decode_text
from headstart.errors import DataError
from headstart.reporting.wording import name_some

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["TABLES", "Loaded", "load", "load_table", "table_kind"]

TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet"}) | SPREADSHEETS
"""File extensions, in lower case, of the tables that can be read."""

PACKED: Mapping[str, Callable[[Path], Any]] = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}
MAX_UNPACKED = 4 * 2**30  # bytes
ALIASES = {".tab": ".tsv", ".pq": ".parquet"}


def table_kind(name: str | Path) -> str | None:
    """The extension of a table file, without that of its compression; None if the name is not that of a table.

    Examples:
        >>> table_kind("a.CSV.gz"), table_kind("a.xlsx"), table_kind("a.tar.gz"), table_kind("a.jpg")
        ('.csv', '.xlsx', None, None)
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in PACKED:
        inner = Path(path.stem).suffix.lower()
        return inner if inner in TABLES - SPREADSHEETS - {".parquet"} else None
    suffix = ALIASES.get(suffix, suffix)
    return suffix if suffix in TABLES else None


@dataclass(frozen=True)
class Loaded:
    """A table file as read.

    Attributes:
        frame: the rows that could be read, indexed from 0.
        notes: notes on how it was read.
        numbers: the position of each row in the file, counted from 0 without the header.
        cells: for columns of a text file that were read as numbers, the original strings; None for formats with types.
        set_aside: the rows that could not be read.

    Examples:
        >>> import pandas as pd
        >>> Loaded(pd.DataFrame({"a": [1]}), (), [0]).cells is None
        True
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    numbers: Sequence[int]
    cells: Mapping[str, Sequence[str]] | None = None
    set_aside: Sequence[SetAside] = ()


def load_table(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    r"""Load a table file as a frame with nested objects flattened, and notes on how it was read.

    Args:
        path: the file; its extension determines the format.

    Raises:
        DataError: if it cannot be read, is empty, or has two columns of the same name.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
        >>> _ = path.write_text('{"a": 1}\n{"a": 2}\n')
        >>> load_table(path)[0]["a"].tolist()
        [1, 2]
    """
    table = load(path)
    return table.frame, table.notes


def load(path: Path) -> Loaded:
    r"""Load a table file; rows that cannot be read are set aside and reported in a note.

    Args:
        path: the file; its extension determines the format.

    Raises:
        DataError: if it cannot be read, is empty, or has two columns of the same name.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("text,label\none,a\ntwo,b,c\nthree,b\n")
        >>> load(path).numbers
        [0, 2]
    """
    kind = table_kind(path)
    try:
        if kind == ".parquet":
            table = _load_parquet(path)
        elif kind in SPREADSHEETS:
            table = _of_values(read_spreadsheet(path), path, ",")
        else:
            text, notes = decode_text(_content(path), path.name)
            table = _load_values(text, path, kind) if kind in (".csv", ".tsv") else _load_json(text, path)
            table = replace(table, notes=(*notes, *table.notes))
    except OSError as error:
        raise DataError(f"Cannot read '{path}': {error.strerror or error}.") from error
    if not len(table.frame):
        lost = "".join(f" {note}" for note in table.notes if note.startswith("Set aside"))
        raise DataError(f"The table '{path}' has no rows; give at least two for each class.{lost}")
    return replace(table, frame=flatten(table.frame, f"table '{path}'"))


def _content(path: Path) -> bytes:
    """The bytes of a file, decompressed if its name says that it is compressed."""
    opener = PACKED.get(path.suffix.lower())
    if opener is None:
        return path.read_bytes()
    try:
        with opener(path) as file:
            # One byte beyond the limit tells a larger file from one of exactly that size.
            raw: bytes = file.read(MAX_UNPACKED + 1)
    except (EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"Cannot unpack '{path}': {_first_line(error)}; copy it again.") from error
    if len(raw) > MAX_UNPACKED:
        raise DataError(f"'{path}' unpacks to more than {MAX_UNPACKED // 2**30} GiB; give it as Parquet.")
    return raw


def _load_parquet(path: Path) -> Loaded:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        check_names(table.column_names, f"table '{path}'")
        columns = {name: _as_numbers(table.column(name)) for name in table.column_names}
        frame: pd.DataFrame = pa.table(columns).replace_schema_metadata(table.schema.metadata).to_pandas()
    except pa.ArrowException as error:
        raise DataError(f"Cannot read '{path}' as Parquet: {_first_line(error)}.") from error
    frame = frame.reset_index(drop=True)
    frame.columns = frame.columns.map(str)
    return Loaded(frame, (), range(len(frame)))


def _as_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """An Arrow column without dictionary encoding, and with decimals as float64, as models need them."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _load_json(text: str, path: Path) -> Loaded:
    found = parse_json(text, str(path))
    found.frame.columns = found.frame.columns.map(str)
    note = describe_set_aside(found.set_aside, len(found.numbers) + len(found.set_aside), path.name)
    return Loaded(found.frame, (note,) if note else (), found.numbers, set_aside=found.set_aside)


def _load_values(text: str, path: Path, kind: str | None) -> Loaded:
    is_tabs = kind == ".tsv"
    return _of_values(parse_values(text, str(path), is_tabs=is_tabs), path, "\t" if is_tabs else ",")


def _of_values(values: Values, path: Path, separator: str) -> Loaded:
    """The table of separated values, each column in the type that fits all its cells."""
    import pandas as pd

    width = len(values.rows[0]) if values.rows else len(values.header or ())
    header = values.header
    notes = list(values.notes)
    if header is None:
        header = [str(place) for place in range(width)]
        notes.append(f"'{path.name}' has no header, so its columns are named 0 to {width - 1}.")
    header = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    copies = _copies(header, values.rows)
    if copies:
        notes.append(f"Left out copies of the column{'s' if len(copies) > 1 else ''} {name_some(copies.values())}.")
    check_names([name for place, name in enumerate(header) if place not in copies], f"table '{path}'")
    if values.separator != separator:
        notes.append(f"The columns of '{path.name}' are separated by {SEPARATORS.get(values.separator, 'signs')}.")
    lost = describe_set_aside(values.set_aside, len(values.rows) + len(values.set_aside), path.name)
    notes += [lost] if lost else []
    columns, cells, typed = _typed(header, values, copies)
    return Loaded(pd.DataFrame(columns), (*notes, *typed), values.numbers, cells, values.set_aside)


def _copies(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """The positions and names of columns that are equal to an earlier column of the same name."""
    first: dict[str, int] = {}
    copies = {}
    for place, name in enumerate(header):
        earlier = first.setdefault(name, place)
        if earlier != place and rows and all(row[earlier] == row[place] for row in rows):
            copies[place] = name
    return copies


def _typed(
    header: Sequence[str], values: Values, left_out: Collection[int]
) -> tuple[dict[str, Any], dict[str, Sequence[str]], list[str]]:
    """The typed columns, the original strings of columns of numbers, and notes on how they were read."""
    # With another separator than the comma, a comma inside of a number is most likely the decimal one.
    comma = "decimal" if values.separator in (";", "\t", "|") else "unknown"
    columns: dict[str, Any] = {}
    cells: dict[str, Sequence[str]] = {}
    noted: dict[str, list[str]] = {}
    in_columns = zip(*values.rows, strict=True) if values.rows else [()] * len(header)
    for place, (name, strings) in enumerate(zip(header, in_columns, strict=True)):
        if place in left_out:
            continue
        found = type_column(strings, comma=comma)
        columns[name] = found.values
        if found.values.dtype.kind in "iuf":
            cells[name] = strings
        if found.note:
            noted.setdefault(found.note, []).append(name)
    notes = [f"Column{'s' if len(names) > 1 else ''} {name_some(names)}: {note}." for note, names in noted.items()]
    return columns, cells, notes
