"""The journal of a search: one JSON object per line, appended and flushed, from which a killed search goes on.

The first line says which search it is. A line that a killed process did not finish is cut off. Every line is checked
when the file is opened: it is a file that anyone may have changed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import SaveError, UsageError
from headstart.io.disk import write_reason
from headstart.io.locks import exclusive_lock

__all__ = ["Journal", "open_journal"]

Entry = dict[str, Any]
MOST_BYTES = 64 * 2**20  # of a file, some 300,000 tries
MOST = sys.float_info.max
SHOWN = 40  # characters of a value in a message
TRY = {"point", "loss", "seconds", "note", "elapsed"}
PASSED_OVER = {"point", "passed over", "elapsed"}
REMEMBERED = {"remembered", "value"}


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
        >>> Journal(place, {"seed": 1}).append({"point": [0, 2], "passed over": True, "elapsed": 0.5})
        >>> Journal(place, {"seed": 1}).earlier
        [{'point': [0, 2], 'passed over': True, 'elapsed': 0.5}]
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
        lines, whole, size = _whole_lines(path, header)
        if lines:
            _check_header(path, lines[0], header)
        for entry in lines[1:]:
            if not _is_entry(entry):
                raise _no_journal(path)
            if "remembered" in entry:
                self.memory[entry["remembered"]] = entry["value"]
            else:
                self.earlier.append(entry)
        if whole < size:
            with path.open("r+b") as file:
                file.truncate(whole)
        if not lines:
            self._write(dict(header))

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry; it is on disk when this returns."""
        self._write(dict(entry))

    def remember(self, key: str, make: Callable[[], Any], is_valid: Callable[[Any], bool] | None = None) -> Any:
        """The value of a name, computed only where the journal does not hold it.

        Args:
            key: the name.
            make: computes the value, which JSON can hold.
            is_valid: whether a value that the file held can be one of `make`, as the file may have been changed; None
                for no check.

        Raises:
            UsageError: if it cannot.
        """
        if key not in self.memory:
            self.memory[key] = json.loads(json.dumps(make()))
            self._write({"remembered": key, "value": self.memory[key]})
        elif self._path is not None and is_valid is not None and not is_valid(self.memory[key]):
            raise _no_journal(self._path)
        return self.memory[key]

    def remove(self) -> None:
        """Remove the file, once the run holds the tries."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, entry: Entry) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SaveError(f"Cannot write '{self._path}': {write_reason(error, self._path)}.") from error


def _no_journal(path: Path) -> UsageError:
    return UsageError(f"'{path}' is no journal of a search; remove it, or name another run folder with --out.")


def _whole_lines(path: Path, header: Mapping[str, Any]) -> tuple[list[Entry], int, int]:
    """The lines of a file that were finished, how many bytes they have, and how many the file has."""
    if not path.exists():
        return [], 0, 0
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise _no_journal(path)
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and not _line(header).startswith(data):  # of another program, and to be kept
        raise _no_journal(path)
    try:
        found = [json.loads(line, parse_constant=_refuse) for line in whole.decode("utf-8").split("\n")[:-1]]
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        raise _no_journal(path) from None
    if not all(isinstance(entry, dict) for entry in found):
        raise _no_journal(path)
    return found, len(whole), len(data)


def _refuse(name: str) -> None:
    raise ValueError(name)


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(dict(entry)) + "\n").encode()


def _is_entry(entry: Entry) -> bool:
    """Whether an entry has the fields that a search writes, with values of their types."""
    if entry.keys() == REMEMBERED:
        return isinstance(entry["remembered"], str)
    if entry.keys() not in (TRY, PASSED_OVER) or not _is_point(entry["point"]) or not _is_time(entry["elapsed"]):
        return False
    if "passed over" in entry:
        return entry["passed over"] is True
    fits = entry["loss"] is None or _is_number(entry["loss"])
    return fits and _is_time(entry["seconds"]) and isinstance(entry["note"], str)


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and all(type(k) is int and k >= 0 for k in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -MOST <= value <= MOST


def _is_time(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _check_header(path: Path, found: Entry, wanted: Mapping[str, Any]) -> None:
    expected = json.loads(json.dumps(dict(wanted)))
    if found == expected:
        return
    differing = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    key = differing[0]
    raise UsageError(
        f"'{path}' is the journal of another search ({key} {_short(found.get(key))} instead of "
        f"{_short(expected.get(key))}); repeat its command to go on with it, remove the file to begin anew, or name "
        "another run folder with --out."
    )


def _short(value: Any) -> str:
    words = str(value)
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


@contextmanager
def open_journal(path: Path | None, header: Mapping[str, Any]) -> Iterator[Journal]:
    """A journal that no other process writes while the block runs.

    An exception that leaves the block gets a note on what the file holds. The lock file stays: another process may wait
    for it at that moment.

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
    lock = path.with_name(f".{path.name}.lock")
    with exclusive_lock(lock, f"Another process goes on with the search of '{path}'; wait until it has ended."):
        journal = Journal(path, header)
        try:
            yield journal
        except BaseException as error:
            if path.exists():
                error.add_note(f"the same command goes on with the search, whose tries so far are in '{path}'")
            raise
