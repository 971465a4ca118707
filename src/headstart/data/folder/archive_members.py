"""What an archive holds, member by member, with names that stay inside and are Unicode."""

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

from headstart.data.media.file_kinds import LOOKED_AT, content_of
from headstart.data.text.file_names import zip_names
from headstart.errors import DataError

__all__ = ["Member", "Said", "members_of", "refuse"]

MAX_LINK = 4096
ZSTANDARD = "a Zstandard file"


@dataclass(frozen=True)
class Member:
    """A file, a folder or a link of an archive.

    Attributes:
        name: its path inside, with slashes; never absolute, and never above.
        size: bytes of a file.
        content: the open file; None for folders and links.
        link: the path that a link leads to, inside; empty for all others.

    Examples:
        >>> Member("photos", 0, None).link
        ''
    """

    name: str
    size: int
    content: IO[bytes] | None
    link: str = ""


@dataclass
class Said:
    """What is to be said of an archive, filled while it is read.

    Attributes:
        encoding: in which its names were read, where they are not marked as Unicode.
        example: such a name.
        links: links that lead to nothing that was unpacked.
        replaced: members that another one of the same name replaced.

    Examples:
        >>> Said(encoding="GBK", example="猫/1.png").sentences()
        ["The names in the archive are not marked as Unicode and were read as GBK, such as '猫/1.png'."]
    """

    encoding: str = ""
    example: str = ""
    links: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """One sentence on each, where there is something to say."""
        from headstart.reporting.wording import name_some, plural

        said = []
        if self.encoding:
            how = f"and were read as {self.encoding}, such as '{self.example}'"
            said.append(f"The names in the archive are not marked as Unicode {how}.")
        if self.links:
            which = plural(len(self.links), "link that leads", "links that lead")
            said.append(f"Left out {which} to nothing in the archive: {name_some(self.links, 5)}.")
        if self.replaced:
            which = plural(len(self.replaced), "member of the archive has", "members of the archive have")
            names = name_some(dict.fromkeys(self.replaced), 5)
            said.append(f"{which} the name of an earlier one, and replaced it: {names}.")
        return said


def refuse(archive: Path, member: str, why: str) -> NoReturn:
    """Raise the error that a member makes the archive unusable.

    Args:
        archive: the file.
        member: its name in the archive.
        why: what is wrong with it.

    Raises:
        DataError: always.

    Examples:
        >>> refuse(Path("photos.zip"), "/etc/passwd", "its path is absolute")
        Traceback (most recent call last):
        headstart.errors.DataError: Refused to unpack 'photos.zip' at its member ...
    """
    raise DataError(f"Refused to unpack '{archive}' at its member '{member}': {why}; nothing of it was kept.")


def members_of(archive: Path, said: Said) -> Iterator[Member]:
    """The members of a zip or a tar, whichever the content says that it is.

    Args:
        archive: the file.
        said: what is to be said is added here.

    Raises:
        DataError: if a member is hostile or encrypted, or if the archive is of a kind that is not read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "photos.zip"
        >>> with zipfile.ZipFile(path, "w") as file:
        ...     file.writestr("ant/1.jpg", b"...")
        >>> [member.name for member in members_of(path, Said())]
        ['ant/1.jpg']
    """
    with archive.open("rb") as file:
        content = content_of(file.read(LOOKED_AT)).name
    if content in ("a RAR archive", "a 7z archive"):
        raise DataError(
            f"Cannot unpack '{archive}': it is {content}, which is not read; unpack it and give the folder, or pack it "
            "as .zip or .tar.gz."
        )
    is_tar = content in ("a gzip file", "an xz file", "a bzip2 file", ZSTANDARD) or not zipfile.is_zipfile(archive)
    if not is_tar or (content == "" and archive.suffix.lower() == ".zip"):
        return _zip_members(archive, said)
    return _tar_members(archive, is_zstandard=content == ZSTANDARD)


def _checked(archive: Path, name: str) -> str:
    r"""The member's path with slashes, if it stays inside; Windows PowerShell 5 writes backslashes."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
        refuse(archive, name, "its path is absolute")
    if ".." in plain.split("/"):
        refuse(archive, name, "its path leaves the archive by '..'")
    return posixpath.normpath(plain)


def _zip_members(archive: Path, said: Said) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        infos = file.infolist()
        names, said.encoding = zip_names(infos)
        if said.encoding:
            said.example = next(name for name in names if not name.isascii())
        for info, written in zip(infos, names, strict=True):
            name = _checked(archive, written)
            kind = stat.S_IFMT(info.external_attr >> 16)
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
    """The open tar and the header of each member, one after the other."""
    try:
        with tarfile.open(fileobj=_Zstandard(archive), mode="r|") if is_zstandard else tarfile.open(archive) as file:
            for info in file:
                yield file, info
    except ValueError as error:  # tarfile converts the numbers in the map of a sparse file without a check
        raise tarfile.ReadError(str(error)) from error


def _linked(archive: Path, name: str, target: str, base: str) -> str:
    """The path inside that a link leads to; one that leaves the archive is an attack."""
    plain = target.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(base, plain))
    if path.startswith(("/", "../")) or path == ".." or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
        refuse(archive, name, f"it is a link that leaves the archive, to '{target}'")
    return path


class _Zstandard(io.BufferedIOBase):
    """A file packed by Zstandard (RFC 8878), to be read from the beginning to the end; damage is an error of tar."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._stream: Any = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, unpacked."""
        try:
            return bytes(self._stream.read(size))
        except (OSError, ValueError) as error:
            raise tarfile.ReadError(str(error)) from error
