"""A file or folder that may hold annotations: its files, and their beginnings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from headstart.data.folder.listing import FolderListing, list_folder
from headstart.data.schema import SPLITS, ReadOptions
from headstart.data.text.encodings import decode_text
from headstart.errors import DataError

__all__ = ["HEAD", "MAX_TEXT", "Location", "split_of", "splits_of"]

HEAD = 2**16  # bytes of a file that tell its format
MAX_TEXT = 2**30  # bytes of a text file of annotations


class Location:
    """A file, or a folder with all files below it.

    Args:
        path: of the file or folder.
        options: how to read.
        settings: of the format, by name.
        shown: how messages name it, such as the archive that it was unpacked from.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "train.conll").write_text("Ada B-PER")
        >>> place = Location(root)
        >>> place.files, place.head("train.conll"), place.title("train.conll").endswith("train.conll'")
        (('train.conll',), b'Ada B-PER', True)
    """

    def __init__(
        self,
        path: Path,
        options: ReadOptions | None = None,
        settings: Mapping[str, str] | None = None,
        shown: Path | None = None,
    ) -> None:
        self.path = path
        self.options = options or ReadOptions()
        self.settings = settings or {}
        self.shown = path if shown is None else shown
        self.is_folder = path.is_dir()
        self.root = path if self.is_folder else path.parent

    @cached_property
    def listing(self) -> FolderListing:
        """What is in the folder."""
        return list_folder(self.path)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All visible files, as sorted POSIX paths relative to ``root``; of a file, itself."""
        if not self.is_folder:
            return (self.path.name,)
        found = self.listing
        media = [path for paths in found.files.values() for path in paths]
        return tuple(sorted({*media, *found.documents, *found.tables, *found.others}))

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """Those of ``files`` that are pictures."""
        return tuple(self.listing.files.get("image", ())) if self.is_folder else ()

    def around(self) -> Location:
        """The folder in which the pictures of an annotation file are looked for; of a folder, itself.

        It is the file's own folder, or the one above where that is called annotations or labels.
        """
        if self.is_folder:
            return self
        folder = self.path.absolute().parent
        above = folder.name.lower() in ("annotations", "annotation", "annots", "labels", "json")
        return Location(folder.parent if above else folder, self.options, self.settings)

    def with_suffix(self, *suffixes: str) -> list[str]:
        """Those of ``files`` that end so, in any case."""
        return [path for path in self.files if PurePosixPath(path).suffix.lower() in suffixes]

    def file(self, name: str) -> Path:
        """The path of one of ``files``."""
        return self.root / (self.listing.on_disk.get(name, name) if self.is_folder else name)

    def title(self, name: str, line: int | None = None) -> str:
        """How messages name one of ``files``, and a line of it."""
        path = self.shown / name if self.is_folder else self.shown
        return f"'{path}'" + (f", line {line}" if line is not None else "")

    def head(self, name: str) -> bytes:
        """The first 64 KiB of a file; empty where it cannot be read."""
        try:
            with self.file(name).open("rb") as file:
                return file.read(HEAD)
        except OSError:
            return b""

    def content(self, name: str, most: int = MAX_TEXT) -> bytes:
        """The content of a file.

        Raises:
            DataError: if it is no regular file, larger than ``most`` bytes, or unreadable.
        """
        path = self.file(name)
        try:
            if not path.is_file():
                raise DataError(f"Cannot read {self.title(name)}: there is no such file.")
            size = path.stat().st_size
            if size > most:
                raise DataError(
                    f"Cannot read {self.title(name)}: it has {size} bytes, and at most {most} are read; split it up."
                )
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"Cannot read {self.title(name)}: {error.strerror or error}.") from error

    def text(self, name: str) -> tuple[str, tuple[str, ...]]:
        """The decoded content of a text file, and a note if it is not UTF-8."""
        return decode_text(self.content(name), name)


def split_of(name: str) -> str | None:
    """The split that a file's name or one of its folders states; None where none does.

    Examples:
        >>> split_of("train/a.jpg"), split_of("wnut_dev.conll"), split_of("instances_val2017.json"), split_of("a.json")
        ('train', 'val', 'val', None)
    """
    path = PurePosixPath(name)
    for part in (path.name.split(".")[0], *reversed(path.parts[:-1])):
        if (found := _stated(part)) is not None:
            return found
    return None


def _stated(part: str) -> str | None:
    words = part.lower().replace("-", "_").replace(" ", "_").split("_")
    found = {SPLITS[word] for word in map(_without_year, words) if word in SPLITS}
    return found.pop() if len(found) == 1 else None


def _without_year(word: str) -> str:
    return word.rstrip("0123456789")


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """The split of each file; empty unless two splits occur.

    Args:
        names: POSIX paths.

    Examples:
        >>> splits_of(["train.json", "test.json"]), splits_of(["train.json"])
        ({'train.json': 'train', 'test.json': 'test'}, {})
    """
    found = {name: split for name in names if (split := split_of(name)) is not None}
    return found if len(set(found.values())) > 1 else {}
