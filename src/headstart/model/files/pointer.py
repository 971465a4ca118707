"""The file ``RUN/current``: which version is in force, what moved it, and what is wrong with it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any

from headstart.errors import ModelFolderError, SaveError
from headstart.io import is_file, link_or_copy, path_exists, read_json, sync_folder, write_json, write_reason

__all__ = [
    "FIRST", "POINTER", "VERSIONS", "VERSION_FILE", "Pointer", "base_of", "examine_pointer", "listed", "not_a_model",
    "read_pointer", "versions_there", "write_pointer",
]  # fmt: skip

FIRST = 1
"""The number of the version that the fit itself wrote."""
POINTER = "current"
VERSIONS = "versions"
VERSION_FILE = "version.json"
MISSING = "is missing"
LONGEST = 6  # digits of a number
LARGEST = 64 * 2**20  # bytes of the file `current`


@dataclass(frozen=True)
class Pointer:
    """The content of the file ``current``.

    Attributes:
        version: the number of the version that is in force; 0 where the file is damaged.
        moves: what moved it, oldest first; each has ``when``, ``what``, ``from`` and ``to``.
        purged: numbers of versions that were deleted, because they knew items that had to be forgotten.
        unfinished: those of them of which files may be left, because the process was killed.
        versions: numbers of the versions that are or were in force; None in a file of an earlier release.

    Examples:
        >>> Pointer().version
        1
    """

    version: int = FIRST
    moves: Sequence[Mapping[str, Any]] = ()
    purged: tuple[int, ...] = ()
    unfinished: tuple[int, ...] = ()
    versions: tuple[int, ...] | None = None


def read_pointer(run: Path) -> Pointer:
    """Which version of a run folder is in force; the first where there are no others.

    Args:
        run: the run folder.

    Raises:
        ModelFolderError: if the file is damaged or missing, or the version that it names is missing.

    Examples:
        >>> read_pointer(Path("nowhere")).version
        1
    """
    pointer, problem = examine_pointer(run)
    if problem:
        raise ModelFolderError(problem)
    return pointer


def examine_pointer(run: Path) -> tuple[Pointer, str]:
    """The pointer as far as it can be read, and what is wrong with it in one sentence; empty if nothing is.

    Args:
        run: the run folder.

    Examples:
        >>> examine_pointer(Path("nowhere"))[1]
        ''
    """
    found = _examined(run)
    return _examined(run) if found[1] else found  # another process may have moved it between two looks


def _examined(run: Path) -> tuple[Pointer, str]:
    content, reason = _content(run)
    if reason == MISSING and _may_be_unwritten(run):
        return Pointer(), ""
    purged, unfinished, versions = (_numbers_in(content, name) for name in ("purged", "unfinished", "versions"))
    moves, version = content.get("moves", []), content.get("version")
    if not isinstance(moves, list) or not all(isinstance(move, dict) for move in moves):
        moves, reason = [], reason or "holds moves that are no list of objects"
    if not reason and (purged is None or unfinished is None or versions is None or not _is_number(version)):
        reason = f"must name a version by its number, and names {version!r:.40}"
    number = int(str(version)) if not reason else 0
    pointer = Pointer(number, moves, purged or (), unfinished or (), versions if "versions" in content else None)
    if number and number not in pointer.purged and is_file(_place(run, number) / "config.json"):
        return pointer, ""
    there = versions_there(run)
    if not there:  # the folder is no run
        return Pointer(), ""
    deleted = ", which was deleted with the items that it knew" if number in pointer.purged else ""
    reason = reason or f"names version {number}, which is missing{deleted}"
    return replace(pointer, version=0), _sentence(run, reason, [one for one in there if one not in pointer.purged])


def _may_be_unwritten(run: Path) -> bool:
    """Whether a run folder without the file may never have had one.

    An earlier release that was killed in its first update left one complete folder, made from the first version.
    """
    later = [number for number in versions_there(run) if number > FIRST]
    return not later or (len(later) == 1 and base_of(run, later[0]) == FIRST)


def _sentence(run: Path, reason: str, left: Sequence[int]) -> str:
    if not left:
        return f"'{run / POINTER}' {reason}, and there is no other one; copy the folder again, or fit again."
    number, these = (left[0], "it") if len(left) == 1 else ("N", "one of them")
    return (
        f"'{run / POINTER}' {reason}; its versions are {listed(left)}: 'headstart rollback {quote(str(run))} "
        f"{number}' puts {these} in force."
    )


def _place(run: Path, number: int) -> Path:
    return run if number == FIRST else run / VERSIONS / str(number)


def _content(run: Path) -> tuple[dict[str, Any], str]:
    """The object in the file, and why it cannot be read; {} then."""
    place = run / POINTER
    reason = ""
    try:
        if not os.path.lexists(place):
            reason = MISSING
        elif place.is_dir():
            reason = "is a folder, not a file"
        elif place.is_symlink() and not place.resolve().is_relative_to(run.resolve()):
            reason = "is a link out of the run folder"
        elif not place.is_file():
            reason = "is no file that can be read"
        elif place.stat().st_size > LARGEST:
            reason = f"is larger than {LARGEST} bytes"
        elif not (content := place.read_bytes()).strip():
            reason = "is empty"
        else:
            found = json.loads(content.decode("utf-8"))
            return (found, "") if isinstance(found, dict) else ({}, "must hold a JSON object")
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
    except (ValueError, RecursionError) as error:
        reason = f"is not valid JSON ({error!s:.100})"
    return {}, reason


def _numbers_in(found: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    value = found.get(name, [])
    return tuple(value) if isinstance(value, list) and all(_is_number(number) for number in value) else None


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
        >>> (run / "versions" / "3").mkdir(parents=True)
        >>> _ = (run / "versions" / "3" / "config.json").write_text("{}")
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
                **({} if pointer.versions is None else {"versions": list(pointer.versions)}),
            },
        )  # fmt: skip
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        _set_aside(run)
        scratch.replace(run / POINTER)
        sync_folder(run)
    except OSError as error:
        raise SaveError(
            f"Cannot write '{run}/{POINTER}': {write_reason(error, run)}; the version in force stays."
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def _set_aside(run: Path) -> None:
    """Keep what is there instead of a pointer, such as a folder, under a name of its own; a link is only replaced."""
    place = run / POINTER
    if place.is_symlink() or not os.path.lexists(place) or not _content(run)[1]:
        return
    if place.is_file():
        if place.stat().st_size:
            link_or_copy(place, _free_name(run))
    elif place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    else:
        place.rename(_free_name(run))


def _free_name(run: Path) -> Path:
    names = (f"{POINTER}.damaged{f'-{k}' if k else ''}" for k in count())
    return next(run / name for name in names if not os.path.lexists(run / name))


def base_of(run: Path, number: int) -> int | None:
    """The number of the version that another one was made from; None where it is not known.

    Args:
        run: the run folder.
        number: of the version.

    Examples:
        >>> base_of(Path("nowhere"), 2) is None
        True
    """
    try:
        base = read_json(run / VERSIONS / str(number) / VERSION_FILE).get("base")
    except ModelFolderError:
        return None
    return base if isinstance(base, int) and not isinstance(base, bool) else None


def versions_there(run: Path) -> list[int]:
    """The numbers of all folders of versions, ascending, whatever the pointer says.

    Args:
        run: the run folder.

    Examples:
        >>> versions_there(Path("nowhere"))
        []
    """
    first = [FIRST] if is_file(run / "config.json") else []
    try:
        names = [place.name for place in (run / VERSIONS).iterdir() if is_file(place / "config.json")]
    except OSError:  # there is no such folder
        return first
    later = [int(name) for name in names if name.isascii() and name.isdecimal() and len(name) <= LONGEST]
    return sorted({*first, *(number for number in later if number > FIRST)})


def not_a_model(folder: Path) -> str:
    """What to say of a folder that no model can be opened from.

    Examples:
        >>> not_a_model(Path("nowhere"))
        "'nowhere' is not a model folder (there is no such folder); give one that 'headstart fit' wrote."
    """
    what = "it is a file" if is_file(folder) else "it has no config.json"
    if not path_exists(folder):
        what = "there is no such folder"
    return f"'{folder}' is not a model folder ({what}); give one that 'headstart fit' wrote."


def listed(numbers: Sequence[int]) -> str:
    """Numbers of versions, as messages list them.

    Examples:
        >>> listed([1, 2]), listed([])
        ('1, 2', 'none')
    """
    return ", ".join(map(str, numbers)) or "none"
