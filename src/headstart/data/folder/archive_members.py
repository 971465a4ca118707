"""The members of an archive, one at a time, with safe paths and Unicode names."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn

from headstart.data.media.file_kinds import HEAD_BYTES, content_of
from headstart.data.text.file_names import zip_names
from headstart.errors import DataError

__all__ = ["Member", "UnpackNotes", "members_of", "refuse"]

MAX_LINK = 4096
ZSTANDARD = "a Zstandard file"


@dataclass(frozen=True)
class Member:
    """A file, a folder or a link in an archive.

    Attributes:
        name: its path in the archive, with slashes; relative, and never outside of the archive.
        size: size of a file in bytes.
        content: the open file; None for folders and links.
        link: the target of a link, as a path in the archive; empty for all others.
    """

    name: str
    size: int
    content: IO[bytes] | None
    link: str = ""


@dataclass
class UnpackNotes:
    """What to report about an archive, collected while it is read.

    Attributes:
        encoding: the encoding in which its names were read, if they are not marked as Unicode.
        example: such a name.
        links: links whose targets were not unpacked.
        replaced: members that a later member of the same name replaced.

    Examples:
        >>> UnpackNotes(encoding="GBK", example="猫/1.png").sentences()
        ["The names in the archive are not marked as Unicode and were read as GBK, such as '猫/1.png'."]
    """

    encoding: str = ""
    example: str = ""
    links: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """One sentence for each attribute that is not empty."""
        from headstart.reporting.wording import name_some, plural

        notes = []
        if self.encoding:
            how = f"and were read as {self.encoding}, such as '{self.example}'"
            notes.append(f"The names in the archive are not marked as Unicode {how}.")
        if self.links:
            which = plural(len(self.links), "link whose target is", "links whose targets are")
            notes.append(f"Left out {which} not in the archive: {name_some(self.links, 5)}.")
        if self.replaced:
            which = plural(len(self.replaced), "member of the archive has", "members of the archive have")
            names = name_some(dict.fromkeys(self.replaced), 5)
            notes.append(f"{which} the same name as an earlier one and replaced it: {names}.")
        return notes


def refuse(archive: Path, member: str, why: str) -> NoReturn:
    """Raise the error for a member that makes the archive unusable.

    Args:
        archive: the archive file.
        member: the name of the member.
        why: what is wrong with it, as a clause.

    Raises:
        DataError: always.

    Examples:
        >>> refuse(Path("photos.zip"), "/etc/passwd", "its path is absolute")
        Traceback (most recent call last):
        headstart.errors.DataError: Refused to unpack 'photos.zip' at its member ...
    """
    raise DataError(f"Refused to unpack '{archive}' at its member '{member}': {why}; nothing was kept.")


def members_of(archive: Path, notes: UnpackNotes) -> Iterator[Member]:
    """The members of a zip or tar archive; its content, not its name, determines the format.

    Args:
        archive: the archive file.
        notes: collects what to report.

    Raises:
        DataError: if a member is unsafe or encrypted, or if the archive format is not supported.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "photos.zip"
        >>> with zipfile.ZipFile(path, "w") as file:
        ...     file.writestr("ant/1.jpg", b"...")
        >>> [member.name for member in members_of(path, UnpackNotes())]
        ['ant/1.jpg']
    """
    with archive.open("rb") as file:
        content = content_of(file.read(HEAD_BYTES)).name
    if content in ("a RAR archive", "a 7z archive"):
        raise DataError(
            f"Cannot unpack '{archive}': it is {content}, which is not supported; unpack it and give the folder, or "
            "repack it as .zip or .tar.gz."
        )
    is_tar = content in ("a gzip file", "an xz file", "a bzip2 file", ZSTANDARD) or not zipfile.is_zipfile(archive)
    if not is_tar or (content == "" and archive.suffix.lower() == ".zip"):
        return _zip_members(archive, notes)
    return _tar_members(archive, is_zstandard=content == ZSTANDARD)


def _checked(archive: Path, name: str) -> str:
    r"""The member's path with slashes; refused if it leaves the archive. Windows PowerShell 5 writes backslashes."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
        refuse(archive, name, "its path is absolute")
    if ".." in plain.split("/"):
        refuse(archive, name, "its path leaves the archive by '..'")
    return posixpath.normpath(plain)


def _zip_members(archive: Path, notes: UnpackNotes) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        infos = file.infolist()
        names, notes.encoding = zip_names(infos)
        if notes.encoding:
            notes.example = next(name for name in names if not name.isascii())
        for info, written in zip(infos, names, strict=True):
            name = _checked(archive, written)
            kind = stat.S_IFMT(info.external_attr >> 16)  # the upper 16 bits hold the Unix mode
            if info.flag_bits & 1:
                refuse(archive, written, "it is encrypted; unpack it with its password and give the folder")
            if kind == stat.S_IFLNK and 0 < info.file_size <= MAX_LINK:
                target = file.read(info).decode("utf-8", "replace")
                yield Member(name, 0, None, _linked(archive, name, target, posixpath.dirname(name)))
            elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                refuse(archive, written, "it is a device or a pipe")
            elif written.endswith(("/", "\\")) or kind == stat.S_IFDIR:
                yield Member(name, 0, None)
            else:
                yield Member(name, info.file_size, file.open(info))


def _tar_members(archive: Path, *, is_zstandard: bool) -> Iterator[Member]:
    for file, info in _headers(archive, is_zstandard=is_zstandard):
        name = _checked(archive, info.name)
        if info.isdir():
            yield Member(name, 0, None)
        elif info.isfile():
            yield Member(name, info.size, file.extractfile(info))
        elif info.issym() or info.islnk():
            base = posixpath.dirname(name) if info.issym() else ""
            yield Member(name, 0, None, _linked(archive, name, info.linkname, base))
        else:
            refuse(archive, info.name, "it is a device or a pipe")


def _headers(archive: Path, *, is_zstandard: bool) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The open tar file and the header of each member."""
    try:
        with tarfile.open(fileobj=_Zstandard(archive), mode="r|") if is_zstandard else tarfile.open(archive) as file:
            for info in file:
                yield file, info
    except ValueError as error:  # tarfile converts the numbers in the map of a sparse file without a check
        raise tarfile.ReadError(str(error)) from error


def _linked(archive: Path, name: str, target: str, base: str) -> str:
    """The target of a link as a path in the archive; a link that leaves the archive is refused as an attack."""
    plain = target.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(base, plain))
    if path.startswith(("/", "../")) or path == ".." or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
        refuse(archive, name, f"it is a link that leaves the archive, to '{target}'")
    return path


class _Zstandard(io.BufferedIOBase):
    """A sequentially readable file compressed with Zstandard (RFC 8878); damage raises an error of tarfile."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._stream: Any = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")

    def read(self, size: int | None = -1, /) -> bytes:
        """The next decompressed bytes."""
        try:
            return bytes(self._stream.read(size))
        except (OSError, ValueError) as error:
            raise tarfile.ReadError(str(error)) from error
