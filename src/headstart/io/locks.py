"""A lock between processes that a killed process releases: one writer at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import SaveError
from headstart.io.disk import write_reason

__all__ = ["exclusive_lock"]

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive_lock(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file while the block runs; the system releases it when the process ends, however it ends.

    Args:
        path: the lock file; it is created, and stays.
        busy: the message if another process or thread holds the lock.

    Raises:
        SaveError: if the lock is held, or the file cannot be made.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / ".lock"
        >>> with exclusive_lock(place, "first"), exclusive_lock(place, "Another process writes here; try again."):
        ...     pass
        Traceback (most recent call last):
        headstart.errors.SaveError: Another process writes here; try again.
    """
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise SaveError(f"Cannot write '{path.parent}': {write_reason(error, path)}; nothing was changed.") from error
    try:
        try:
            _try_lock(file)
        except OSError as error:
            raise SaveError(busy) from error
        yield
    finally:
        os.close(file)
