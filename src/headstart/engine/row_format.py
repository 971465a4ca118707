"""How rows of features lie in an LMDB environment, and how a damaged one is told from a sound one.

The rows of one `write_rows` lie one after the other in a few large values, so that they take their own size on disk
whatever their width; for each item a small entry says where its row is, which shape it has, and its CRC-32::

    b"b" + transaction (8 bytes) + number (4)  ->  the bytes of many rows
    b"i" + digest of the item                  ->  place, shape and sum of its row (ENTRY)
    b"n"                                       ->  how many items there are (8 bytes)

The sum covers digest, shape and bytes: a row of another item, of another shape or with another bit is no row.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_rows", "iter_rows", "write_rows"]

BLOCK_BYTES = 2**20
FLAT = 2**32 - 1  # stands for the number of rows of an item that has one row without that axis
PLACE = struct.Struct("<QIQ")  # transaction and number of the block, offset in it
SHAPE = struct.Struct("<IIB")  # number of rows, width, bytes of a number
SUM = struct.Struct("<I")
ENTRY = struct.Struct("<QIQIIBI")
BLOCK = struct.Struct(">QI")  # big-endian: blocks follow each other in the tree as they were written
COUNT = struct.Struct("<Q")
TYPES: dict[int, type[np.floating[Any]]] = {4: np.float32, 8: np.float64}


def iter_rows(txn: Any, keys: Sequence[bytes]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The sound rows among ``keys``, in the order in which they lie on disk.

    Args:
        txn: a transaction with buffers.
        keys: digests of items.

    Yields:
        Position in ``keys``, and a read-only view (width,) or (k, width) that is gone with the transaction.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart.engine.lmdb_environment import acquire, release
        >>> environment = acquire(Path(tempfile.mkdtemp()))
        >>> environment.write(lambda txn: write_rows(txn, [b"key"], [np.float32([1, 2])]))
        1
        >>> environment.read(lambda txn: [(k, row.copy()) for k, row in iter_rows(txn, [b"none", b"key"])])
        [(1, array([1., 2.], dtype=float32))]
        >>> release(environment)
    """
    entries = ((txn.get(b"i" + key), position) for position, key in enumerate(keys))
    known = sorted((ENTRY.unpack(found), at) for found, at in entries if found is not None and len(found) == ENTRY.size)
    at_block, block = (0, 0), b""
    for (transaction, number, offset, count, width, size, total), position in known:
        if (transaction, number) != at_block:
            at_block = (transaction, number)
            block = txn.get(b"b" + BLOCK.pack(*at_block)) or b""
        length = width * size * (1 if count == FLAT else count)
        raw = block[offset : offset + length]
        if size in TYPES and len(raw) == length and _sum(keys[position], count, width, size, raw) == total:
            row = np.frombuffer(raw, TYPES[size])
            yield position, row if count == FLAT else row.reshape(count, width)


def _sum(key: bytes, count: int, width: int, size: int, raw: Any) -> int:
    return zlib.crc32(raw, zlib.crc32(key + SHAPE.pack(count, width, size)))


def write_rows(txn: Any, keys: Sequence[bytes], rows: Sequence[NDArray[Any]]) -> int:
    """Write the rows that are not there yet, or no longer sound.

    Args:
        txn: a write transaction with buffers.
        keys: digests of items.
        rows: as many arrays (width,) or (k, width), of float32 or float64.

    Returns:
        How many were written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart.engine.lmdb_environment import acquire, release
        >>> environment = acquire(Path(tempfile.mkdtemp()))
        >>> [environment.write(lambda txn: write_rows(txn, [b"key"], [np.zeros(2)])) for _ in range(2)]
        [1, 0]
        >>> release(environment)
    """
    there = {position for position, _ in iter_rows(txn, keys)}
    wanted = {key: position for position, key in enumerate(keys) if position not in there}
    new = 0
    for number, positions in enumerate(_blocks(list(wanted.values()), rows)):
        raws = [np.ascontiguousarray(rows[position]).tobytes() for position in positions]
        txn.put(b"b" + BLOCK.pack(txn.id(), number), b"".join(raws))
        offset = 0
        for position, raw in zip(positions, raws, strict=True):
            new += txn.get(b"i" + keys[position]) is None
            entry = PLACE.pack(txn.id(), number, offset) + _described(keys[position], rows[position], raw)
            txn.put(b"i" + keys[position], entry)
            offset += len(raw)
    if new:
        txn.put(b"n", COUNT.pack(count_rows(txn) + new))
    return len(wanted)


def _blocks(positions: Sequence[int], rows: Sequence[NDArray[Any]]) -> Iterator[list[int]]:
    block: list[int] = []
    size = 0
    for position in positions:
        block.append(position)
        size += rows[position].nbytes
        if size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _described(key: bytes, row: NDArray[Any], raw: bytes) -> bytes:
    count, width = (FLAT, row.shape[0]) if row.ndim == 1 else row.shape
    shape = (count, width, row.dtype.itemsize)
    return SHAPE.pack(*shape) + SUM.pack(_sum(key, *shape, raw))


def count_rows(txn: Any) -> int:
    """How many items there are.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart.engine.lmdb_environment import acquire, release
        >>> environment = acquire(Path(tempfile.mkdtemp()))
        >>> environment.read(count_rows)
        0
        >>> release(environment)
    """
    found = txn.get(b"n")
    return COUNT.unpack(found)[0] if found is not None and len(found) == COUNT.size else 0
