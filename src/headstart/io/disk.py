"""Why a write failed, in plain words; a full disk is recognised in the error of any library."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["disk_is_full", "write_reason"]

FULL = {errno.ENOSPC, errno.EDQUOT}
# Messages for a full disk from libraries that give no error number: numpy, safetensors, pyarrow, SQLite, torch.
WORDS = re.compile(
    r"no space left|not enough space|disk (is )?full|quota exceeded|(os error|errno) (28|122)\b|"
    r"requested and \d+ written",
    re.IGNORECASE,
)
# Messages that may mean a full disk; they count only if no space is left.
VAGUE = re.compile(
    r"input/output error|i/o error|can't write|cannot write|could not write|failed to write", re.IGNORECASE
)
NOTHING_LEFT = 2**20  # bytes; file systems reserve a little space


def disk_is_full(error: BaseException, place: Path) -> bool:
    """Whether an error means that the disk is full or a quota is used up.

    Args:
        error: what a library raised.
        place: where it wrote.

    Examples:
        >>> disk_is_full(OSError(errno.ENOSPC, "No space left on device"), Path())
        True
        >>> disk_is_full(OSError(errno.EACCES, "Permission denied"), Path())
        False
    """
    for one in _chain(error):
        number = one.errno if isinstance(one, OSError) else None
        if number in FULL or WORDS.search(str(one)):
            return True
        if (number == errno.EIO or VAGUE.search(str(one))) and _free(place) < NOTHING_LEFT:
            return True
    return False


def write_reason(error: BaseException, place: Path) -> str:
    """Why a write failed: the system's message, or which disk is full and how much of it is free.

    Args:
        error: what a library raised.
        place: where it wrote.

    Examples:
        >>> write_reason(OSError(errno.EACCES, "Permission denied"), Path())
        'Permission denied'
    """
    if disk_is_full(error, place):
        there = _existing(place)
        free, total = _free(place), shutil.disk_usage(there).total
        quota = "" if free < 2**30 else ", so a quota may be used up"
        disk = f"the disk at '{_mount(there)}' is full"
        return f"No space left on device: {disk} ({_size(free)} of {_size(total)} are free{quota})"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = here.__cause__ or here.__context__


def _existing(place: Path) -> Path:
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if os.path.lexists(folder))


def _free(place: Path) -> int:
    try:
        return shutil.disk_usage(_existing(place)).free
    except OSError:
        return NOTHING_LEFT


def _mount(place: Path) -> Path:
    return next((folder for folder in (place, *place.parents) if folder.is_mount()), place)


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"
