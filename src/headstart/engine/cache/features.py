"""The feature store: rows of features by the content of their items, kept between runs and shared by processes."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.engine.cache.folder import TRASH, cache_limit, entry_folder, make_room, mark_used, write_about
from headstart.engine.cache.row_database import (
    RowDatabase,
    acquire,
    file_identity,
    is_damage,
    is_lmdb_file,
    network_file_system,
    release,
)
from headstart.engine.cache.row_format import count_rows, iter_rows, write_rows
from headstart.io import make_folder, write_reason
from headstart.types import FeatureMatrix

__all__ = ["FeatureStore", "Keys", "StoredRows", "open_store", "stored_rows"]

T = TypeVar("T")
Keys = Sequence[bytes | None] | NDArray[np.uint8]
StoredRows = FeatureMatrix | list[FeatureMatrix]

WINDOW = 4096  # keys that one read transaction looks up
LEASE_SHARE = 50  # the size of the cache is looked at again after each 1/50 of the limit
OVERHEAD_BYTES = 128  # of an item in the tree, pages that are half full included
USED_SECONDS = 60.0
TRIES = 3


class FeatureStore:
    """Rows of features of one body, by digests of items.

    Several threads and processes may read and write the same store at once. Each `put` is one transaction and at most
    one is in flight: a process that is killed at any moment loses at most that one, and a row that comes back is the
    row that was put, or it is missing. A store never stops the work: where it cannot be read or written (no permission,
    a full disk, a damaged file, the cache's limit) it goes on with what still works and says so in ``notes``.

    Args:
        folder: the folder of the store, made where it is missing.
        about: what the rows are, as plain values (source, form, width): shown by ``headstart cache info``.

    Attributes:
        folder: as given.

    Raises:
        ParameterError: if the environment variable HEADSTART_CACHE_LIMIT is no size.

    Examples:
        >>> import tempfile
        >>> with FeatureStore(Path(tempfile.mkdtemp()), {"source": "toy"}) as store:
        ...     store.put([b"a" * 16, b"b" * 16], np.float32([[1, 2], [3, 4]]))
        ...     found, rows = store.get([b"b" * 16, b"c" * 16])
        >>> found, rows
        (array([ True, False]), array([[3., 4.]], dtype=float32))
    """

    def __init__(self, folder: Path, about: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self._notes: list[str] = []
        self._about = dict(about or {})
        self._limit = cache_limit()
        self._lease = 0
        self._readable = self._writable = True
        self._used_at = -math.inf
        self._damaged = 0
        self._process = os.getpid()
        self._own_lock = threading.RLock()
        self._database: RowDatabase | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._in_flight: Future[None] | None = None
        self._try(lambda _: None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notes(self) -> list[str]:
        """What went wrong until now, in one sentence each; empty as a rule."""
        self.flush()
        if not self._damaged:
            return list(self._notes)
        what = "1 row was" if self._damaged == 1 else f"{self._damaged} rows were"
        return [*self._notes, f"In the feature store '{self.folder.name}' {what} damaged, and computed again."]

    def count(self) -> int:
        """How many items the store has rows of."""
        self.flush()
        return self._try(lambda database: database.read(count_rows), 0)

    def flush(self) -> None:
        """Wait until everything that was put is written."""
        with self._lock:
            in_flight = self._in_flight
        if in_flight is not None:
            in_flight.result()

    def close(self) -> None:
        """Write what is in flight and let go of the file."""
        self.flush()
        with self._lock:
            if self._writer is not None:
                self._writer.shutdown(wait=False)
            self._writer = self._in_flight = None
            self._let_go()
            self._readable = self._writable = False

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], StoredRows]:
        """The rows of the items that the store has.

        Args:
            keys: n digests; None is never found. An array (n, 16) of uint8 serves as well.

        Returns:
            found (n,), and the rows of those that were found, in the order of the keys: (found.sum(), width), or a
            list of (k, width) arrays where several rows were put for an item.
        """
        self.flush()
        names = _names(keys)
        parts = [self._look_up(names[begin : begin + WINDOW]) for begin in range(0, max(1, len(names)), WINDOW)]
        if len({_form(rows) for _, rows in parts if len(rows)}) > 1:
            self._try(_of_several_forms, None)
            return np.zeros(len(names), bool), np.empty((0, 0), np.float32)
        return np.concatenate([mask for mask, _ in parts]), _joined([rows for _, rows in parts])

    def _look_up(self, names: list[bytes]) -> tuple[NDArray[np.bool_], StoredRows]:
        nothing: tuple[NDArray[np.bool_], StoredRows] = np.zeros(len(names), bool), np.empty((0, 0), np.float32)
        found, rows, damaged = self._try(
            lambda database: database.read(lambda connection: _copy_rows(connection, names)), (*nothing, 0)
        )
        self._damaged += damaged
        return found, rows

    def put(self, keys: Keys, rows: StoredRows) -> None:
        """Keep rows; those that are there already stay as they are.

        They are copied and written by a thread, so that the caller need not wait for the disk but for the `put` before.

        Args:
            keys: n digests; the row of a None is not kept.
            rows: (n, width) of float32 or float64, or n arrays (k, width).
        """
        names = _names(keys)
        kept = [position for position, name in enumerate(names) if name]
        if not kept or not self._writable:
            return
        own, arrays = [names[k] for k in kept], [np.array(rows[k]) for k in kept]
        self.flush()
        with self._lock:
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="headstart-store")
            self._in_flight = self._writer.submit(self._write, own, arrays)

    def _write(self, names: list[bytes], rows: list[FeatureMatrix]) -> None:
        wanted = sum(row.nbytes + OVERHEAD_BYTES for row in rows)

        def job(database: RowDatabase) -> None:
            if self._has_room(wanted):
                database.write(lambda connection: write_rows(connection, names, rows))

        self._try(job, None, put=True)

    @property
    def _lock(self) -> threading.RLock:
        if self._process != os.getpid():  # a fork: the lock may have been held by a thread that is not here
            self._process, self._own_lock = os.getpid(), threading.RLock()
            self._database = self._writer = self._in_flight = None
        return self._own_lock

    def _has_room(self, wanted: int) -> bool:
        """Take ``wanted`` bytes from a lease on the cache's room, which is renewed now and then."""
        if not self._writable:
            return False
        if wanted > self._lease:
            lease = max(wanted, self._limit // LEASE_SHARE)
            self._lease = min(lease, make_room(lease, limit=self._limit, keep=self.folder))
        if wanted > self._lease:
            self._writable = False
            self._notes.append(
                f"The cache is full: it may take {self._limit / 2**30:.3g} GiB, which these rows fill, so that no more "
                "of them are kept; allow more with the environment variable HEADSTART_CACHE_LIMIT, such as 50GB."
            )
            return False
        self._lease -= wanted
        return True

    def _try(self, job: Callable[[RowDatabase], T], default: T, *, put: bool = False) -> T:
        """What ``job`` gives; where the store fails, the default, a note, and no more of what failed."""
        with self._lock:
            for _ in range(TRIES if self._readable else 0):
                try:
                    return job(self._ready())
                except sqlite3.Error as error:
                    problem = self._after(error)
                except (OSError, MemoryError) as error:
                    problem = error
                if problem is not None:
                    self._give_up(problem, put=put and self._database is not None)
                    break
            return default

    def _ready(self) -> RowDatabase:
        """The database, opened again where a fork or a removal of its folder left another one behind."""
        if self._database is not None and not self._database.in_place:
            self._let_go()
        if self._database is None:
            self._database = self._open()
        if time.monotonic() - self._used_at > USED_SECONDS:
            self._used_at = time.monotonic()
            mark_used(self.folder)
        return self._database

    def _open(self) -> RowDatabase:
        for left in reversed(range(TRIES)):
            try:
                make_folder(self.folder)
                shared = network_file_system(self.folder)
                if shared is not None:
                    raise OSError(
                        f"it is on a network file system ({shared}), where several machines would spoil it; name a "
                        "folder on a disk of this machine with the environment variable HEADSTART_CACHE"
                    )
                write_about(self.folder, self._about)
                if is_lmdb_file(self.folder):
                    self._move_away()
                    continue
                return acquire(self.folder)
            except (sqlite3.Error, OSError):
                if not left or self.folder.is_dir():  # else another process has just removed it
                    raise
        raise AssertionError("the last try returns or raises")

    def _let_go(self) -> None:
        if self._database is not None:
            release(self._database)
        self._database = None

    def _after(self, error: sqlite3.Error) -> Exception | None:
        """What keeps the store from going on after an error; None where it can be tried again."""
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_DBMOVED:  # removed in this moment
            self._let_go()
            return None
        return self._set_aside(error) if is_damage(error, self.folder) else error

    def _move_away(self) -> None:
        self.folder.rename(self.folder.with_name(f"{TRASH}{self.folder.name}-{uuid.uuid4().hex[:8]}"))

    def _set_aside(self, damage: Exception) -> Exception | None:
        """Move a damaged store away, unless another process was faster; what kept it from going is returned."""
        broken = file_identity(self.folder) if self._database is None else self._database.identity
        self._let_go()
        if file_identity(self.folder) != broken:
            return None
        try:
            self._move_away()
        except OSError as error:
            return error
        self._notes.append(
            f"The feature store '{self.folder.name}' was damaged ({damage}) and is begun anew; its rows are "
            "computed again."
        )
        return None

    def _give_up(self, error: Exception, *, put: bool) -> None:
        self._writable = False
        self._readable = put
        consequence = "no more rows are kept" if put else "rows are neither looked up nor kept"
        reason = write_reason(error, self.folder)
        self._notes.append(f"The feature store '{self.folder}' cannot be used: {reason}; {consequence}.")


def _names(keys: Keys) -> list[bytes]:
    if isinstance(keys, np.ndarray):
        raw, size = np.ascontiguousarray(keys, np.uint8).tobytes(), keys.shape[1]
        return [raw[begin : begin + size] for begin in range(0, len(raw), size)]
    return [key or b"" for key in keys]


def _copy_rows(connection: sqlite3.Connection, names: list[bytes]) -> tuple[NDArray[np.bool_], StoredRows, int]:
    """Which of the names are found, their rows, and how many of them are damaged; a body's rows are of one form."""
    found = np.zeros(len(names), bool)
    rows: FeatureMatrix | None = None
    several: dict[int, FeatureMatrix] = {}
    damaged = 0
    for position, row in iter_rows(connection, names):
        if row is None:
            damaged += 1
            continue
        if row.ndim == 2:
            several[position] = row.copy()
        else:
            rows = np.empty((len(names), len(row)), row.dtype) if rows is None else rows
            if row.shape != rows.shape[1:] or row.dtype != rows.dtype:
                _of_several_forms()
            rows[position] = row
        found[position] = True
    if several and rows is not None:
        _of_several_forms()
    if several:
        return found, [several[position] for position in sorted(several)], damaged
    return found, np.empty((0, 0), np.float32) if rows is None else rows[found], damaged


def _form(rows: StoredRows) -> tuple[Any, ...]:
    return ("several",) if isinstance(rows, list) else (rows.shape[1], rows.dtype)


def _of_several_forms(*_: RowDatabase) -> None:
    raise sqlite3.DatabaseError("rows of several forms, where a body gives one")


def _joined(parts: list[StoredRows]) -> StoredRows:
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return some[0] if some else parts[0]
    if isinstance(some[0], list):
        return [row for part in some for row in part]
    return np.concatenate(some)


def open_store(key: str, about: Mapping[str, Any] | None = None) -> FeatureStore:
    """The store of the rows that one body gives, in the cache folder.

    Args:
        key: digest of body, preprocessing and form.
        about: as in `FeatureStore`.

    Raises:
        ParameterError: if the environment variable HEADSTART_CACHE_LIMIT is no size.

    Examples:
        >>> with open_store("doctest", {"source": "toy"}) as store:
        ...     store.notes
        []
    """
    return FeatureStore(entry_folder("features", key), about)


def stored_rows(folder: Path) -> int | None:
    """How many items a store has rows of; None where it cannot be read.

    Examples:
        >>> stored_rows(Path("nowhere")) is None
        True
    """
    if file_identity(folder) is None:
        return None
    try:
        database = acquire(folder)
    except (sqlite3.Error, OSError):
        return None
    try:
        return database.read(count_rows)
    except (sqlite3.Error, OSError):
        return None
    finally:
        release(database)
