"""Where the versions of a run folder are: the fit itself is version 1, later ones are complete models below it.

``RUN/versions/N/`` holds version N > 1, and the file ``RUN/current`` names the one that is in force, with the log of
what moved it. It is replaced by one rename, so a reader sees the old version or the new one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import ModelFolderError, NoModelError, SaveError
from headstart.io import is_file, read_json, sync_folder, write_json, write_reason

__all__ = [
    "FEEDBACK_FILE",
    "FIRST",
    "POINTER",
    "VERSION_FILE",
    "Pointer",
    "numbers_of",
    "read_pointer",
    "version_folder",
    "write_pointer",
]

FIRST = 1
"""The number of the version that the fit itself wrote."""
POINTER = "current"
VERSIONS = "versions"
VERSION_FILE = "version.json"
FEEDBACK_FILE = "feedback.db"
"""Where a server keeps corrections by default: it is in the run folder, and belongs to no version."""
LONGEST = 6  # digits of a number


@dataclass(frozen=True)
class Pointer:
    """The content of the file ``current``.

    Attributes:
        version: the number of the version that is in force.
        moves: what moved it, oldest first; each has ``when``, ``what``, ``from`` and ``to``.
        purged: numbers of versions that were deleted, because they knew items that had to be forgotten.
        unfinished: those of them of which files may be left, because the process was killed.

    Examples:
        >>> Pointer().version
        1
    """

    version: int = FIRST
    moves: Sequence[Mapping[str, Any]] = ()
    purged: tuple[int, ...] = ()
    unfinished: tuple[int, ...] = ()


def read_pointer(run: Path) -> Pointer:
    """Which version of a run folder is in force; the first where there are no others.

    Args:
        run: the run folder.

    Raises:
        ModelFolderError: if the file is damaged.

    Examples:
        >>> read_pointer(Path("nowhere")).version
        1
    """
    if not os.path.lexists(run / POINTER):
        return Pointer()
    found = read_json(run / POINTER)
    version, moves, purged = found.get("version"), found.get("moves", []), found.get("purged", [])
    unfinished = found.get("unfinished", [])
    numbers = [version, *purged, *unfinished] if isinstance(purged, list) and isinstance(unfinished, list) else [None]
    if not all(_is_number(number) for number in numbers):
        raise ModelFolderError(
            f"'{run}/{POINTER}' must name a version by its number. Got {version!r:.40}; write one of "
            f"{_listed(_there(run))} there."
        )
    if not isinstance(moves, list) or not all(isinstance(move, dict) for move in moves):
        raise ModelFolderError(f"'{run}/{POINTER}' is damaged: its moves are no list of objects; remove them.")
    return Pointer(int(str(version)), moves, tuple(purged), tuple(unfinished))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and FIRST <= value < 10**LONGEST


def write_pointer(run: Path, pointer: Pointer) -> None:
    """Put a version in force, by one rename.

    Args:
        run: the run folder.
        pointer: the new content.

    Raises:
        SaveError: if it cannot be written; the version in force stays.

    Examples:
        >>> import tempfile
        >>> run = Path(tempfile.mkdtemp())
        >>> write_pointer(run, Pointer(3))
        >>> read_pointer(run).version
        3
    """
    scratch = run / f".{POINTER}.{secrets.token_hex(8)}"
    try:
        write_json(
            scratch,
            {
                "version": pointer.version, "moves": pointer.moves, "purged": list(pointer.purged),
                "unfinished": list(pointer.unfinished),
            },
        )  # fmt: skip
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        scratch.replace(run / POINTER)
        sync_folder(run)
    except OSError as error:
        raise SaveError(
            f"Cannot write '{run}/{POINTER}': {write_reason(error, run)}; the version in force stays."
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def numbers_of(run: Path) -> list[int]:
    """The numbers of the versions that are there, ascending.

    Args:
        run: the run folder.

    Raises:
        ModelFolderError: if the file ``current`` is damaged.

    Examples:
        >>> numbers_of(Path("nowhere"))
        []
    """
    purged = set(read_pointer(run).purged)
    return [number for number in _there(run) if number not in purged]


def _there(run: Path) -> list[int]:
    first = [FIRST] if is_file(run / "config.json") else []
    try:
        names = [place.name for place in (run / VERSIONS).iterdir() if is_file(place / "config.json")]
    except OSError:  # there is no such folder
        return first
    later = [int(name) for name in names if name.isascii() and name.isdecimal() and len(name) <= LONGEST]
    return sorted({*first, *(number for number in later if number > FIRST)})


def version_folder(run: Path, version: int | None = None) -> Path:
    """The folder of a version of a run; the run folder itself for the first one.

    Args:
        run: a run folder, or any other folder of a model, which has one version.
        version: its number; None for the one that is in force.

    Raises:
        NoModelError: if there is no version of this number.
        ModelFolderError: if the run folder names a version that it does not hold, or one outside of it.

    Examples:
        >>> version_folder(Path("nowhere"))
        PosixPath('nowhere')
        >>> version_folder(Path("nowhere"), 2)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not a model folder (it has no config.json); ...
    """
    pointer = read_pointer(run)
    number = pointer.version if version is None else version
    if number == FIRST and FIRST not in pointer.purged:
        return run
    there = numbers_of(run)
    if number not in there:
        if not there:
            raise NoModelError(
                f"'{run}' is not a model folder (it has no config.json); give one that 'headstart fit' wrote."
            )
        deleted = ", which was deleted with the items that it knew" if number in pointer.purged else ""
        known = f"its versions are {_listed(there)}"
        if version is not None:
            raise NoModelError(f"'{run}' has no version {number}{deleted}; {known}.")
        raise ModelFolderError(f"'{run}' names version {number}, which is missing{deleted}; {known}: roll back to one.")
    place = run / VERSIONS / str(number)
    if not place.resolve().is_relative_to(run.resolve()):
        raise ModelFolderError(
            f"'{place}' is a link to '{place.resolve()}', outside the run folder; replace it by a copy."
        )
    return place


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
