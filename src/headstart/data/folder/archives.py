"""Archives: unpacked once, safely, into a cache folder."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

from headstart.data.folder.archive_members import Member, UnpackNotes, members_of, refuse
from headstart.data.folder.listing import is_hidden
from headstart.errors import DataError
from headstart.io import cache_folder, make_folder, make_private, remove_leftovers

__all__ = ["ARCHIVES", "UNREAD_ARCHIVES", "archive_notes", "is_archive", "unpack"]

ARCHIVES = (
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst", ".zip",
)  # fmt: skip
UNREAD_ARCHIVES = (".7z", ".rar", ".zipx", ".tar.z", ".tar.lz", ".tar.lz4", ".cab", ".arj", ".lzh", ".dmg", ".iso")
"""File name endings of archive formats that are recognised but not supported."""

MAX_MEMBERS = 1_000_000
MAX_BYTES = 64 * 2**30
MAX_RATIO = 200  # unpacked size to archive size
RATIO_FROM_BYTES = 256 * 2**20  # below this size no compression ratio does harm
FORM = 2  # version of the cache entries: increase it when archives are unpacked differently
FILES, NOTES = "files", "notes.json"
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)
CLASHES = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def is_archive(path: Path) -> bool:
    """Whether the file's name ends like that of a supported archive.

    Examples:
        >>> is_archive(Path("photos.TAR.GZ")), is_archive(Path("photos.csv"))
        (True, False)
    """
    return path.name.lower().endswith(ARCHIVES)


def unpack(archive: Path) -> Path:
    """The folder with the archive's content, which is unpacked on the first call and reused later.

    Nothing is written outside of the folder. Absolute paths, ``..``, links that leave the archive, and devices are
    refused. So are more than 1,000,000 members, more than 64 GiB, and content above 256 MiB that is more than 200 times
    the size of the archive. Names are read as Unicode whatever system packed them, with slashes or backslashes. Links
    inside the archive become copies. System files (``__MACOSX``, ``Thumbs.db``, hidden files) are not unpacked.

    Args:
        archive: a tar (plain, gz, xz, bz2 or zst) or zip file.

    Returns:
        The folder; if the archive contains only a single folder, that folder.

    Raises:
        DataError: if the archive is damaged, encrypted, unsafe (the message names the member) or in an unsupported
            format, or if it cannot be written, for example because the disk is full.

    Examples:
        >>> place = Path(tempfile.mkdtemp())
        >>> os.environ["HEADSTART_CACHE"] = str(place)
        >>> with zipfile.ZipFile(place / "a.zip", "w") as file:
        ...     file.writestr("photos/ant/1.jpg", b"...")
        >>> [path.name for path in unpack(place / "a.zip").iterdir()], archive_notes(place / "a.zip")
        (['ant'], ())
        >>> del os.environ["HEADSTART_CACHE"]
    """
    target = _entry(archive)
    if not target.is_dir():
        try:
            _unpack_into(archive, target)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"Cannot unpack '{archive}' into '{target.parent}': {reason}; free space, "
                "or set another folder in the environment variable HEADSTART_CACHE."
            ) from error
    return _inner(target / FILES)


def archive_notes(archive: Path) -> tuple[str, ...]:
    """Notes on an unpacked archive: how its names were read, and what was left out.

    Args:
        archive: as given to `unpack`.

    Examples:
        >>> import inspect
        >>> inspect.signature(archive_notes).return_annotation
        'tuple[str, ...]'
    """
    try:
        notes = json.loads((_entry(archive) / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(map(str, notes)) if isinstance(notes, list) else ()


def _entry(archive: Path) -> Path:
    about = archive.stat()
    key = f"{FORM}|{archive.resolve()}|{about.st_size}|{about.st_mtime_ns}"
    return cache_folder() / "archives" / hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _inner(folder: Path) -> Path:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _unpack_into(archive: Path, target: Path) -> None:
    make_folder(target.parent)
    remove_leftovers(target)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-{os.getpid()}-", dir=target.parent))
    try:
        (scratch / FILES).mkdir()
        notes = _extract(archive, scratch / FILES)
        (scratch / NOTES).write_text(json.dumps(notes.sentences()), encoding="utf-8")
        make_private(scratch)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster, and its copy is the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Budget:
    """Counts members and bytes, and refuses an archive that exceeds the limits."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._most = max(RATIO_FROM_BYTES, MAX_RATIO * archive.stat().st_size)
        self._count = self._total = 0

    def take(self, name: str, size: int) -> None:
        """Count a member; refuse the archive if it exceeds a limit."""
        self._count, self._total = self._count + 1, self._total + size
        if self._count > MAX_MEMBERS or self._total > MAX_BYTES:
            refuse(self._archive, name, f"the archive exceeds {MAX_MEMBERS} members or {MAX_BYTES} bytes")
        if self._total > self._most:
            refuse(self._archive, name, f"the archive unpacks to {self._total} bytes, like a decompression bomb")


def _extract(archive: Path, folder: Path) -> UnpackNotes:
    notes, budget = UnpackNotes(), _Budget(archive)
    links: list[Member] = []
    seen: set[str] = set()
    try:
        for member in members_of(archive, notes):
            budget.take(member.name, member.size)
            if any(is_hidden(part) for part in member.name.split("/") if part != "."):
                continue
            if member.link:
                links.append(member)
                continue
            if member.content is not None:
                notes.replaced += [member.name] if member.name in seen else []
                seen.add(member.name)
            _write(archive, member, folder)
        notes.links += _copy_links(archive, links, folder, budget)
    except NotImplementedError as error:
        raise DataError(
            f"Cannot unpack '{archive}': its compression method is not supported ({error}); unpack it and give the "
            "folder, or repack it as .zip or .tar.gz."
        ) from error
    except DAMAGED as error:
        raise DataError(f"Cannot unpack '{archive}': it is damaged or not an archive ({error}).") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # an impossible position in the file, or a decompressor: damage
            raise
        raise DataError(f"Cannot unpack '{archive}': it is damaged or not an archive ({error}).") from error
    return notes


def _write(archive: Path, member: Member, folder: Path) -> None:
    path = folder / member.name
    try:
        if member.content is None:
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file, member.content:
            while block := _read(member):
                file.write(block)
    except UnicodeEncodeError:
        refuse(archive, ascii(member.name), "its name cannot be written")
    except OSError as error:
        if error.errno in CLASHES:
            refuse(archive, member.name, "a file and a folder have the same name")
        if error.errno == errno.ENAMETOOLONG:
            refuse(archive, member.name, "its name is too long for this system")
        raise


def _read(member: Member) -> bytes:
    try:
        return member.content.read(2**20) if member.content is not None else b""
    except OSError as error:  # decompressors raise it without errno; errors of the system have one
        raise error if error.errno is not None else tarfile.ReadError(str(error)) from error


def _copy_links(archive: Path, links: list[Member], folder: Path, budget: _Budget) -> list[str]:
    """Replace links by copies of their targets; returns the names of links whose targets are missing."""
    # A link may point to another link, so repeat until a pass copies nothing more.
    waiting, before = links, len(links) + 1
    while waiting and len(waiting) < before:
        before = len(waiting)
        waiting = [link for link in waiting if not _copy_link(archive, link, folder, budget)]
    left = {link.name for link in waiting}
    for link in waiting:
        if link.link in left:
            refuse(archive, link.name, "it is a link in a loop")
    return [link.name for link in waiting]


def _copy_link(archive: Path, link: Member, folder: Path, budget: _Budget) -> bool:
    source, target = folder / link.link, folder / link.name
    if f"{link.name}/".startswith(f"{link.link}/") or link.link == "." or target.exists():
        return False  # a loop, or the name is taken
    if source.is_file():
        budget.take(link.name, source.stat().st_size)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return True
    if not source.is_dir():
        return False
    for path in sorted(source.rglob("*")):
        name = f"{link.name}/{path.relative_to(source).as_posix()}"
        budget.take(name, path.stat().st_size if path.is_file() else 0)
        content = path.open("rb") if path.is_file() else None
        _write(archive, Member(name, 0, content), folder)
    return True
