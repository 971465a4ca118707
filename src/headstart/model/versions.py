"""Versions of a run folder: an update is a complete model beside the earlier ones, and going back moves one name.

The files of the fit stay where they are and are version 1. A later version is a complete model folder
``RUN/versions/N/``, whose unchanged files are hard links, and ``RUN/current`` names the version in force. A version is
first written completely, then put in force by one rename: a process that is killed at any moment leaves the old version
or the new one. There is one writer at a time; readers need no lock.

What a server needs: `write_version` to keep a model that ``update`` or `headstart.model.Updater` made, `rollback` to go
back, `current_version` to see whether another process has put a version in force (it reads one small file), and
``TransferModel.load`` to open it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

from headstart.errors import ModelFolderError, UsageError
from headstart.io import (
    atomic_folder,
    exclusive_lock,
    file_digest,
    is_file,
    is_run,
    link_or_copy,
    read_json,
    remove_leftovers,
    sync_folder,
    write_json,
)
from headstart.model.files.deletion import certify, delete_version, missing_files
from headstart.model.files.fit_facts import fit_facts
from headstart.model.files.format import check_files
from headstart.model.files.version_files import (
    FIRST,
    POINTER,
    VERSION_FILE,
    VERSIONS,
    Pointer,
    base_of,
    examine_pointer,
    next_number,
    numbers_of,
    read_pointer,
    version_folder,
    write_pointer,
)
from headstart.model.files.writing import WritableModel

__all__ = ["Version", "current_version", "describe_version", "moves_of", "purge", "rollback", "versions_of",
           "write_version"]  # fmt: skip

FACTS = ("metrics.json", "manifest.json")  # of the fit: facts that every version keeps


@dataclass(frozen=True)
class Version:
    """A version of a run folder.

    Attributes:
        number: 1 for the fit.
        folder: its model folder.
        what: ``"fit"``, ``"update"``, ``"forget"`` or another word of the writer.
        when: when it was written, as ISO 8601 in UTC.
        digest: the sha256 digest of its ``config.json``, which holds those of all its other files.
        about: what its writer noted, such as ``base``, ``added``, ``removed`` and ``metrics``.
        in_force: whether it is the one that is opened.
        problem: what is wrong with its files, in one sentence; empty if all are there. Their digests are computed when
            the version is opened or put in force.

    Examples:
        >>> Version(1, Path("run"), "fit", "2026-05-01T12:00:00+00:00", "0" * 64).number
        1
    """

    number: int
    folder: Path
    what: str
    when: str
    digest: str
    about: Mapping[str, Any] = field(default_factory=dict, compare=False)
    in_force: bool = False
    problem: str = ""


def current_version(run: str | Path) -> int:
    """The number of the version that is in force; 1 for a folder without others.

    Args:
        run: the run folder.

    Raises:
        ModelFolderError: if the file ``current`` is damaged.

    Examples:
        >>> current_version("nowhere")
        1
    """
    return read_pointer(Path(run)).version


def versions_of(run: str | Path) -> list[Version]:
    """The versions of a run folder that are or were in force, oldest first; what is wrong with one stands in it.

    Args:
        run: the run folder.

    Raises:
        NoModelError: if the folder is not a model.

    Examples:
        >>> versions_of("nowhere")
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not a model folder (there is no such folder); ...
    """
    run = Path(run)
    numbers = numbers_of(run)
    if not numbers:
        version_folder(run, FIRST + 1)  # raises: it is not a model folder
    in_force = examine_pointer(run)[0].version
    return [_described(run, number, in_force) for number in numbers]


def describe_version(run: str | Path, number: int | None = None) -> Version:
    """One version of a run folder.

    Args:
        run: the run folder.
        number: its number; default: the one in force.

    Raises:
        NoModelError: if there is none of this number.
        ModelFolderError: if the one in force is asked for, and it cannot be told which one that is.

    Examples:
        >>> describe_version("nowhere", 3)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not a model folder (there is no such folder); ...
    """
    run = Path(run)
    in_force = examine_pointer(run)[0].version if number is not None else read_pointer(run).version
    number = in_force if number is None else number
    if number not in numbers_of(run):
        version_folder(run, number if number != FIRST else FIRST + 1)  # raises
    return _described(run, number, in_force)


def _described(run: Path, number: int, in_force: int) -> Version:
    folder, digest, about, problem = run if number == FIRST else run / VERSIONS / str(number), "", {}, ""
    try:
        folder = version_folder(run, number)
        problem = missing_files(folder)
        digest = file_digest(folder / "config.json")
        about = fit_facts(folder) if number == FIRST else read_json(folder / VERSION_FILE)
    except ModelFolderError as error:
        problem = problem or str(error)
    if number > FIRST and in_force and not os.path.lexists(run / POINTER):
        problem = problem or (
            "Nothing says that it was ever in force: the process that wrote it was killed, or the file "
            f"'{run / POINTER}' was deleted; 'headstart rollback {quote(str(run))} {number}' puts it in force."
        )
    what = "fit" if number == FIRST else "update"
    return Version(
        number, folder, str(about.get("what", what)), str(about.get("when", "")), digest, about, number == in_force,
        problem,
    )  # fmt: skip


def moves_of(run: str | Path) -> list[Mapping[str, Any]]:
    """What put versions in force or deleted them, oldest first; each has ``when``, ``what``, ``from`` and ``to``.

    Args:
        run: the run folder.

    Examples:
        >>> moves_of("nowhere")
        []
    """
    return list(examine_pointer(Path(run))[0].moves)


@contextmanager
def _writing(run: Path) -> Iterator[bool]:
    """One writer of a run folder; what an interrupted deletion left is removed first, and it is said whether."""
    if not is_run(run):
        version_folder(run, FIRST + 1)  # raises: it is not a model folder
    busy = f"Another process is writing a version of '{run}'; try again when it is done."
    with exclusive_lock(run / ".lock", busy):
        yield _finish_purging(run)


def write_version(
    run: str | Path,
    model: WritableModel,
    about: Mapping[str, Any],
    *,
    base: int | None = None,
    write_more: Callable[[Path], None] | None = None,
    without: Sequence[int] = (),
) -> Version:
    """Write a model as the next version of a run folder, and put it in force.

    Args:
        run: the run folder.
        model: the new model. If it was made from a version of this run, its body is linked, not written again.
        about: what is noted of it: ``what`` (``"update"``, ``"forget"``), and any other JSON values.
        base: the version that it was made from; default: the one in force. If another one is in force by now, nothing
            is written.
        write_more: writes further files into the folder of the version.
        without: numbers of versions that are deleted as `purge` does; from the moment on in which the new one is in
            force, none of them can be opened.

    Returns:
        The version.

    Raises:
        NoModelError: if the folder is not a run.
        SaveError: if it cannot be written, or another process is writing; the version in force stays.
        UsageError: if another version than ``base`` is in force.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, ["low"] * 3 + ["high"] * 3
        >>> run = headstart.fit((rows, labels * 3), baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> model = headstart.load(run).update([[1.0]], ["middle"])
        >>> write_version(run, model, {"what": "update"}).number, current_version(run)
        (2, 2)
        >>> headstart.load(run).task.labels, headstart.load(run, version=1).task.labels
        (('high', 'low', 'middle'), ('high', 'low'))
    """
    run = Path(run)
    with _writing(run):
        pointer = read_pointer(run)
        if base is not None and base != pointer.version:
            raise UsageError(
                f"Version {pointer.version} of '{run}' is in force by now, but the new one was made from version "
                f"{base}; make it again from version {pointer.version}."
            )
        ever = {FIRST, pointer.version, *numbers_of(run), *(pointer.versions or ())}
        if pointer.versions is None:  # noted first, so that a version which nothing put in force is known as one
            write_pointer(run, replace(pointer, versions=tuple(sorted(ever))))
        number = next_number(run, replace(pointer, purged=(*pointer.purged, *without)))
        old, place = version_folder(run), run / VERSIONS / str(number)
        remove_leftovers(place)
        with atomic_folder(place) as scratch:
            model.write(scratch, like=model.folder if _shares_body(run, model) else None)
            for name in FACTS:
                if is_file(old / name):
                    link_or_copy(old / name, scratch / name)
            note = {"version": number, "base": pointer.version, "when": _now(), **about}
            write_json(scratch / VERSION_FILE, note)
            if write_more is not None:
                write_more(scratch)
        sync_folder(place.parent)
        made = replace(pointer, version=number, versions=tuple(sorted({*ever, number})))
        write_pointer(run, _purging(made, without) if without else made)
        _finish_purging(run)
    return describe_version(run, number)


def _shares_body(run: Path, model: WritableModel) -> bool:
    """Whether a model was opened from a version of this run, whose body it therefore has."""
    folder = model.folder
    return folder is not None and is_file(folder / "config.json") and folder.resolve().is_relative_to(run.resolve())


def rollback(run: str | Path, number: int | None = None) -> Version:
    """Put an earlier version in force again; no file of a model is written, so it is the same to the byte.

    Where the file ``current`` is damaged, a number puts it right: a damaged file or folder is kept as
    ``current.damaged``.

    Args:
        run: the run folder.
        number: the version; default: the one that the version in force was made from.

    Returns:
        The version that is in force now.

    Raises:
        NoModelError: if there is no such version, or the folder is not a run.
        UsageError: if there is none before the first, or the version is in force already.
        ModelFolderError: if the version is damaged; the one in force stays. Without a number, if ``current`` is.
        SaveError: if it cannot be written, or another process is writing.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, ["low"] * 3 + ["high"] * 3
        >>> run = headstart.fit((rows, labels * 3), baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> _ = write_version(run, headstart.load(run).update([[1.0]], ["middle"]), {"what": "update"})
        >>> rollback(run).number, headstart.load(run).task.labels
        (1, ('high', 'low'))
    """
    run = Path(run)
    with _writing(run) as finished:
        pointer, problem = examine_pointer(run)
        if problem and number is None:
            raise ModelFolderError(problem)
        wanted = _base_of(run, pointer) if number is None else number
        place = version_folder(run, wanted)
        if wanted == pointer.version:
            if finished:  # a deletion that was interrupted: that was what there was to do
                return describe_version(run, wanted)
            raise UsageError(f"Version {wanted} of '{run}' is in force already; name another with 'rollback RUN N'.")
        _check_whole(place)
        what = "repair" if problem else "rollback"
        move = {"when": _now(), "what": what, "from": pointer.version or None, "to": wanted}
        versions = pointer.versions if pointer.versions and not problem else tuple(numbers_of(run))
        write_pointer(run, replace(pointer, version=wanted, moves=[*pointer.moves, move], versions=versions))
    return describe_version(run, wanted)


def _check_whole(folder: Path) -> None:
    """Raise unless every file of a version is there and as it was written."""
    try:
        check_files(folder, read_json(folder / "config.json"))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelFolderError(f"'{folder}' is damaged ({error}), so it was not put in force.") from error


def _base_of(run: Path, pointer: Pointer) -> int:
    if pointer.version == FIRST:
        raise UsageError(
            f"Version 1 of '{run}' is in force, and there is none before it; name one with 'rollback RUN N'."
        )
    base = base_of(run, pointer.version)
    others = [number for number in numbers_of(run) if number != pointer.version]
    if not others:
        raise UsageError(f"'{run}' has no other version than {pointer.version}, so there is nothing to go back to.")
    if base is None or base not in others:
        raise UsageError(
            f"The version that version {pointer.version} of '{run}' was made from is not there; name one with "
            f"'rollback RUN N': {', '.join(map(str, others))}."
        )
    return base


def purge(run: str | Path, numbers: Sequence[int]) -> None:
    """Delete versions that must not be opened any more, such as those that knew forgotten items.

    Of the first version the report, the tables of items and the files of the model are deleted; labels and digests in
    its ``config.json`` stay. Files that are not of the run stay, too. If the process is killed, no deleted version can
    be opened, and the next writer deletes what is left of it.

    Args:
        run: the run folder.
        numbers: the versions, without the one in force.

    Raises:
        UsageError: if the version in force is among them.
        SaveError: if it cannot be written, a file cannot be deleted, or another process is writing.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, ["low"] * 3 + ["high"] * 3
        >>> run = headstart.fit((rows, labels * 3), baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> _ = write_version(run, headstart.load(run).forget([[0.0]], ["low"]), {"what": "forget"})
        >>> purge(run, [1])
        >>> [version.number for version in versions_of(run)], sorted(path.name for path in run.glob("[a-z]*"))
        ([2], ['config.json', 'current', 'versions'])
    """
    run = Path(run)
    with _writing(run):
        pointer = read_pointer(run)
        if pointer.version in numbers:
            raise UsageError(f"Version {pointer.version} of '{run}' is in force, so it cannot be deleted.")
        write_pointer(run, _purging(pointer, numbers))
        _finish_purging(run)


def _purging(pointer: Pointer, numbers: Sequence[int]) -> Pointer:
    """The pointer by which these versions cannot be opened any more, before their files are deleted."""
    gone, unfinished = {*pointer.purged, *numbers}, {*pointer.unfinished, *numbers}
    move = {"when": _now(), "what": "purge", "from": pointer.version, "to": pointer.version,
            "deleted": sorted(numbers)}  # fmt: skip
    return replace(
        pointer, purged=tuple(sorted(gone)), unfinished=tuple(sorted(unfinished)), moves=[*pointer.moves, move]
    )


def _finish_purging(run: Path) -> bool:
    """Delete the files of versions that are purged, and note that it is done; whether there was anything to do."""
    pointer, problem = examine_pointer(run)
    if problem or not pointer.unfinished:
        return False
    for number in pointer.unfinished:
        delete_version(run, number)
    certify(run, pointer.purged)
    write_pointer(run, replace(pointer, unfinished=()))
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
