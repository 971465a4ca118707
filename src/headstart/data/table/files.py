"""Tables as rows of items and labels: table files, several files with one split each, and data frames."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.formats.cells import written_labels
from headstart.data.formats.loading import TABLES, Loaded, load, load_table, table_kind
from headstart.data.naming.label_names import label_name
from headstart.data.schema import SPLITS, ReadOptions, RowsRead
from headstart.data.table.column_facts import Cell, Facts, facts_of
from headstart.data.table.columns import ColumnRoles, infer_columns
from headstart.data.table.item_column import inspect_cells
from headstart.data.table.several_columns import (
    ItemColumn,
    item_columns,
    multimodal_items,
    named_columns,
    quantities,
    roles_of,
)
from headstart.data.table.string_columns import known_numbers, strings_as_numbers
from headstart.data.text.encodings import decode_text
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural

if TYPE_CHECKING:
    import pandas as pd

MAX_NAMED = 16  # further columns to keep, as candidates for groups
MAX_NAME_LENGTH = 200

__all__ = ["TABLES", "decode_text", "load_table", "read_frame", "read_table", "read_tables", "table_kind"]


def read_table(path: Path, options: ReadOptions) -> RowsRead:
    r"""Read the rows of a table file.

    Args:
        path: the file.
        options: how to read.

    Raises:
        DataError: if the file cannot be read as a table, or if the roles of its columns cannot be inferred.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("text,label\nhi there,x\nbye now,y\n")
        >>> read_table(path, ReadOptions()).items
        ['hi there', 'bye now']
    """
    table = load(path)
    folder = path.parent
    stem = path.name.partition(".")[0] or path.stem
    roots = dict.fromkeys((folder, folder / stem, folder / "images", folder / "audio"))
    rows = read_frame(
        table.frame, options, f"'{path}'", list(roots), names=list(map(str, table.numbers)), cells=table.cells
    )
    return replace(rows, notes=(*table.notes, *rows.notes))


def read_tables(tables: Mapping[str, Path], options: ReadOptions) -> RowsRead:
    r"""Read one table per split, such as train.csv and test.csv; the split is then given.

    Args:
        tables: files by split (``"train"``, ``"val"``, ``"test"``).
        options: how to read.

    Raises:
        DataError: as `read_table`, or if the tables do not share the columns that are needed.

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

    loaded = {split: load(path) for split, path in tables.items()}
    frames = {split: table.frame for split, table in loaded.items()}
    first = next(iter(frames.values()))
    columns = [name for name in first.columns if all(name in frame.columns for frame in frames.values())]
    folder = next(iter(tables.values())).parent
    if not columns:
        raise DataError(f"The tables {name_some(path.name for path in tables.values())} have no column in common.")
    joined = pd.concat([frame[columns] for frame in frames.values()], ignore_index=True)
    roots = [folder, *(folder / path.stem for path in tables.values()), folder / "images", folder / "audio"]
    names = [f"{path.stem}/{row}" for split, path in tables.items() for row in loaded[split].numbers]
    rows = read_frame(
        joined, options, f"the tables of '{folder}'", roots, names=names, cells=_joined_cells(list(loaded.values()))
    )
    split = np.repeat(list(frames), [len(frame) for frame in frames.values()]).astype(np.str_)
    sizes = ", ".join(f"{path.name} ({plural(len(frames[split]), 'row')})" for split, path in tables.items())
    notes = list(dict.fromkeys(note for table in loaded.values() for note in table.notes))
    return replace(rows, split=split, notes=(f"Took the given split from {sizes}.", *notes, *rows.notes))


def _joined_cells(tables: Sequence[Loaded]) -> dict[str, list[str]] | None:
    """The original strings of the columns that are numbers in all tables; None unless all are text files."""
    written = [table.cells for table in tables if table.cells is not None]
    if len(written) < len(tables):
        return None
    shared = [name for name in written[0] if all(name in cells for cells in written)]
    return {name: [cell for cells in written for cell in cells[name]] for name in shared}


def read_frame(
    frame: pd.DataFrame,
    options: ReadOptions,
    origin: str,
    roots: Collection[Path] = (),
    *,
    names: Sequence[str] | None = None,
    cells: Mapping[str, Sequence[str]] | None = None,
) -> RowsRead:
    """Read the rows of a frame; the roles of its columns are inferred.

    Args:
        frame: the table, whose column names are distinct strings.
        options: how to read.
        origin: the table's name, for messages.
        roots: folders that paths may be relative to.
        names: names of the rows, their numbers by default; paths of files, if distinct, take precedence.
        cells: the original strings of columns that were read as numbers from a text file.

    Raises:
        DataError: if the roles cannot be inferred, or if a time is missing or cannot be read.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "y": [0, 1]})
        >>> read_frame(frame, ReadOptions(), "memory").items.shape
        (2, 2)
    """
    several = named_columns(options, frame.columns)
    if several:
        facts = facts_of(frame)
        columns = item_columns(facts, several, roots, origin)
        roles = roles_of(facts, columns, roots, options, origin)
        items, gaps = multimodal_items(columns, [_cells(facts, column, roots, origin) for column in columns])
        ids = None
        roles = replace(roles, modality="multimodal", items=tuple(map(str, columns)), notes=(*roles.notes, *gaps))
    else:
        frame, converted = known_numbers(frame, options.numbers)
        typed, read = strings_as_numbers(frame) if cells is None else (frame, {})
        roles = infer_columns(facts_of(typed), roots, options, origin)
        roles = replace(roles, notes=(*converted, *roles.notes))
        # Labels keep their original strings, since 1.0 and 1 may be two classes.
        if roles.kind == "number":
            frame = typed.assign(**{name: frame[name] for name in roles.labels})
            roles = replace(roles, notes=(*(read[name] for name in roles.items if name in read), *roles.notes))
        kept, empty = _without_empty(frame, roles, options, names)
        if empty:
            frame = frame.iloc[kept]
            cells = {name: [column[k] for k in kept] for name, column in (cells or {}).items()}
            names = tuple(names[k] if names is not None else str(k) for k in kept)
            roles = replace(roles, notes=(*roles.notes, empty))
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
        labels={name: _labels(frame[name], (cells or {}).get(name)) for name in roles.labels} or None
        if options.labelled
        else None,
        groups=groups,
        split=split,
        times=_times(frame, options.time_col, origin),
        columns=roles.items,
        notes=(*roles.notes, *note),
        named=_named(frame, {*roles.items, *roles.labels, roles.split, options.group_col, options.time_col}),
    )


def _named(frame: pd.DataFrame, taken: set[str | None]) -> dict[str, NDArray[np.str_]]:
    """The columns of short strings or whole numbers without another role, which may define groups."""
    found: dict[str, NDArray[np.str_]] = {}
    for name in frame.columns:
        column = frame[name]
        if name in taken or column.dtype.kind not in "OTSUi" or len(found) == MAX_NAMED:
            continue
        values = ["" if gone else str(value) for value, gone in zip(column, column.isna(), strict=True)]
        if max(map(len, values), default=0) <= MAX_NAME_LENGTH and len(set(values)) > 1:
            found[str(name)] = np.array(values, dtype=np.str_)
    return found


def _without_empty(
    frame: pd.DataFrame, roles: ColumnRoles, options: ReadOptions, names: Sequence[str] | None
) -> tuple[list[int], str]:
    """With labels and path or media items, the rows whose item cell is not empty, and a note on the other rows."""
    if roles.kind not in ("path", "media") or not options.labelled:
        return [], ""
    cells = _objects(frame[roles.items[0]])
    empty = [row for row, cell in enumerate(cells) if cell is None or (isinstance(cell, str) and not cell.strip())]
    if not empty or len(empty) == len(frame):
        return [], ""
    shown = ", ".join(str(row if names is None else names[row]) for row in empty[:3]) + (", ..." if empty[3:] else "")
    which = f"Set aside {len(empty)} of {plural(len(frame), 'row')}, in which '{roles.items[0]}' is empty: row {shown}."
    return sorted(set(range(len(frame))) - set(empty)), which


def _items(frame: pd.DataFrame, roles: ColumnRoles, origin: str) -> tuple[Any, tuple[str, ...] | None]:
    if roles.kind == "number":
        values = frame[list(roles.items)].to_numpy(dtype=np.float64, na_value=np.nan)
        return values, None
    cells = _objects(frame[roles.items[0]])
    if roles.kind == "array":
        return _vectors(cells, roles.items[0], origin), None
    if roles.kind == "text":
        return ["" if cell is None else str(cell) for cell in cells], None
    if roles.kind == "media":
        return list(cells), None
    keys = ["" if cell is None else label_name(cell) if isinstance(cell, float) else str(cell) for cell in cells]
    files = [roles.files.get(key, key) for key in keys]
    names = tuple(Path(file).as_posix() if file else "" for file in files)
    return [str(roles.root / name) for name in names], names if len(set(names)) == len(names) else None


def _vectors(cells: NDArray[np.object_], name: str, origin: str) -> NDArray[np.float64]:
    """The lists of numbers of a column, (n, d)."""
    rows = [_vector(cell) for cell in cells]
    bad = next((place for place, row in enumerate(rows) if row is None), None)
    if bad is not None:
        raise DataError(
            f"Row {bad} of column '{name}' of {origin} must hold a list of numbers, like the others, but it holds "
            f"{reprlib.repr(cells[bad])}; fix it or leave it out."
        )
    found = [row for row in rows if row is not None]
    if len({len(row) for row in found}) > 1:
        raise DataError(f"The lists of column '{name}' of {origin} differ in length; give them the same length.")
    return np.stack(found)


def _vector(cell: object) -> NDArray[np.float64] | None:
    if not isinstance(cell, (list, tuple, np.ndarray)):
        return None
    try:
        row = np.asarray(cell, dtype=np.float64)
    except (TypeError, ValueError):  # a string or an object among the numbers, or lists of several lengths
        return None
    return row if row.ndim == 1 else None


def _cells(facts: Facts, column: ItemColumn, roots: Collection[Path], origin: str) -> list[Any]:
    """The cells of one of several item columns, in the form that its kind of source reads; None if missing."""
    held = facts[column.name]
    objects = _objects(held.column)
    if column.kind in ("number", "category"):
        return quantities(objects)
    seen = column.seen or (inspect_cells(held, roots) if column.kind != "text" else None)
    kind: Cell = seen.kind if seen is not None else "text" if column.kind == "text" else "path"
    root = seen.root if seen is not None else next(iter(roots), Path())
    roles = ColumnRoles(kind, seen.modality if seen is not None else "text", (column.name,), (), None, root)
    cells, _ = _items(held.column.to_frame(), roles, origin)
    missing = [value is None or (isinstance(value, str) and not value.strip()) for value in objects]
    return [None if gone else cell for cell, gone in zip(cells, missing, strict=True)]


def _labels(column: pd.Series[Any], cells: Sequence[str] | None) -> NDArray[np.object_]:
    """The cells of a label column; numbers keep their spelling if it may tell classes apart."""
    written = None if cells is None else written_labels(cells)
    return _objects(column) if written is None else written


def _objects(column: pd.Series[Any]) -> NDArray[np.object_]:
    """The cells as Python objects, None if missing."""
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
    # Rows without a group name must not be joined into one group.
    groups[missing] = [f"row {row}" for row in missing]
    rows = plural(len(missing), "row has", "rows have")
    note = f"{rows} no '{name}'; each forms its own group."
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
        # Nanoseconds since 1970 to seconds; float64 keeps today's dates to less than a microsecond.
        times = dates.to_numpy(dtype="datetime64[ns]").astype(np.int64) / 1e9
        times[dates.isna().to_numpy()] = np.nan
    bad = np.flatnonzero(~np.isfinite(times))
    if len(bad):
        raise DataError(
            f"Column '{name}' of {origin} must hold a number or a date in each row, but row {bad[0]} holds "
            f"{column.iloc[bad[0]]!r}; fix it or name another time column."
        )
    return times
