"""What a version consists of, so that deleting it touches no file of the user, and certificates that say it is done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from headstart.errors import ModelFolderError, SaveError
from headstart.io import RUN_FILES, atomic_file, is_file, read_json, write_json
from headstart.model.files.version_files import FEEDBACK_FILE, FIRST, POINTER, VERSION_FILE, VERSIONS, numbers_of

__all__ = ["CERTIFICATE", "TO_PURGE", "certify", "delete_version", "files_of_others", "missing_files"]

CERTIFICATE = "certificate.json"
"""Of a version that forgot items."""
TO_PURGE = "The files of the versions in 'to_purge' are being deleted; 'purged' becomes true when that is done."
FOLDERS = frozenset({"body", "logs", VERSIONS})
FILES = (RUN_FILES - FOLDERS - {"config.json", POINTER}) | {VERSION_FILE, CERTIFICATE}
LOGS = ("candidates.csv", "training.csv", "events.out.tfevents.*")
REQUIRED = ("model.safetensors", "calibration.json")


def _named(folder: Path) -> list[str] | None:
    """The names of files whose digests the configuration holds, those inside the folder; None if it is unreadable."""
    try:
        digests = read_json(folder / "config.json").get("sha256")
    except ModelFolderError:
        return None
    if not isinstance(digests, dict):
        return None
    paths = {name: PurePosixPath(name.replace("\\", "/")) for name in digests}
    return [name for name, path in paths.items() if not path.is_absolute() and ".." not in path.parts]


def missing_files(folder: Path) -> str:
    """What is missing of a version, in one sentence; empty if all files are there. Their digests are not computed.

    Args:
        folder: the folder of the version.

    Raises:
        ModelFolderError: if its configuration cannot be read.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "config.json").write_text('{"sha256": {"model.safetensors": "0"}}')
        >>> missing_files(folder)[-31:]
        "/model.safetensors' is missing."
    """
    read_json(folder / "config.json")  # raises
    missing = [name for name in _named(folder) or REQUIRED if not is_file(folder / name)]
    if not missing:
        return ""
    more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
    return f"'{folder / missing[0]}'{more} missing."


def _listed(folder: Path) -> list[Path]:
    """The files of a version that are there, without its configuration."""
    names = _named(folder)
    found = [folder / name for name in sorted({*FILES, *(names or ())} - {"config.json", POINTER})]
    found += [path for pattern in LOGS for path in sorted((folder / "logs").glob(pattern))]
    if names is None:  # what belongs to the body is not known
        found += sorted((folder / "body").rglob("*"))
    root = folder.resolve()
    return [path for path in found if os.path.lexists(path) and path.parent.resolve().is_relative_to(root)]


def files_of_others(folder: Path) -> list[str]:
    """The names of what is in the folder of a version and not a part of it, such as a file of the user.

    Args:
        folder: the folder of the version; of the first one, the run folder.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("model.safetensors", "notes.txt"):
        ...     _ = (folder / name).write_text("")
        >>> files_of_others(folder)
        ['notes.txt']
    """
    ours = {folder / "config.json", folder / POINTER, *_listed(folder)}
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith((".", FEEDBACK_FILE)) or path.name == VERSIONS:
            continue
        inside = path.name in FOLDERS and path.is_dir() and not path.is_symlink()
        below = [one for one in path.rglob("*") if one.is_symlink() or not one.is_dir()] if inside else [path]
        found += [one.relative_to(folder).as_posix() for one in sorted(below) if one not in ours]
    return found


def delete_version(run: Path, number: int) -> None:
    """Delete the files of a version, and nothing else in its folder.

    Of the first one, ``config.json`` stays: without it the folder would be no run.

    Args:
        run: the run folder.
        number: of the version.

    Raises:
        SaveError: if a file cannot be deleted.

    Examples:
        >>> import tempfile
        >>> run = Path(tempfile.mkdtemp())
        >>> for name in ("config.json", "model.safetensors", "notes.txt"):
        ...     _ = (run / name).write_text("{}")
        >>> delete_version(run, 1)
        >>> sorted(path.name for path in run.iterdir())
        ['config.json', 'notes.txt']
    """
    folder = run if number == FIRST else run / VERSIONS / str(number)
    if folder.is_symlink() and number > FIRST:
        _delete(folder)
        return
    listed = _listed(folder)
    # without these the version is incomplete, whatever happens from here on
    for path in sorted(listed, key=lambda path: path.name not in REQUIRED):
        _delete(path)
    if number > FIRST:
        _delete(folder / "config.json")
    for place in ("body", "logs"):
        _remove_if_empty(folder / place)
    if number > FIRST:
        _remove_if_empty(folder)


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise SaveError(
            f"'{path}' of a deleted version cannot be removed ({error.strerror}); the version cannot be opened any "
            "more, and the next command that writes a version tries again."
        ) from error


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder and those below it that hold no files."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()


def certify(run: Path, gone: Sequence[int]) -> None:
    """Note in the certificates of a run that versions which had to be deleted are deleted.

    Args:
        run: the run folder.
        gone: numbers of versions without files.

    Raises:
        SaveError: if a certificate cannot be written.

    Examples:
        >>> certify(Path("nowhere"), [1])
    """
    for number in numbers_of(run):
        path = (run if number == FIRST else run / VERSIONS / str(number)) / CERTIFICATE
        if not is_file(path):
            continue
        try:
            found = read_json(path)
        except ModelFolderError:  # a damaged certificate says nothing
            continue
        waiting, stays = found.get("to_purge"), found.get("not_unlearned")
        if not isinstance(waiting, list) or not waiting or not all(one in gone for one in waiting):
            continue
        if isinstance(stays, list):
            found["not_unlearned"] = [one for one in stays if one != TO_PURGE]
        with atomic_file(path) as scratch:
            write_json(scratch, found | {"purged": True, "to_purge": []})
