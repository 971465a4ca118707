"""One folder for all that a run of the tests writes: removed at its end, or by the next run if this one was killed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

PREFIX, LOCK = "hs-tests-", "in-use"  # short: sockets below it have at most 107 bytes in their name


class PrivateFolder:
    """A new folder in the temporary folder that says, by a lock that ends with the process, that it is in use.

    Attributes:
        path: the folder.
    """

    def __init__(self, parent: Path) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
        # locked before it has its name, so that no other run finds it unlocked
        self._lock = (self.path / "new").open("wb")
        lock_now(self._lock)
        (self.path / "new").rename(self.path / LOCK)

    def remove(self, *, but: str = "") -> None:
        """Remove the folder, or all of it except the folder ``but`` in it, which the next run removes."""
        stays = {but, LOCK} if but and (self.path / but).is_dir() else set()
        self._lock.close()
        for inside in [path for path in self.path.iterdir() if path.name not in stays]:
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside, ignore_errors=True)
            else:
                inside.unlink(missing_ok=True)
        if not stays:
            shutil.rmtree(self.path, ignore_errors=True)


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove the folders of runs that have ended; returns those that were removed."""
    removed = []
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        try:
            with (folder / LOCK).open("rb") as lock:
                lock_now(lock)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
        except OSError:  # in use, being made or removed just now, or another user's
            continue
    return removed


def lock_now(file: IO[bytes]) -> None:
    """Lock a file until it is closed or the process ends; OSError if another process holds it."""
    if sys.platform == "win32":  # an open file can't be removed there, which serves as well
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def use_for_temporary_files(folder: Path) -> None:
    """Make ``folder`` the temporary folder of this process and of those that it starts."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        os.environ[name] = str(folder)
    tempfile.tempdir = str(folder)
