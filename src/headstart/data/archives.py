"""Archives, unpacked once into a cache folder, and never outside of it."""

from __future__ import annotations

import hashlib
import lzma
import os
import posixpath
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from headstart.errors import DataError
from headstart.io import cache_folder, remove_leftovers

__all__ = ["ARCHIVES", "is_archive", "unpack"]

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")
MAX_MEMBERS = 1_000_000
MAX_BYTES = 64 * 2**30
MAX_RATIO = 200
RATIO_FROM_BYTES = 256 * 2**20  # below, no ratio can hurt
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
)


def is_archive(path: Path) -> bool:
    """Whether the file's name ends like that of an archive.

    Examples:
        >>> is_archive(Path("photos.TAR.GZ")), is_archive(Path("photos.csv"))
        (True, False)
    """
    return path.name.lower().endswith(ARCHIVES)


def unpack(archive: Path) -> Path:
    """The folder that holds the archive's content, unpacked on the first call and found again later.

    Nothing is written outside of the folder: absolute paths, ``..``, links that leave, and devices are refused, and so
    are more than 1,000,000 members, more than 64 GiB, and a content above 256 MiB that is 200 times the archive.

    Args:
        archive: a tar (plain, gz, xz or bz2) or zip file.

    Returns:
        The folder; where the archive holds a single folder, that one.

    Raises:
        DataError: if the archive is damaged, encrypted or hostile (the message names the member), or if it cannot be
            unpacked for want of space.

    Examples:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp())
        >>> os.environ["HEADSTART_CACHE"] = str(place)
        >>> with zipfile.ZipFile(place / "a.zip", "w") as file:
        ...     file.writestr("photos/ant/1.jpg", b"...")
        >>> [path.name for path in unpack(place / "a.zip").iterdir()]
        ['ant']
        >>> del os.environ["HEADSTART_CACHE"]
    """
    about = archive.stat()
    key = f"{archive.resolve()}|{about.st_size}|{about.st_mtime_ns}"
    target = cache_folder() / "archives" / hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    if not target.is_dir():
        try:
            _unpack_into(archive, target)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"Cannot unpack '{archive}' into '{target.parent}': {reason}; free space, "
                "or name another folder by the environment variable HEADSTART_CACHE."
            ) from error
    return _inner(target)


def _inner(folder: Path) -> Path:
    entries = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _unpack_into(archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-{os.getpid()}-", dir=target.parent))
    try:
        _extract(archive, scratch)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster, and its copy serves as well
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    content: IO[bytes] | None


def _extract(archive: Path, folder: Path) -> None:
    members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    total, most = 0, max(RATIO_FROM_BYTES, MAX_RATIO * archive.stat().st_size)
    try:
        for count, member in enumerate(members(archive), 1):
            total += member.size
            if count > MAX_MEMBERS or total > MAX_BYTES:
                _refuse(archive, member.name, f"it goes beyond {MAX_MEMBERS} members or {MAX_BYTES} bytes")
            if total > most:
                _refuse(archive, member.name, f"it unpacks to {total} bytes, as a decompression bomb does")
            _write(member, folder / member.name)
    except DAMAGED as error:
        raise DataError(f"Cannot unpack '{archive}': it is damaged or no archive ({error}).") from error


def _refuse(archive: Path, member: str, why: str) -> NoReturn:
    raise DataError(f"Refused to unpack '{archive}' at its member '{member}': {why}; nothing of it was kept.")


def _write(member: _Member, path: Path) -> None:
    if member.content is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.content, path.open("wb") as file:
        shutil.copyfileobj(member.content, file, 2**20)


def _checked(archive: Path, name: str) -> str:
    """The member's path, if it stays inside."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
        _refuse(archive, name, "its path is absolute")
    if ".." in plain.split("/"):
        _refuse(archive, name, "its path leaves the archive by '..'")
    return posixpath.normpath(name)


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            name = _checked(archive, info.filename)
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                _refuse(archive, info.filename, "it is a link or a device")
            if info.flag_bits & 1:
                _refuse(archive, info.filename, "it is encrypted")
            yield _Member(name, info.file_size, None if info.is_dir() else file.open(info))


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as file:
        for info in file:
            name = _checked(archive, info.name)
            if info.isdir():
                yield _Member(name, 0, None)
            elif info.isfile():
                yield _Member(name, info.size, file.extractfile(info))
            elif info.issym() or info.islnk():
                target = _linked(archive, file, info)
                yield _Member(name, target.size, file.extractfile(target))
            else:
                _refuse(archive, info.name, "it is a device or a pipe")


def _linked(archive: Path, file: tarfile.TarFile, info: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member that a link leads to; links are unpacked as copies, so that none is left to follow."""
    for _ in range(32):
        if not (info.issym() or info.islnk()):
            return info
        base = posixpath.dirname(info.name) if info.issym() else ""
        path = posixpath.normpath(posixpath.join(base, info.linkname))
        if path.startswith(("/", "../")) or path == "..":
            _refuse(archive, info.name, f"it is a link that leaves the archive, to '{info.linkname}'")
        try:
            target = file.getmember(path)
        except KeyError:
            target = None
        if target is None or target.isdir():
            _refuse(archive, info.name, f"it is a link to '{info.linkname}', which is no file of the archive")
        info = target
    _refuse(archive, info.name, "it is a link in a loop")
