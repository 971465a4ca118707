"""Atomic writes: a file or folder appears complete or not at all, with the default permissions of new ones."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import HeadstartError, SaveError
from headstart.io.cache_place import is_private, make_folder
from headstart.io.disk import disk_is_full, write_reason

__all__ = [
    "atomic_file", "atomic_folder", "check_writable", "follow_umask", "is_running", "link_or_copy", "remove_leftovers",
    "sync_folder",
]  # fmt: skip


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A scratch folder that replaces ``target`` if the block succeeds and is removed otherwise.

    A process that is killed at any moment leaves the previous ``target`` or none, never a partial one.

    Args:
        target: the folder to create or replace.

    Yields:
        The scratch folder, on the same file system as the target.

    Raises:
        SaveError: if writing fails, for instance because the disk is full.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "run"
        >>> with atomic_folder(place) as scratch:
        ...     _ = (scratch / "a.txt").write_text("done")
        >>> (place / "a.txt").read_text()
        'done'
    """
    scratch: Path | None = None
    try:
        make_folder(target.parent)
        scratch = target.parent / f"{_partial(target)}{secrets.token_hex(8)}"
        make_folder(scratch)  # unlike tempfile, this gives the default permissions of new folders
        yield scratch
        follow_umask(scratch)
        _swap(scratch, target)
    except HeadstartError:
        raise
    except Exception as error:
        raise _save_error(error, target, "folder") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A scratch file that replaces ``target`` if the block succeeds and is removed otherwise.

    Args:
        target: the file to create or replace; missing parent folders are created. An existing file keeps its
            permissions. A symbolic link stays, and the file that it points to is replaced.

    Yields:
        The path to write to, with the suffix of the target.

    Raises:
        SaveError: if writing fails; an existing file is untouched.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_file(place) as scratch:
        ...     _ = scratch.write_text("done")
        >>> place.read_text()
        'done'
    """
    try:
        target = Path(os.path.realpath(target)) if target.is_symlink() else target
        make_folder(target.parent)
        remove_leftovers(target)
        with tempfile.TemporaryDirectory(
            prefix=_partial(target), dir=target.parent, ignore_cleanup_errors=True
        ) as place:
            scratch = Path(place, f"new{target.suffix}")
            yield scratch
            scratch.chmod(target.stat().st_mode & 0o777 if target.is_file() else _new_file_mode(target.parent))
            scratch.replace(target)
    except HeadstartError:
        raise
    except Exception as error:
        raise _save_error(error, target, "file") from error


def check_writable(target: Path) -> None:
    """Raise if ``target`` cannot be written, before long work starts.

    Args:
        target: a file or folder, which need not exist.

    Raises:
        SaveError: if it cannot be written.

    Examples:
        >>> check_writable(Path("a-new-folder"))
    """
    try:
        if target.absolute() == Path(target.absolute().anchor):
            raise SaveError(f"'{target}' is the root of a file system; name another place with --out.")
        there = next(folder for folder in target.absolute().parents if folder.exists())
        Path(tempfile.mkdtemp(prefix=_partial(target), dir=there)).rmdir()
    except OSError as error:
        reason = write_reason(error, target)
        raise SaveError(f"Cannot write '{target}': {reason}; name another place with --out.") from error


def _partial(target: Path) -> str:
    return f".{target.name}.partial-{os.getpid()}-"


def _save_error(error: Exception, target: Path, what: str) -> Exception:
    """A `SaveError` if writing failed, else the error itself; some libraries have their own error for a full disk."""
    from safetensors import SafetensorError

    if not isinstance(error, OSError | SafetensorError) and not disk_is_full(error, target):
        return error
    return SaveError(
        f"Cannot write '{target}': {write_reason(error, target)}; nothing was changed, so free space or name another "
        f"{what} with --out."
    )


def follow_umask(place: Path) -> None:
    """Give a file, or everything below a folder, the default permissions of new files there.

    Some libraries write weights that only the owner may read, so a server or a colleague could not load them. A file
    below a folder that has a second name elsewhere keeps its permissions: they are those of both names.

    Args:
        place: the file or folder, which exists.

    Examples:
        >>> place = Path(tempfile.mkdtemp()) / "a"
        >>> os.close(os.open(place, os.O_CREAT, 0o600))
        >>> follow_umask(place)
        >>> beside = place.with_name("b")
        >>> beside.touch()
        >>> place.stat().st_mode == beside.stat().st_mode
        True
    """
    if place.is_file():
        place.chmod(_new_file_mode(place.parent))
        return
    own, files = place.stat().st_mode & 0o7777, _new_file_mode(place)
    for path in place.rglob("*"):
        if not path.is_symlink() and (path.is_dir() or path.stat().st_nlink == 1):
            path.chmod(own if path.is_dir() else files)


def _new_file_mode(folder: Path) -> int:
    """The permissions of a new file in ``folder``.

    A probe file is created, because reading the umask means setting it, which would affect other threads.
    """
    if is_private(folder):
        return 0o600
    probe = folder / f".mode-{secrets.token_hex(8)}"
    file = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return os.fstat(file).st_mode & 0o777
    finally:
        os.close(file)
        probe.unlink()


def _swap(scratch: Path, target: Path) -> None:
    """Replace ``target`` by ``scratch``; the old folder stays intact until the new one is complete."""
    # The contents must be on disk before the rename makes them visible: a power cut could leave empty files.
    for path in scratch.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(scratch)
    if not target.exists():
        scratch.rename(target)
        return
    # A folder with files cannot be replaced by one rename. If the process is killed between the two renames,
    # remove_leftovers restores the old folder.
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
    target.rename(old / "was")
    try:
        scratch.rename(target)
    except OSError:
        (old / "was").rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what a killed process left beside ``target``, and restore an old target that it had moved away.

    Args:
        target: the file or folder, which need not exist.

    Examples:
        >>> import tempfile
        >>> parent = Path(tempfile.mkdtemp())
        >>> (parent / ".run.partial-4194305-x").mkdir()
        >>> remove_leftovers(parent / "run")
        >>> list(parent.iterdir())
        []
    """
    name = glob.escape(target.name)
    for old in target.parent.glob(f".{name}.old-*"):
        if (old / "was").exists() and not target.exists():
            (old / "was").rename(target)
        shutil.rmtree(old, ignore_errors=True)
    for partial in target.parent.glob(f".{name}.partial-*-*"):
        process = partial.name.rsplit("-", 2)[1]
        if process.isdecimal() and not is_running(int(process)):
            shutil.rmtree(partial, ignore_errors=True)


def is_running(process: int) -> bool:
    """Whether a process with this number is running on this machine.

    Args:
        process: its number (PID).

    Examples:
        >>> is_running(os.getpid())
        True
    """
    try:
        os.kill(process, 0)  # signal 0 is not sent; the system only checks the process
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, and belongs to another user
        return True
    return True


def link_or_copy(file: Path, target: Path) -> None:
    """Give a file a second name by a hard link, or copy it where the file system has none; parent folders are made.

    Args:
        file: the file.
        target: the second name, which does not exist.

    Examples:
        >>> place = Path(tempfile.mkdtemp())
        >>> _ = (place / "a").write_text("big")
        >>> link_or_copy(place / "a", place / "b" / "c")
        >>> (place / "b" / "c").read_text()
        'big'
    """
    make_folder(target.parent)
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to disk, so that a renamed file survives a power cut, where the system can do it.

    Args:
        folder: the folder.

    Examples:
        >>> sync_folder(Path(tempfile.mkdtemp()))
    """
    if os.name == "nt":  # folders cannot be opened there
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
