"""The feature store: feature rows by the digest of their items' contents, kept between runs, shared by processes."""

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

__all__ = ["FeatureStore", "Keys", "StoredRows", "open_store", "store_exists", "stored_rows"]

T = TypeVar("T")
Keys = Sequence[bytes | None] | NDArray[np.uint8]
StoredRows = FeatureMatrix | list[FeatureMatrix]

WINDOW = 4096  # keys per read transaction
LEASE_SHARE = 50  # the size of the cache is measured again after writing 1/50 of the limit
OVERHEAD_BYTES = 128  # per item in the database, half-empty pages included
USED_SECONDS = 60.0  # at least this long between two updates of the time of last use
TRIES = 3  # attempts, if another process removes or replaces the store


class FeatureStore:
    """Feature rows of one body, by digests of items.

    Several threads and processes may read and write the same store at once. Each `put` is one transaction, and at most
    one is in flight, so a killed process loses at most that one. A row that is found is exactly the row that was put; a
    damaged row counts as missing. A store never stops the work: if it cannot be read or written (no permission, a full
    disk, a damaged file, the cache's limit), it continues with what still works and reports it in ``notes``.

    Args:
        folder: the folder of the store, created if missing.
        about: what the rows are, as plain JSON values (source, form, width): shown by ``headstart cache info``.

    Attributes:
        folder: as given.

    Raises:
        ParameterError: if the environment variable HEADSTART_CACHE_LIMIT is not a size.

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
        self._try(lambda _: None, None)  # open it now, so that a problem is noted even if nothing is looked up

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, one sentence each; usually empty."""
        self.flush()
        if not self._damaged:
            return list(self._notes)
        what = "1 row was" if self._damaged == 1 else f"{self._damaged} rows were"
        return [*self._notes, f"In the feature store '{self.folder.name}' {what} damaged and computed again."]

    def count(self) -> int:
        """How many items have rows in the store."""
        self.flush()
        return self._try(lambda database: database.read(count_rows), 0)

    def flush(self) -> None:
        """Wait until all rows that were put are written."""
        with self._lock:
            in_flight = self._in_flight
        if in_flight is not None:
            in_flight.result()

    def close(self) -> None:
        """Write pending rows and close the file."""
        self.flush()
        with self._lock:
            if self._writer is not None:
                self._writer.shutdown(wait=False)
            self._writer = self._in_flight = None
            self._release()
            self._readable = self._writable = False

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], StoredRows]:
        """Look up rows.

        Args:
            keys: n digests; None is never found. An array (n, 16) of uint8 works too.

        Returns:
            found (n,), and the rows of the items that were found, in the order of the keys: (found.sum(), width), or a
            list of (k, width) arrays if items have several rows.
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
        """Store rows; existing ones stay as they are.

        The rows are copied and written by a background thread, so the caller waits at most for the previous `put`.

        Args:
            keys: n digests; a row whose key is None is not stored.
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
        if self._process != os.getpid():  # after a fork: a thread that does not exist here may have held the lock
            self._process, self._own_lock = os.getpid(), threading.RLock()
            self._database = self._writer = self._in_flight = None
        return self._own_lock

    def _has_room(self, wanted: int) -> bool:
        """Reserve ``wanted`` bytes. Room is leased in larger amounts, because measuring the cache's size is slow."""
        if not self._writable:
            return False
        if wanted > self._lease:
            lease = max(wanted, self._limit // LEASE_SHARE)
            self._lease = min(lease, make_room(lease, limit=self._limit, keep=self.folder))
        if wanted > self._lease:
            self._writable = False
            self._notes.append(
                f"The cache is full (its limit is {self._limit / 2**30:.3g} GiB), so no more of these rows are kept; "
                "raise the limit with the environment variable HEADSTART_CACHE_LIMIT, such as 50GB."
            )
            return False
        self._lease -= wanted
        return True

    def _try(self, job: Callable[[RowDatabase], T], default: T, *, put: bool = False) -> T:
        """The result of ``job``; if the store fails, the default, with a note and without further attempts."""
        with self._lock:
            for _ in range(TRIES if self._readable else 0):
                try:
                    return job(self._ready())
                except sqlite3.Error as error:
                    problem = self._recover(error)
                except (OSError, MemoryError) as error:
                    problem = error
                if problem is not None:
                    self._give_up(problem, put=put and self._database is not None)
                    break
            return default

    def _ready(self) -> RowDatabase:
        """The database, reopened if a fork or the removal of its folder has left a stale one."""
        if self._database is not None and not self._database.in_place:
            self._release()
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
                        f"it is on a network file system ({shared}), where several machines would corrupt it; name a "
                        "folder on a disk of this machine with the environment variable HEADSTART_CACHE"
                    )
                write_about(self.folder, self._about)
                if is_lmdb_file(self.folder):
                    self._move_away()
                    continue
                return acquire(self.folder)
            except (sqlite3.Error, OSError):
                if not left or self.folder.is_dir():  # otherwise another process has just removed it: try again
                    raise
        raise AssertionError("the last try returns or raises")

    def _release(self) -> None:
        if self._database is not None:
            release(self._database)
        self._database = None

    def _recover(self, error: sqlite3.Error) -> Exception | None:
        """The error that stops the store; None if the operation can be tried again."""
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_DBMOVED:  # another process removed it
            self._release()
            return None
        return self._set_aside(error) if is_damage(error, self.folder) else error

    def _move_away(self) -> None:
        self.folder.rename(self.folder.with_name(f"{TRASH}{self.folder.name}-{uuid.uuid4().hex[:8]}"))

    def _set_aside(self, damage: Exception) -> Exception | None:
        """Move a damaged store away, unless another process already has; returns the error if that fails."""
        broken = file_identity(self.folder) if self._database is None else self._database.identity
        self._release()
        if file_identity(self.folder) != broken:
            return None
        try:
            self._move_away()
        except OSError as error:
            return error
        self._notes.append(
            f"The feature store '{self.folder.name}' was damaged ({damage}) and is replaced by a new one; its rows are "
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
    """A mask of the names that are found, their rows, and how many rows are damaged.

    All rows of a body have one layout: the same width and type, and either one or several rows per item.
    """
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
    raise sqlite3.DatabaseError("its rows differ in width or type")


def _joined(parts: list[StoredRows]) -> StoredRows:
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return some[0] if some else parts[0]
    if isinstance(some[0], list):
        return [row for part in some for row in part]
    return np.concatenate(some)


def open_store(key: str, about: Mapping[str, Any] | None = None) -> FeatureStore:
    """The feature store of one body, in the cache folder.

    Args:
        key: digest of body, preprocessing and form.
        about: as in `FeatureStore`.

    Raises:
        ParameterError: if the environment variable HEADSTART_CACHE_LIMIT is not a size.

    Examples:
        >>> with open_store("doctest", {"source": "toy"}) as store:
        ...     store.notes
        []
    """
    return FeatureStore(entry_folder("features", key), about)


def store_exists(key: str) -> bool:
    """Whether there is a feature store under a key; none is created.

    Args:
        key: as in `open_store`.

    Examples:
        >>> store_exists("no such key")
        False
    """
    return entry_folder("features", key).is_dir()


def stored_rows(folder: Path) -> int | None:
    """How many items have rows in a store; None if it cannot be read.

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
