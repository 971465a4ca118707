"""How feature rows are stored in a database, and how a damaged row is detected.

A record holds the digest of its item, the shape of the row with a CRC-32, and the numbers. The checksum covers digest,
shape and numbers, so the row of another item, of another shape or with a flipped bit does not count.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_rows", "iter_rows", "write_rows"]

AT_ONCE = 500  # keys per query; every build of SQLite allows at least 999
FLAT = 2**32 - 1  # instead of the number of rows: one row of shape (width,), not (1, width)
SHAPE = struct.Struct("<IIB")  # number of rows, width, bytes per number
SHAPE_AND_SUM = struct.Struct("<IIBI")
TYPES: dict[int, type[np.floating[Any]]] = {4: np.float32, 8: np.float64}


def iter_rows(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[int, NDArray[Any] | None]]:
    """Look up the rows of ``keys``, in any order; missing ones are left out.

    Args:
        connection: to the database.
        keys: digests of items.

    Yields:
        Position in ``keys``, and a read-only array (width,) or (k, width), or None for a damaged row.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart.engine.cache.row_database import acquire, release
        >>> database = acquire(Path(tempfile.mkdtemp()))
        >>> database.write(lambda connection: write_rows(connection, [b"key"], [np.float32([1, 2])]))
        1
        >>> database.read(lambda connection: list(iter_rows(connection, [b"none", b"key"])))
        [(1, array([1., 2.], dtype=float32))]
        >>> release(database)
    """
    places: dict[bytes, list[int]] = {}
    for position, key in enumerate(keys):
        places.setdefault(key, []).append(position)
    wanted = [key for key in places if key]
    for begin in range(0, len(wanted), AT_ONCE):
        some = wanted[begin : begin + AT_ONCE]
        query = f"SELECT key, shape, numbers FROM rows WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
        for key, shape, numbers in connection.execute(query, some):
            row = _sound(key, shape, numbers)
            yield from ((position, row) for position in places.get(key, ()))


def _sound(key: object, described: object, numbers: object) -> NDArray[Any] | None:
    """The row, or None if the record is damaged."""
    if not (isinstance(key, bytes) and isinstance(described, bytes) and isinstance(numbers, bytes)):
        return None
    if len(described) != SHAPE_AND_SUM.size:
        return None
    count, width, size, total = SHAPE_AND_SUM.unpack(described)
    if size not in TYPES or len(numbers) != width * size * (1 if count == FLAT else count):
        return None
    if _sum(key, count, width, size, numbers) != total:
        return None
    row: NDArray[Any] = np.frombuffer(numbers, TYPES[size])
    return row if count == FLAT else row.reshape(count, width)


def _sum(key: bytes, count: int, width: int, size: int, raw: bytes) -> int:
    return zlib.crc32(raw, zlib.crc32(key + SHAPE.pack(count, width, size)))


def write_rows(connection: sqlite3.Connection, keys: Sequence[bytes], arrays: Sequence[NDArray[Any]]) -> int:
    """Write the rows that are missing or damaged.

    Args:
        connection: to the database, in a transaction.
        keys: digests of items.
        arrays: one array (width,) or (k, width) per key, of float32 or float64.

    Returns:
        How many were written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart.engine.cache.row_database import acquire, release
        >>> database = acquire(Path(tempfile.mkdtemp()))
        >>> [database.write(lambda connection: write_rows(connection, [b"key"], [np.zeros(2)])) for _ in range(2)]
        [1, 0]
        >>> release(database)
    """
    there = {position for position, row in iter_rows(connection, keys) if row is not None}
    wanted = {key: position for position, key in enumerate(keys) if position not in there}
    connection.executemany(
        "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (_described(key, arrays[at]) for key, at in wanted.items())
    )
    return len(wanted)


def _described(key: bytes, row: NDArray[Any]) -> tuple[bytes, bytes, bytes]:
    raw = np.ascontiguousarray(row).tobytes()
    count, width = (FLAT, row.shape[0]) if row.ndim == 1 else row.shape
    shape = (count, width, row.dtype.itemsize)
    return key, SHAPE_AND_SUM.pack(*shape, _sum(key, *shape, raw)), raw


def count_rows(connection: sqlite3.Connection) -> int:
    """How many items have rows.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart.engine.cache.row_database import acquire, release
        >>> database = acquire(Path(tempfile.mkdtemp()))
        >>> database.read(count_rows)
        0
        >>> release(database)
    """
    return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])
