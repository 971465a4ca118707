"""The body cache: a body's facts, the record of its backend and its converted form, kept between processes."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from headstart.engine.cache.folder import entry_folder, make_room, mark_used
from headstart.errors import ModelFolderError, SaveError
from headstart.io import atomic_file, atomic_folder, make_folder, read_json, remove_leftovers, write_json, write_reason

__all__ = ["FORMAT", "BodyCache"]

FORMAT = 1  # raise it when the meaning of anything kept here changes
CHUNK = 2**22  # bytes read at a time


class BodyCache:
    """The cache folder of one body. An entry is complete or absent, even if a process is killed while writing it.

    Several processes may write the same entry at once: each writes its own copy, and the last one wins. A cache that
    cannot be read counts as empty.

    Args:
        key: the recipe's key; None for a body that no later process can open, of which nothing is cached.

    Attributes:
        problem: why the last entry could not be written; empty if it was.

    Examples:
        >>> BodyCache(None).read("facts") is None
        True
    """

    def __init__(self, key: str | None) -> None:
        self._folder = None if key is None else entry_folder("body", key)
        self.problem = ""

    def read(self, name: str) -> dict[str, Any] | None:
        """The entry ``name``, or None if there is no readable one."""
        if self._folder is None:
            return None
        try:
            kept = read_json(self._folder / f"{name}.json")
            value = kept.get("value")
            return value if isinstance(value, dict) and kept.get("sum") == _json_sum(value) else None
        except (ModelFolderError, OSError):
            return None

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Store an entry of plain JSON values."""
        if self._folder is None:
            return
        try:
            with atomic_file(self._folder / f"{name}.json") as path:
                write_json(path, {"value": value, "sum": _json_sum(value)})
        except SaveError as error:
            self._note_problem(error)

    def read_folder(self, name: str) -> Path | None:
        """The stored folder ``name``, or None unless all its files are as they were written."""
        folder = None if self._folder is None else self._folder / name
        if folder is None:
            return None
        try:
            sums = read_json(folder / "sums.json")
            intact = all(_sum(folder / file) == sums[file] for file in sums)
        except (ModelFolderError, OSError):
            return None
        mark_used(folder.parent)
        return folder if intact else None

    def write_folder(self, name: str, fill: Callable[[Path], None], size: int) -> Path | None:
        """Store the files, about ``size`` bytes, that ``fill`` writes into a folder; None if there is no room."""
        if self._folder is None:
            return None
        if make_room(size, keep=self._folder) < size:
            self._note_problem(OSError("the cache is full; HEADSTART_CACHE_LIMIT sets its size"))
            return None
        try:
            make_folder(self._folder)
            remove_leftovers(self._folder / name)
            with atomic_folder(self._folder / name) as scratch:
                fill(scratch)
                write_json(scratch / "sums.json", {path.name: _sum(path) for path in scratch.iterdir()})
        except (SaveError, OSError) as error:
            if self.read_folder(name) is None:  # otherwise another process has stored the same files
                self._note_problem(error)
        return self.read_folder(name)

    def remove(self, name: str) -> None:
        """Delete an entry."""
        if self._folder is not None:
            try:
                (self._folder / f"{name}.json").unlink(missing_ok=True)
            except OSError as error:
                self._note_problem(error)
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _note_problem(self, error: Exception) -> None:
        cause = error.__cause__ or error
        reason = str(cause) if self._folder is None else write_reason(cause, self._folder)
        self.problem = f"it could not be cached in '{self._folder}' ({reason})"


def _json_sum(value: Mapping[str, Any]) -> int:
    """CRC-32 of the format and the value, so an entry in another format does not match."""
    return zlib.crc32(json.dumps([FORMAT, value], sort_keys=True).encode())


def _sum(path: Path) -> list[int]:
    """Size and CRC-32: they detect a file that a crash cut short, but not tampering."""
    total, size = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total = zlib.crc32(chunk, total)
            size += len(chunk)
    return [size, total]
