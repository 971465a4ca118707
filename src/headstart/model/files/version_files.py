"""Where the versions of a run folder are: the fit itself is version 1, later ones are complete models below it.

``RUN/versions/N/`` holds version N > 1, and the file ``RUN/current`` names the one that is in force, with the log of
what moved it. It is replaced by one rename, so a reader sees the old version or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from headstart.errors import ModelFolderError, NoModelError
from headstart.io import read_json
from headstart.model.files.pointer import (
    FIRST,
    POINTER,
    VERSION_FILE,
    VERSIONS,
    Pointer,
    base_of,
    examine_pointer,
    listed,
    not_a_model,
    read_pointer,
    versions_there,
    write_pointer,
)

__all__ = [
    "FEEDBACK_FILE",
    "FIRST",
    "POINTER",
    "VERSIONS",
    "VERSION_FILE",
    "Pointer",
    "base_of",
    "examine_pointer",
    "never_in_force",
    "next_number",
    "numbers_of",
    "read_pointer",
    "version_folder",
    "write_pointer",
]

FEEDBACK_FILE = "feedback.db"
"""Where a server keeps corrections by default: it is in the run folder, and belongs to no version."""


def numbers_of(run: Path) -> list[int]:
    """The numbers of the versions that are there and are or were in force, ascending.

    Args:
        run: the run folder.

    Examples:
        >>> numbers_of(Path("nowhere"))
        []
    """
    return _sorted_out(run)[0]


def never_in_force(run: Path) -> list[int]:
    """The numbers of complete folders of versions that nothing put in force, ascending.

    The process that wrote such a version was killed before it could, or somebody copied the folder to there.

    Args:
        run: the run folder.

    Examples:
        >>> never_in_force(Path("nowhere"))
        []
    """
    return _sorted_out(run)[1]


def _sorted_out(run: Path) -> tuple[list[int], list[int]]:
    pointer, problem = examine_pointer(run)
    there = [number for number in versions_there(run) if number not in pointer.purged]
    sure = not problem and os.path.lexists(run / POINTER)
    ever = _ever_in_force(run, pointer, there) if sure else set(there)
    return [number for number in there if number in ever], [number for number in there if number not in ever]


def _ever_in_force(run: Path, pointer: Pointer, there: Sequence[int]) -> set[int]:
    if pointer.versions is not None:
        return {FIRST, pointer.version, *pointer.versions}
    # A release that did not note them: those that a move names, and those that these were made from.
    moved = {move[side] for move in pointer.moves for side in ("from", "to") if isinstance(move.get(side), int)}
    found, waiting = {FIRST}, [pointer.version, *moved]
    while waiting:
        number = waiting.pop()
        if number in found or number not in there:
            continue
        found.add(number)
        base = base_of(run, number)
        if base is None or base in pointer.purged:  # what came before cannot be followed
            return set(there)
        waiting.append(base)
    return found


def next_number(run: Path, pointer: Pointer) -> int:
    """The number of the version that is written next.

    That of a version that was never in force is used again, unless its folder was copied from another one.

    Args:
        run: the run folder.
        pointer: its content of ``current``.

    Examples:
        >>> next_number(Path("nowhere"), Pointer())
        2
    """
    number = max([FIRST, *numbers_of(run), *pointer.purged, *(pointer.versions or ())]) + 1
    while not _is_free(run / VERSIONS / str(number), number):
        number += 1
    return number


def _is_free(place: Path, number: int) -> bool:
    if not os.path.lexists(place):
        return True
    try:
        return not place.is_symlink() and read_json(place / VERSION_FILE).get("version") == number
    except ModelFolderError:
        return False


def version_folder(run: Path, version: int | None = None) -> Path:
    """The folder of a version of a run; the run folder itself for the first one.

    Args:
        run: a run folder, or any other folder of a model, which has one version.
        version: its number; None for the one that is in force.

    Raises:
        NoModelError: if there is no version of this number.
        ModelFolderError: if the version is outside of the folder, or the one in force is asked for and ``current`` is
            damaged.

    Examples:
        >>> version_folder(Path("nowhere"))
        PosixPath('nowhere')
        >>> version_folder(Path("nowhere"), 2)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not a model folder (there is no such folder); ...
    """
    pointer, problem = examine_pointer(run)
    if version is None and problem:
        raise ModelFolderError(problem)
    number = pointer.version if version is None else version
    if number == FIRST and FIRST not in pointer.purged:
        return run
    there = numbers_of(run)
    if number not in there:
        if not there:
            raise NoModelError(not_a_model(run))
        deleted = ", which was deleted with the items that it knew" if number in pointer.purged else ""
        raise NoModelError(f"'{run}' has no version {number}{deleted}; its versions are {listed(there)}.")
    place = run / VERSIONS / str(number)
    if not place.resolve().is_relative_to(run.resolve()):
        raise ModelFolderError(
            f"'{place}' is a link to '{place.resolve()}', outside the run folder; replace it by a copy."
        )
    return place
