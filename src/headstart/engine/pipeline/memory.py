"""How much memory this process may still use, with the limits of containers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available_memory"]

HALF = 0.5  # of the total memory, if the system does not report how much is free


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be allocated without swapping: the free memory, or less under the limit of a container.

    Args:
        root: the folder of ``proc`` and ``sys``; for tests.

    Returns:
        The bytes, or None if the system does not report them.

    Examples:
        >>> free = available_memory()
        >>> free is None or free > 0
        True
    """
    free = [*_system(root), *_version_2(root), *_version_1(root)]
    return max(1, min(free)) if free else None


def _system(root: Path) -> Iterator[int]:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    if hasattr(os, "sysconf") and root == Path("/"):
        try:
            yield int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * HALF)
        except (OSError, ValueError):  # a name that this system does not know
            return


def _version_2(root: Path) -> Iterator[int]:
    """Control groups, version 2: each parent group may set a limit too."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            group = root / "sys/fs/cgroup" / line[3:].strip().lstrip("/")
            for folder in (group, *group.parents):
                yield from _left(folder, "memory.max", "memory.current", "inactive_file")
                if folder == root / "sys/fs/cgroup":
                    break


def _version_1(root: Path) -> Iterator[int]:
    folder = root / "sys/fs/cgroup/memory"
    yield from _left(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _left(folder: Path, limit: str, used: str, cached: str) -> Iterator[int]:
    most, now = _read(folder / limit).strip(), _read(folder / used).strip()
    if most.isdecimal() and now.isdecimal():
        words = (line.split() for line in _read(folder / "memory.stat").splitlines())
        # The page cache counts as used, but the kernel frees it on demand.
        freeable = next((int(pair[1]) for pair in words if pair[0] == cached), 0)
        yield int(most) - int(now) + freeable


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
