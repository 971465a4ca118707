"""The journal of a search: one JSON object per line, appended and flushed, from which a killed search goes on.

The first line says which search it is. A line that a killed process did not finish is cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import SaveError, UsageError
from headstart.io.disk import write_reason
from headstart.io.locks import exclusive_lock

__all__ = ["Journal", "open_journal"]

Entry = dict[str, Any]


class Journal:
    """Entries of a search, in memory and in a file where there is one.

    Args:
        path: of the file; None for a search that is not resumed.
        header: which search it is; a file of another one is refused.

    Attributes:
        earlier: the entries that the file held when it was opened.
        memory: values that a method asked to be remembered, by name.

    Raises:
        UsageError: if the file is the journal of another search, or no journal.
        SaveError: if it cannot be written.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "run.search.jsonl"
        >>> Journal(place, {"seed": 1}).append({"point": [0, 2], "loss": 0.5})
        >>> Journal(place, {"seed": 1}).earlier
        [{'point': [0, 2], 'loss': 0.5}]
        >>> Journal(place, {"seed": 2})
        Traceback (most recent call last):
        headstart.errors.UsageError: '...' is the journal of another search (seed 1 instead of 2); ...
    """

    def __init__(self, path: Path | None, header: Mapping[str, Any]) -> None:
        self._path = path
        self.earlier: list[Entry] = []
        self.memory: dict[str, Any] = {}
        if path is None:
            return
        lines = _whole_lines(path)
        if not lines:
            self._write(dict(header))
            return
        _check_header(path, lines[0], header)
        for entry in lines[1:]:
            if "remembered" in entry:
                self.memory[entry["remembered"]] = entry["value"]
            else:
                self.earlier.append(entry)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry; it is on disk when this returns."""
        self._write(dict(entry))

    def remember(self, key: str, make: Callable[[], Any]) -> Any:
        """The value of a name, computed only where the journal does not hold it."""
        if key not in self.memory:
            self.memory[key] = json.loads(json.dumps(make()))
            self._write({"remembered": key, "value": self.memory[key]})
        return self.memory[key]

    def _write(self, entry: Entry) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SaveError(f"Cannot write '{self._path}': {write_reason(error, self._path)}.") from error


def _whole_lines(path: Path) -> list[Entry]:
    """The entries of a file; what a killed process left unfinished is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    try:
        found = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
    except ValueError:
        found = [None]
    if not all(isinstance(entry, dict) for entry in found):
        raise UsageError(f"'{path}' is no journal of a search; remove it, or name another run folder with --out.")
    return found


def _check_header(path: Path, found: Entry, wanted: Mapping[str, Any]) -> None:
    expected = json.loads(json.dumps(dict(wanted)))
    if found == expected:
        return
    differing = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    key = differing[0]
    raise UsageError(
        f"'{path}' is the journal of another search ({key} {found.get(key)} instead of {expected.get(key)}); repeat "
        "its command to go on with it, remove the file to begin anew, or name another run folder with --out."
    )


@contextmanager
def open_journal(path: Path | None, header: Mapping[str, Any]) -> Iterator[Journal]:
    """A journal that no other process writes while the block runs.

    Args:
        path: of the file, or None for none.
        header: which search it is.

    Raises:
        SaveError: if another process writes it.

    Examples:
        >>> with open_journal(None, {}) as journal:
        ...     journal.remember("pilot", lambda: (1, 2))
        [1, 2]
    """
    if path is None:
        yield Journal(None, header)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock")
    with exclusive_lock(lock, f"Another process goes on with the search of '{path}'; wait until it has ended."):
        try:
            yield Journal(path, header)
        finally:
            lock.unlink(missing_ok=True)
