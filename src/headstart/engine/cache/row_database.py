"""SQLite databases of feature rows: each opened once per process, shared by threads and processes, safe across forks.

SQLite's rollback journal keeps a file intact when a writer is killed, and several processes may read and write it. The
file is not memory-mapped, so a truncated or damaged file gives an error and never a signal (a damaged page of a mapped
file would kill the process). SQLite requires that a forked child opens its own connection; this module ensures it.

Each row has its own CRC-32, so no write waits for the disk (``synchronous = OFF``). A written row survives the end of
the process. If the machine itself crashes, the file may be damaged; that is detected and the rows are computed again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

__all__ = [
    "FILE",
    "RowDatabase",
    "acquire",
    "file_identity",
    "is_damage",
    "is_lmdb_file",
    "network_file_system",
    "release",
]

T = TypeVar("T")

FILE = "data.mdb"  # the name that LMDB files of earlier releases had, so that these are found and replaced
LAYOUT = 1  # raise it when the layout of the file changes
PATIENCE_SECONDS = 60.0  # to wait for another process that writes
NETWORK = {
    "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "nfs",
    "nfs4", "smb3", "smbfs",
}  # fmt: skip
# Errors about the location of a file (full, locked, forbidden); every other error means that the file is damaged.
PLACE = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_ABORT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_TOOBIG,
}  # fmt: skip
SETTINGS = (
    "page_size = 8192",
    "mmap_size = 0",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "temp_store = MEMORY",
    "cache_size = -16384",
    "synchronous = OFF",
    "journal_mode = TRUNCATE",
)
TABLE = "CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY NOT NULL, shape BLOB NOT NULL, numbers BLOB NOT NULL)"
LMDB_MAGIC = b"\xde\xc0\xef\xbe"
_left_behind: list[sqlite3.Connection] = []  # inherited by a fork: closing one would touch the parent's locks


def is_damage(error: sqlite3.Error, folder: Path) -> bool:
    """Whether an error means that the file itself is damaged, not that its location is full or forbidden.

    Args:
        error: what SQLite raised.
        folder: where the file is.

    Examples:
        >>> is_damage(sqlite3.DatabaseError("malformed"), Path("anywhere"))
        True
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code in (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS):
        return True
    if code & 0xFF == sqlite3.SQLITE_READONLY:  # a damaged header gives this code too
        return (
            code != sqlite3.SQLITE_READONLY_DBMOVED and os.access(folder, os.W_OK) and os.access(folder / FILE, os.W_OK)
        )
    return code & 0xFF not in PLACE


class RowDatabase:
    """One open database. Use `acquire` instead of the constructor.

    Args:
        folder: the folder of its file, which exists.

    Attributes:
        lock: held while reading or writing, because a connection serves one thread at a time.

    Examples:
        >>> import tempfile
        >>> database = acquire(Path(tempfile.mkdtemp()))
        >>> database.write(lambda link: link.execute("INSERT INTO rows VALUES (x'61', x'62', x'63')").rowcount)
        1
        >>> database.read(lambda link: link.execute("SELECT numbers FROM rows").fetchall())
        [(b'c',)]
        >>> release(database)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.users = 0
        self.process = os.getpid()
        os.close(os.open(folder / FILE, os.O_CREAT | os.O_RDWR, 0o600))  # only the owner may read rows
        self._connection = sqlite3.connect(
            folder / FILE, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            with _readable_errors():
                for setting in SETTINGS:
                    self._connection.execute(f"PRAGMA {setting}").close()
                version = self._connection.execute("PRAGMA user_version").fetchone()
            if version != (LAYOUT,):
                self.write(_create_table)
        except BaseException:
            self._connection.close()
            raise
        self.identity = file_identity(folder)

    @property
    def in_place(self) -> bool:
        """Whether the open file is still the one at its path."""
        return file_identity(self.folder) == self.identity

    def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The result of ``job`` on the connection."""
        with self.lock, _readable_errors():
            return job(self._connection)

    def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``job`` in a transaction and commit it."""
        with self.lock, _readable_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                done = job(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the error may have ended the transaction already
                    self._connection.execute("ROLLBACK")
                raise
            return done

    def abandon(self) -> None:
        """In a forked child, keep the connection open and unused: it belongs to the parent."""
        _left_behind.append(self._connection)

    def close(self) -> None:
        """Close it and flush the file to disk; called by `release`."""
        with suppress(sqlite3.Error):  # every row is checked when it is read
            self._connection.close()
        with suppress(OSError), (self.folder / FILE).open("rb") as file:
            os.fsync(file.fileno())


@contextmanager
def _readable_errors() -> Iterator[None]:
    """SQLite's message about a damaged file may quote bytes that are not text."""
    try:
        yield
    except UnicodeError as error:
        raise sqlite3.DatabaseError("database disk image is malformed") from error


def _create_table(connection: sqlite3.Connection) -> None:
    version, tables = (
        connection.execute("PRAGMA user_version").fetchone(),
        connection.execute("SELECT * FROM sqlite_master").fetchall(),
    )
    if version not in ((0,), (LAYOUT,)) or (version == (0,) and tables):
        raise sqlite3.DatabaseError("it is not a database of feature rows")
    connection.execute(TABLE)
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def file_identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a database's file, or None if there is no file.

    Examples:
        >>> file_identity(Path("nowhere")) is None
        True
    """
    try:
        about = (folder / FILE).stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def is_lmdb_file(folder: Path) -> bool:
    """Whether the file is in the LMDB format of earlier releases.

    Examples:
        >>> is_lmdb_file(Path("nowhere"))
        False
    """
    if file_identity(folder) in _opened:  # closing a second handle would release this process's POSIX locks
        return False
    try:
        with (folder / FILE).open("rb") as file:
            return file.read(20)[16:] == LMDB_MAGIC
    except OSError:
        return False


def network_file_system(folder: Path) -> str | None:
    """The type of the network file system that holds a folder, or None; file locks are unreliable on those.

    Detected on Linux only.

    Examples:
        >>> network_file_system(Path("/proc")) is None
        True
    """
    device = folder.stat().st_dev
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in mounts:
        place, _, kind = line.partition(" - ")
        if place.split()[2] == f"{os.major(device)}:{os.minor(device)}" and kind.split()[0] in NETWORK:
            return kind.split()[0]
    return None


_guard = threading.RLock()
_opened: dict[tuple[int, int], RowDatabase] = {}


def acquire(folder: Path) -> RowDatabase:
    """The database in ``folder``, opened once per process.

    Args:
        folder: an existing folder; the file is created if missing.

    Raises:
        sqlite3.Error: if it cannot be opened; `is_damage` tells whether the file is damaged.
        OSError: if its file cannot be reached.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> first, second = acquire(folder), acquire(folder)
        >>> first is second
        True
        >>> release(first), release(second)
        (None, None)
    """
    with _guard:
        identity = file_identity(folder)
        database = _opened.get(identity) if identity is not None else None
        if database is None:
            database = RowDatabase(folder)
            if database.identity is None:
                database.close()
                raise FileNotFoundError(f"'{folder}' was removed while it was opened")
            _opened[database.identity] = database
        database.users += 1
        return database


def release(database: RowDatabase) -> None:
    """Release a database from `acquire`; the last user closes it.

    Args:
        database: the database; one that was opened before a fork is left alone.

    Examples:
        >>> import tempfile
        >>> release(acquire(Path(tempfile.mkdtemp())))
    """
    if database.process != os.getpid():
        return
    with _guard:
        database.users -= 1
        if database.users == 0:
            _opened.pop(database.identity or (0, 0), None)
            with database.lock:
                database.close()


def _before_fork() -> None:
    """Hold every lock during the fork, so that no transaction is half done in the child's copy."""
    _guard.acquire()
    for database in _opened.values():
        database.lock.acquire()


def _after_fork() -> None:
    for database in _opened.values():
        database.lock.release()
    _guard.release()


def _after_fork_in_child() -> None:
    """A child must not use its parent's connections; they stay open and unused."""
    for database in _opened.values():
        database.abandon()
        database.lock.release()
    _opened.clear()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
