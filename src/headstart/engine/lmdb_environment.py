"""LMDB environments of this process: each file opened once, shared by threads, grown as needed, safe across forks.

LMDB (Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", LDAPCon 2011) keeps a copy-on-write B+ tree in a
memory map: a reader sees one committed state, a writer that is killed at any moment leaves the last committed one.
It asks of its users that a file is opened once a process, that the map is grown while nobody reads, and that a forked
child opens its own; this module is where that is kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import lmdb

__all__ = ["DAMAGE", "Environment", "acquire", "file_identity", "network_file_system", "release"]

T = TypeVar("T")

FIRST_MAP = 2**26  # address space, not disk; doubled when it is full
MAX_READERS = 1024
NETWORK = {
    "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "nfs",
    "nfs4", "smb3", "smbfs",
}  # fmt: skip
DAMAGE = (
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.CursorFullError,
    lmdb.PageFullError,
)


class Environment:
    """One LMDB environment; made by `acquire`, not by hand.

    Args:
        folder: the folder of ``data.mdb``, which exists.

    Attributes:
        lock: held by whoever reads or writes, so that the map is not moved under a reader of another thread.

    Examples:
        >>> import tempfile
        >>> environment = acquire(Path(tempfile.mkdtemp()))
        >>> environment.write(lambda txn: txn.put(b"a", b"1"))
        True
        >>> environment.read(lambda txn: bytes(txn.get(b"a")))
        b'1'
        >>> release(environment)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.users = 0
        self.process = os.getpid()
        # Without metasync a commit waits for the disk once instead of twice, and the file stays sound all the same.
        self._env = lmdb.open(str(folder), map_size=FIRST_MAP, max_readers=MAX_READERS, metasync=False, create=False)
        self.identity = file_identity(folder)
        try:
            self._env.reader_check()  # slots of killed readers would keep old pages from being used again
            self._run(lambda _: self._cover_map(), write=True)  # so that nobody else appends meanwhile
        except lmdb.Error:
            self._env.close()
            raise

    def _cover_map(self) -> None:
        """Where the file was cut, let its end be zeros: touching a map beyond its file would kill the process."""
        path = self.folder / "data.mdb"
        size = (self._env.info()["last_pgno"] + 1) * self._env.stat()["psize"]
        if path.stat().st_size < size:
            os.truncate(path, size)

    @property
    def in_place(self) -> bool:
        """Whether the file that is open is still the one at its place."""
        return file_identity(self.folder) == self.identity

    def read(self, job: Callable[[Any], T]) -> T:
        """What ``job`` gives of a read transaction with buffers, which are gone when it returns."""
        return self._run(job, write=False)

    def write(self, job: Callable[[Any], T]) -> T:
        """Run ``job`` in a write transaction and commit it; it may run again after the map has grown.

        It outlives the process at once; if the machine itself stops, the last commit may be lost, and nothing else.
        """
        return self._run(job, write=True)

    def _run(self, job: Callable[[Any], T], *, write: bool) -> T:
        with self.lock:
            while True:
                try:
                    with self._env.begin(write=write, buffers=True) as txn:
                        return job(txn)
                except lmdb.MapFullError:
                    self._env.set_mapsize(2 * self._env.info()["map_size"])
                except lmdb.MapResizedError:
                    self._env.set_mapsize(0)  # another process has grown it
                except lmdb.ReadersFullError:
                    if not self._env.reader_check():  # none of them was killed
                        raise

    def abandon(self) -> None:
        """Close it in a forked child, which may not touch the file."""
        self._env.close()

    def close(self) -> None:
        """Wait until all is on the disk, and close it; called by `release`."""
        with suppress(lmdb.Error):  # what was written was written as well as it could be
            self._env.sync(True)
        self._env.close()


def file_identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of an environment's file, or None where there is none.

    Examples:
        >>> file_identity(Path("nowhere")) is None
        True
    """
    try:
        about = (folder / "data.mdb").stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def network_file_system(folder: Path) -> str | None:
    """The type of the network file system that a folder is on, where LMDB's locks and maps do not hold; else None.

    Known on Linux only.

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
_opened: dict[tuple[int, int], Environment] = {}


def acquire(folder: Path) -> Environment:
    """The environment in ``folder``, opened if this process has not yet.

    Args:
        folder: an existing folder; ``data.mdb`` is made where it is missing.

    Raises:
        lmdb.Error: if it cannot be opened; those of `DAMAGE` where the file is no sound LMDB file.
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
        environment = _opened.get(identity) if identity is not None else None
        if environment is None:
            environment = Environment(folder)
            if environment.identity is None:
                environment.close()
                raise FileNotFoundError(f"'{folder}' was removed while it was opened")
            _opened[environment.identity] = environment
        environment.users += 1
        return environment


def release(environment: Environment) -> None:
    """Give back what `acquire` gave; the last one closes it.

    Args:
        environment: the environment; one of before a fork is left alone.

    Examples:
        >>> import tempfile
        >>> release(acquire(Path(tempfile.mkdtemp())))
    """
    if environment.process != os.getpid():
        return
    with _guard:
        environment.users -= 1
        if environment.users == 0:
            _opened.pop(environment.identity or (0, 0), None)
            with environment.lock:
                environment.close()


def _before_fork() -> None:
    _guard.acquire()
    for environment in _opened.values():
        environment.lock.acquire()


def _after_fork() -> None:
    for environment in _opened.values():
        environment.lock.release()
    _guard.release()


def _after_fork_in_child() -> None:
    """A child may not use its parent's environments; LMDB knows by the process id that they are not its own."""
    for environment in _opened.values():
        environment.abandon()
        environment.lock.release()
    _opened.clear()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
