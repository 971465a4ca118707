"""Parquet files of a run folder, which may come from anyone: sizes are bounded before and after decompression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import ModelFolderError
from headstart.io.files import file_size
from headstart.io.parquet_pages import check_pages, rows_claimed

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_parquet"]

MOST_BYTES = 2 * 2**30
"""Bytes of a table, on disk and in memory: a million rows of 250 numbers."""
CELL = 8  # bytes of a number


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns of a Parquet file; only numbers, texts, booleans and dates.

    A small file can describe a large table, because pages are compressed and equal values are stored once. So rows are
    counted and the sizes of pages read before any of them is decompressed, and texts are measured by their dictionary
    before the table is made.

    Args:
        path: the file.
        columns: their names; default: all columns.

    Raises:
        ModelFolderError: if it is missing, damaged or larger than 2 GiB, or a column is missing or of another type.

    Examples:
        >>> import pyarrow as pa, tempfile
        >>> from pyarrow import parquet
        >>> place = Path(tempfile.mkdtemp()) / "a.parquet"
        >>> parquet.write_table(pa.table({"id": ["x", "y"], "n": [1, 2]}), place)
        >>> read_parquet(place, ["id"]).to_pydict()
        {'id': ['x', 'y']}
    """
    if file_size(path) > MOST_BYTES:
        raise _too_large(path)
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema, facts = file.schema_arrow, file.metadata
        names = list(schema.names if columns is None else columns)
        missing = [name for name in names if name not in schema.names]
        if missing:
            raise ModelFolderError(f"'{path}' has no column '{missing[0]}'; copy the run or fit it again.")
        texts = [name for name in names if _is_text(schema.field(name).type)]
        _check_types(path, {name: schema.field(name).type for name in names})
        if rows_claimed(facts, names) * len(names) * CELL > MOST_BYTES or not check_pages(
            path, facts, set(names), MOST_BYTES
        ):
            raise _too_large(path)
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            found = file.read(columns=names)
        return _expanded(path, found, texts)
    except (pa.ArrowException, OSError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFolderError(f"'{path}' is damaged ({reason}); copy the run or fit it again.") from error


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_types(path: Path, kinds: dict[str, Any]) -> None:
    """Raise for lists, maps and the like, whose size the number of rows does not bound."""
    import pyarrow as pa

    for name, kind in kinds.items():
        plain = pa.types.is_primitive(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
        of_texts = pa.types.is_dictionary(kind) and _is_text(kind.value_type)
        if not (plain or _is_text(kind) or of_texts):
            raise ModelFolderError(
                f"Column '{name}' of '{path}' holds {str(kind)[:60]}, where a run keeps numbers and texts; copy "
                "the run or fit it again."
            )


def _expanded(path: Path, table: pa.Table, texts: Sequence[str]) -> pa.Table:
    """The table with plain texts instead of positions in a dictionary, if they do not take too much memory."""
    import pyarrow as pa
    from pyarrow import compute

    bytes_of_texts = 0
    for name in texts:
        for chunk in table[name].chunks:
            longest = compute.max(compute.binary_length(chunk.dictionary)).as_py() or 0
            bytes_of_texts += longest * len(chunk)
    if bytes_of_texts > MOST_BYTES:
        raise _too_large(path)
    for name in texts:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.string()))
    return table


def _too_large(path: Path) -> ModelFolderError:
    return ModelFolderError(
        f"'{path}' describes more than {MOST_BYTES // 2**30} GiB, the limit for a table of a run; copy or fit it again."
    )
