"""What is kept of a body between processes: its facts, how it runs best here, and its converted form."""

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
CHUNK = 2**22


class BodyCache:
    """A folder of one body in the cache; everything in it is complete or absent, whatever process was killed.

    Several processes may write the same entry at once: each writes its own copy and the last one stays. A cache that
    cannot be read or written counts as empty.

    Args:
        key: the recipe's key; None for a body that no later process can open, of which nothing is kept.

    Attributes:
        problem: why the last entry could not be written, or nothing.

    Examples:
        >>> BodyCache(None).read("facts") is None
        True
    """

    def __init__(self, key: str | None) -> None:
        self._folder = None if key is None else entry_folder("body", key)
        self.problem = ""

    def read(self, name: str) -> dict[str, Any] | None:
        """The entry ``name``, or None where there is none that can be read."""
        if self._folder is None:
            return None
        try:
            kept = read_json(self._folder / f"{name}.json")
            value = kept.get("value")
            return value if isinstance(value, dict) and kept.get("sum") == _json_sum(value) else None
        except (ModelFolderError, OSError):
            return None

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep an entry of plain JSON values."""
        if self._folder is None:
            return
        try:
            with atomic_file(self._folder / f"{name}.json") as path:
                write_json(path, {"value": value, "sum": _json_sum(value)})
        except SaveError as error:
            self._say(error)

    def read_folder(self, name: str) -> Path | None:
        """The kept folder ``name`` with all its files as they were written, or None."""
        folder = None if self._folder is None else self._folder / name
        if folder is None:
            return None
        try:
            sums = read_json(folder / "sums.json")
            whole = all(_sum(folder / file) == sums[file] for file in sums)
        except (ModelFolderError, OSError):
            return None
        mark_used(folder.parent)
        return folder if whole else None

    def write_folder(self, name: str, fill: Callable[[Path], None], size: int) -> Path | None:
        """Keep the files, of about ``size`` bytes, that ``fill`` writes into a folder; None where there is no room."""
        if self._folder is None:
            return None
        if make_room(size, keep=self._folder) < size:
            self._say(OSError("the cache is full; HEADSTART_CACHE_LIMIT sets its size"))
            return None
        try:
            make_folder(self._folder)
            remove_leftovers(self._folder / name)
            with atomic_folder(self._folder / name) as scratch:
                fill(scratch)
                write_json(scratch / "sums.json", {path.name: _sum(path) for path in scratch.iterdir()})
        except (SaveError, OSError) as error:
            if self.read_folder(name) is None:  # else another process was a moment faster
                self._say(error)
        return self.read_folder(name)

    def remove(self, name: str) -> None:
        """Forget an entry."""
        if self._folder is not None:
            try:
                (self._folder / f"{name}.json").unlink(missing_ok=True)
            except OSError as error:
                self._say(error)
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _say(self, error: Exception) -> None:
        reason = error.__cause__ or error
        said = str(reason) if self._folder is None else write_reason(reason, self._folder)
        self.problem = f"nothing of it could be kept in '{self._folder}' ({said})"


def _json_sum(value: Mapping[str, Any]) -> int:
    """CRC-32 of the format and the value: another release's entry counts as none."""
    return zlib.crc32(json.dumps([FORMAT, value], sort_keys=True).encode())


def _sum(path: Path) -> list[int]:
    """Size and CRC-32: what a crash of the machine leaves of a file is told from the file; tampering is not."""
    total, size = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total = zlib.crc32(chunk, total)
            size += len(chunk)
    return [size, total]
