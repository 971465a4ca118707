"""Tables: CSV, TSV, JSON lines, JSON and Parquet files, and frames."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.columns import ColumnRoles, infer_columns
from headstart.data.item_column import Cell, look
from headstart.data.labels import MISSING_WORDS
from headstart.data.multimodal import (
    ItemColumn,
    item_columns,
    multimodal_items,
    named_columns,
    quantities,
    roles_of,
)
from headstart.data.records import check_names, flatten, parse_json
from headstart.data.schema import SPLITS, ReadOptions, RowsRead
from headstart.data.wording import name_some, plural
from headstart.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLES", "decode_text", "load_table", "read_frame", "read_table", "read_tables"]

TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet"})
"""File extensions, in lower case, of the tables that can be read."""

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MISSING = ["", "nan", "NaN", "NAN", "<NA>", "#N/A", "null", "NULL"]


def read_table(path: Path, options: ReadOptions) -> RowsRead:
    r"""The rows of a table file.

    Args:
        path: the file.
        options: what the user said.

    Raises:
        DataError: if the file cannot be read as a table, or if its columns cannot be told.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("text,label\nhi there,x\nbye now,y\n")
        >>> read_table(path, ReadOptions()).items
        ['hi there', 'bye now']
    """
    frame, notes = load_table(path)
    folder = path.parent
    roots = dict.fromkeys((folder, folder / path.stem, folder / "images", folder / "audio"))
    rows = read_frame(frame, options, f"'{path}'", list(roots))
    return replace(rows, notes=(*notes, *rows.notes))


def read_tables(tables: Mapping[str, Path], options: ReadOptions) -> RowsRead:
    r"""The rows of one table for each split, such as train.csv and test.csv, with the split given.

    Args:
        tables: files by split (``"train"``, ``"val"``, ``"test"``).
        options: what the user said.

    Raises:
        DataError: as `read_table`, or if the tables do not have the columns in common that are read.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("train", "test"):
        ...     _ = (folder / f"{name}.csv").write_text("text,label\nhi there,x\nbye now,y\n")
        >>> rows = read_tables({name: folder / f"{name}.csv" for name in ("train", "test")}, ReadOptions())
        >>> rows.split.tolist(), rows.ids[2]
        (['train', 'train', 'test', 'test'], 'test/0')
    """
    import pandas as pd

    loaded = {split: load_table(path) for split, path in tables.items()}
    frames = {split: frame for split, (frame, _) in loaded.items()}
    first = next(iter(frames.values()))
    columns = [name for name in first.columns if all(name in frame.columns for frame in frames.values())]
    folder = next(iter(tables.values())).parent
    if not columns:
        raise DataError(f"The tables {name_some(path.name for path in tables.values())} have no column in common.")
    whole = pd.concat([frame[columns] for frame in frames.values()], ignore_index=True)
    roots = [folder, *(folder / path.stem for path in tables.values()), folder / "images", folder / "audio"]
    names = [f"{path.stem}/{row}" for split, path in tables.items() for row in range(len(frames[split]))]
    rows = read_frame(whole, options, f"the tables of '{folder}'", roots, names)
    split = np.repeat(list(frames), [len(frame) for frame in frames.values()]).astype(np.str_)
    sizes = ", ".join(f"{path.name} ({plural(len(frames[split]), 'row')})" for split, path in tables.items())
    notes = [note for _, told in loaded.values() for note in told]
    return replace(rows, split=split, notes=(f"Took the given split from {sizes}.", *notes, *rows.notes))


def load_table(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    r"""A table file as a frame with nested objects laid out as columns, and notes on how it was read.

    Args:
        path: the file; its extension says what it is.

    Raises:
        DataError: if it cannot be read, is empty, or has two columns of one name.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
        >>> _ = path.write_text('{"a": 1}\n{"a": 2}\n')
        >>> load_table(path)[0]["a"].tolist()
        [1, 2]
    """
    kind = path.suffix.lower()
    notes: tuple[str, ...] = ()
    try:
        if kind == ".parquet":
            frame = _load_parquet(path)
        else:
            text, notes = decode_text(path.read_bytes(), path.name)
            if kind in (".csv", ".tsv"):
                frame, more = _load_csv(text, path)
                notes = (*notes, *more)
            else:
                is_list = kind == ".json" and text.lstrip()[:1] == "["
                frame = _named(parse_json(text, str(path), is_list=is_list))
    except OSError as error:
        raise DataError(f"Cannot read '{path}': {error.strerror or error}.") from error
    if not len(frame):
        raise DataError(f"The table '{path}' has no rows; give at least two for each class.")
    return flatten(frame, f"table '{path}'"), notes


def decode_text(raw: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    r"""Text of bytes in UTF-8 (with or without a byte order mark), UTF-16 with one, else Windows-1252 or Latin-1.

    Args:
        raw: the bytes.
        name: the file's name, for the note.

    Returns:
        The text, and a note where it was not UTF-8.

    Examples:
        >>> decode_text("caf\u00e9".encode("latin-1"), "a.csv")
        ('café', ("Read 'a.csv' as Windows-1252, because it is not UTF-8.",))
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace"), (f"Read '{name}' as UTF-16.",)
    for encoding, title in (("utf-8-sig", ""), ("cp1252", "Windows-1252"), ("latin-1", "Latin-1")):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, (f"Read '{name}' as {title}, because it is not UTF-8.",) if title else ()
    raise AssertionError("latin-1 decodes every byte")


def _load_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        check_names(table.column_names, f"table '{path}'")
        frame: pd.DataFrame = table.to_pandas()
    except pa.ArrowException as error:
        raise DataError(f"Cannot read '{path}' as Parquet: {_first_line(error)}.") from error
    return _named(frame)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with names of columns as strings and rows counted from 0."""
    frame = frame.reset_index(drop=True)
    frame.columns = frame.columns.map(str)
    return frame


def _load_csv(text: str, path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    lines = text[: 2**20].splitlines()[:50]
    if not any(line.strip() for line in lines):
        raise DataError(f"The table '{path}' is empty; give a header and rows.")
    separator = "\t" if path.suffix.lower() == ".tsv" else _separator(lines)
    header = _header(text, separator, path)
    named = not _all_numbers(header)
    if named:
        check_names(header, f"table '{path}'")
    settings: dict[str, Any] = {"sep": separator, "keep_default_na": False, "na_values": MISSING, "low_memory": False}
    settings["header"] = 0 if named else None
    notes = [] if named else [f"'{path.name}' has no header, so its columns are named 0 to {len(header) - 1}."]
    if separator != "," and path.suffix.lower() == ".csv":
        notes.append(f"The columns of '{path.name}' are separated by {SEPARATORS[separator]}.")
    frame = _parse(text, settings, path)
    if frame is None:
        frame = _parse(text, {**settings, "quoting": csv.QUOTE_NONE}, path)
        notes.append(f"Took the quotation marks of '{path.name}' as text, because they do not pair.")
    if frame is None:
        raise DataError(f"Cannot read '{path}' as a table: its quotation marks do not pair.")
    return _named(frame), tuple(notes)


def _parse(text: str, settings: dict[str, Any], path: Path) -> pd.DataFrame | None:
    """The frame, or None where a quotation mark is never closed."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(io.StringIO(text), **settings, index_col=False)
    except pd.errors.ParserWarning as error:
        raise DataError(f"Rows of '{path}' have more fields than the header; mend them or the header.") from error
    except pd.errors.ParserError as error:
        if "inside string" in str(error):
            return None
        raise DataError(f"Cannot read '{path}' as a table: {_first_line(error)}; mend that line.") from error
    return frame


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _separator(lines: list[str]) -> str:
    """The sign that divides the header and most lines into the same number of fields."""
    best, score = ",", (0.0, 1)
    for sign in SEPARATORS:
        widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        if widths and widths[0] > 1:
            found = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
            best, score = (sign, found) if found > score else (best, score)
    return best


def _header(text: str, separator: str, path: Path) -> list[str]:
    try:
        return next((row for row in csv.reader(io.StringIO(text), delimiter=separator) if row), [])
    except csv.Error as error:
        raise DataError(f"Cannot read the header of '{path}': {error}.") from error


def _all_numbers(header: list[str]) -> bool:
    try:
        values = [float(name) for name in header]
    except ValueError:
        return False
    return values != list(range(len(values)))


def read_frame(
    frame: pd.DataFrame,
    options: ReadOptions,
    origin: str,
    roots: Collection[Path] = (),
    names: Sequence[str] | None = None,
) -> RowsRead:
    """The rows of a frame, with the roles of its columns inferred.

    Args:
        frame: the table, its names of columns distinct strings.
        options: what the user said.
        origin: the table's name, for messages.
        roots: folders that paths may be relative to.
        names: a name for each row; their numbers by default. Distinct paths of files come before either.

    Raises:
        DataError: if the columns cannot be told, or if a group or a time cannot be used.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "y": [0, 1]})
        >>> read_frame(frame, ReadOptions(), "memory").items.shape
        (2, 2)
    """
    several = named_columns(options, frame.columns)
    if several:
        columns = item_columns(frame, several, roots, origin)
        roles = roles_of(frame, columns, roots, options, origin)
        items, told = multimodal_items(columns, [_cells(frame, column, roots, origin) for column in columns])
        ids = None
        roles = replace(roles, modality="multimodal", items=tuple(map(str, columns)), notes=(*roles.notes, *told))
    else:
        roles = infer_columns(frame, roots, options, origin)
        items, ids = _items(frame, roles, origin)
    if ids is None:
        ids = tuple(names if names is not None else map(str, range(len(frame))))
    groups, note = _groups(frame, options.group_col)
    split = None
    if roles.split is not None:
        given = frame[roles.split].astype(str).str.strip().str.lower()
        split = np.array([SPLITS[name] for name in given], dtype=np.str_)
    return RowsRead(
        items=items,
        ids=ids,
        modality=roles.modality,
        labels={name: _objects(frame[name]) for name in roles.labels} or None if options.labelled else None,
        groups=groups,
        split=split,
        times=_times(frame, options.time_col, origin),
        columns=roles.items,
        notes=(*roles.notes, *note),
    )


def _items(frame: pd.DataFrame, roles: ColumnRoles, origin: str) -> tuple[Any, tuple[str, ...] | None]:
    if roles.kind == "number":
        values = frame[list(roles.items)].to_numpy(dtype=np.float64, na_value=np.nan)
        return values, None
    cells = _objects(frame[roles.items[0]])
    if roles.kind == "array":
        if len({len(cell) for cell in cells}) > 1:
            raise DataError(f"The lists of column '{roles.items[0]}' of {origin} differ in length; make them one.")
        return np.stack([np.asarray(cell, dtype=np.float64) for cell in cells]), None
    if roles.kind == "text":
        return ["" if cell is None else str(cell) for cell in cells], None
    if roles.kind == "media":
        return list(cells), None
    files = ["" if cell is None else roles.files.get(str(cell), str(cell)) for cell in cells]
    names = tuple(Path(file).as_posix() if file else "" for file in files)
    return [str(roles.root / name) for name in names], names if len(set(names)) == len(names) else None


def _cells(frame: pd.DataFrame, column: ItemColumn, roots: Collection[Path], origin: str) -> list[Any]:
    """The cells of one of several item columns, as its kind of source reads them; None where missing."""
    objects = _objects(frame[column.name])
    if column.kind in ("number", "category"):
        return quantities(objects)
    seen = look(frame, column.name, roots) if column.kind != "text" else None
    kind: Cell = seen.kind if seen is not None else "text" if column.kind == "text" else "path"
    root = seen.root if seen is not None else next(iter(roots), Path())
    roles = ColumnRoles(kind, seen.modality if seen is not None else "text", (column.name,), (), None, root)
    cells, _ = _items(frame, roles, origin)
    missing = [value is None or (isinstance(value, str) and not value.strip()) for value in objects]
    return [None if gone else cell for cell, gone in zip(cells, missing, strict=True)]


def _objects(column: pd.Series[Any]) -> NDArray[np.object_]:
    """The cells as Python objects, None where missing; strings that are all numbers (or NA) as numbers."""
    import pandas as pd

    if column.dtype == "string":
        known = column.dropna()
        if known.str.strip().str.lower().isin(MISSING_WORDS).any():
            numbers = pd.to_numeric(known.where(~known.str.strip().str.lower().isin(MISSING_WORDS)), errors="coerce")
            if numbers.notna().any() and known[numbers.isna()].str.strip().str.lower().isin(MISSING_WORDS).all():
                column = numbers.reindex(column.index)
    cells = column.astype(object)
    found: NDArray[np.object_] = np.empty(len(cells), dtype=object)
    for row, (value, missing) in enumerate(zip(cells.tolist(), column.isna().tolist(), strict=True)):
        found[row] = None if missing else value
    return found


def _groups(frame: pd.DataFrame, name: str | None) -> tuple[NDArray[np.str_] | None, tuple[str, ...]]:
    if name is None:
        return None, ()
    column = frame[name]
    groups = np.array(column.astype(str).tolist(), dtype=object)
    missing = np.flatnonzero(column.isna())
    groups[missing] = [f"row {row}" for row in missing]
    rows = plural(len(missing), "row has", "rows have")
    note = f"{rows} no '{name}'; each was taken as a group of its own."
    return groups.astype(np.str_), (note,) if len(missing) else ()


def _times(frame: pd.DataFrame, name: str | None, origin: str) -> NDArray[np.float64] | None:
    import pandas as pd

    if name is None:
        return None
    column = frame[name]
    if column.dtype.kind in "iuf":
        times = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        dates = pd.to_datetime(column, errors="coerce", utc=True, format=None if column.dtype.kind == "M" else "mixed")
        times = dates.to_numpy(dtype="datetime64[ns]").astype(np.int64) / 1e9
        times[dates.isna().to_numpy()] = np.nan
    bad = np.flatnonzero(~np.isfinite(times))
    if len(bad):
        raise DataError(
            f"Column '{name}' of {origin} must hold a number or a date in each row, but row {bad[0]} holds "
            f"{column.iloc[bad[0]]!r}; mend it or name another time column."
        )
    return times
