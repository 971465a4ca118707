"""What the pages of a Parquet file take when they are decompressed, read from their headers before any of them is.

The sizes in a file's footer are claims that its pages need not keep, and a reader allocates what a page's own header
says. So the headers are walked through: they are structures of Thrift's compact protocol, each before its page.

Reference: https://parquet.apache.org/docs/file-format/data-pages/ (PageHeader of parquet.thrift).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import ModelFolderError

if TYPE_CHECKING:
    from pyarrow import parquet

__all__ = ["check_pages", "rows_claimed"]

HEADER = 64 * 1024  # bytes of the largest header that is read; ours have less than 10,000
MOST_PAGES = 200_000
DEPTH = 8  # of structures within each other; a page header has three
# Values stand as they are, or as positions in a dictionary: others expand by more than the page's size.
ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 4: "BIT_PACKED", 8: "RLE_DICTIONARY"}
DATA_PAGE, DATA_PAGE_V2 = (5, 2), (8, 4)  # where the encoding stands: the field of the page's kind, and the one in it


def check_pages(path: Path, metadata: parquet.FileMetaData, columns: Collection[str], most: int) -> bool:
    """Whether the pages of some columns take at most so many bytes when they are decompressed.

    Args:
        path: the file.
        metadata: its footer.
        columns: the names of the columns.
        most: bytes, of all pages together.

    Raises:
        ModelFolderError: if a header is damaged, or values are kept in a way that this package never writes.

    Examples:
        >>> import pyarrow as pa, tempfile
        >>> from pyarrow import parquet
        >>> place = Path(tempfile.mkdtemp()) / "a.parquet"
        >>> parquet.write_table(pa.table({"id": ["x" * 1000] * 9}), place, use_dictionary=False)
        >>> facts = parquet.read_metadata(place)
        >>> check_pages(place, facts, ["id"], 20_000), check_pages(place, facts, ["id"], 9000)
        (True, False)
    """
    chunks = list(_chunks(metadata, columns))
    if sum(chunk.total_uncompressed_size for chunk in chunks) > most:
        return False
    total, pages = 0, 0
    with path.open("rb") as file:
        for chunk in chunks:
            at = _start(chunk)
            end = at + chunk.total_compressed_size
            while at < end:
                file.seek(at)
                page = _page(path, file.read(HEADER))
                at += page.header + page.compressed
                total, pages = total + page.uncompressed, pages + 1
                if total > most or pages > MOST_PAGES:
                    return False
    return True


def rows_claimed(metadata: parquet.FileMetaData, columns: Collection[str]) -> int:
    """The most rows that a footer states, for the file, in its groups of rows or in a column.

    Args:
        metadata: the footer.
        columns: the names of the columns that are to be read.

    Examples:
        >>> import pyarrow as pa, tempfile
        >>> from pyarrow import parquet
        >>> place = Path(tempfile.mkdtemp()) / "a.parquet"
        >>> parquet.write_table(pa.table({"id": ["x"] * 9}), place)
        >>> rows_claimed(parquet.read_metadata(place), ["id"])
        9
    """
    groups = sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    values: dict[str, int] = {}
    for chunk in _chunks(metadata, columns):
        values[chunk.path_in_schema] = values.get(chunk.path_in_schema, 0) + chunk.num_values
    return int(max(metadata.num_rows, groups, *values.values(), 0))


def _chunks(metadata: parquet.FileMetaData, columns: Collection[str]) -> Iterator[Any]:
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        for place in range(part.num_columns):
            chunk = part.column(place)
            is_empty = part.num_rows == chunk.num_values == 0  # it may state no place
            if chunk.path_in_schema in columns and not is_empty:
                yield chunk


def _start(chunk: Any) -> int:
    """Where the first page of a column in a row group begins: that of its dictionary, if there is one."""
    first, of_dictionary = chunk.data_page_offset, chunk.dictionary_page_offset
    return int(min(first, of_dictionary) if of_dictionary else first)


@dataclass(frozen=True)
class _Page:
    header: int
    compressed: int
    uncompressed: int


def _page(path: Path, raw: bytes) -> _Page:
    """What the header says at the beginning of these bytes."""
    reader = _Reader(raw)
    try:
        fields = reader.structure()
        uncompressed, compressed = fields[2], fields[3]
        encodings = [fields[kind][field] for kind, field in (DATA_PAGE, DATA_PAGE_V2) if kind in fields]
        if uncompressed < 0 or compressed < 0:
            raise ValueError("a page has a negative size")
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(
            f"'{path}' is damaged (the header of a page cannot be read: {error!s:.100}); copy the run or fit it again."
        ) from error
    if not set(encodings) <= set(ENCODINGS):
        raise ModelFolderError(f"'{path}' encodes values in a way that a run never does; copy the run or fit it again.")
    return _Page(reader.at, compressed, uncompressed)


class _Reader:
    """Reads structures of Thrift's compact protocol: a structure is its fields by number."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def structure(self, depth: int = 0) -> dict[int, Any]:
        if depth > DEPTH:
            raise ValueError("structures are nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._whole()
            found[number] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # true, false
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._whole()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._unsigned())
        if kind == 12:
            return self.structure(depth + 1)
        raise ValueError(f"a field of the kind {kind}")  # page headers have no lists or maps

    def _byte(self) -> int:
        self.at += 1
        return self.raw[self.at - 1]

    def _unsigned(self) -> int:
        found, shift = 0, 0
        while shift < 70:
            part = self._byte()
            found |= (part & 127) << shift
            if part < 128:
                return found
            shift += 7
        raise ValueError("a number is too long")

    def _whole(self) -> int:
        found = self._unsigned()
        return (found >> 1) ^ -(found & 1)

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.raw):
            raise ValueError("it ends in the middle")
