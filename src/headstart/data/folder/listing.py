"""Listing a folder: its files by kind, and everything that is not an item."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from headstart.data.media.file_kinds import HEAD_BYTES, MEDIA, OTHER_FILES, content_of
from headstart.data.table.files import table_kind
from headstart.data.text.file_names import readable_paths
from headstart.errors import DataError
from headstart.io import is_run
from headstart.reporting.wording import plural
from headstart.types import Modality

__all__ = ["FolderListing", "by_extension", "is_hidden", "is_table", "list_folder", "media_of_file"]

NOT_ITEMS = re.compile(r"(?:readme|licen[cs]e|notice|copying|authors|changelog|citation|requirements)\b", re.IGNORECASE)
SYSTEM = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"}
)  # in addition to names that start with a dot
TEXTS = (".txt", ".text")
MOST = 6  # extensions to name


@dataclass(frozen=True)
class FolderListing:
    """The files below a folder, sorted, as POSIX paths relative to it.

    Attributes:
        files: pictures, sounds and text files, by kind.
        documents: other files with text, which are items only if there are no other items.
        tables: tables directly in the folder.
        others: all other files, without hidden files and system files.
        hidden: number of hidden files and system files.
        folders: the sub-folders at all levels, without hidden ones.
        links: linked folders that were not entered, because they are already listed or contain the folder itself.
        broken: broken links, except those named like a picture or sound.
        by_content: those of ``files`` whose kind was told by their content, not by their name.
        on_disk: for paths that are not UTF-8 on disk, the path as the system has it, by the listed path.
        encoding: the encoding in which these were read.
    """

    files: dict[Modality, list[str]] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    hidden: int = 0
    folders: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    by_content: tuple[str, ...] = ()
    on_disk: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""


def list_folder(root: Path) -> FolderListing:
    """List the files below ``root``; each linked folder is entered at most once, so loops end.

    The kind of a file is given by its extension (in any case) or, for other extensions, by its first bytes. Hidden
    folders, ``__MACOSX`` and run folders of earlier fits are not entered. README, LICENSE and the like are not texts.

    Args:
        root: the folder.

    Raises:
        DataError: if it cannot be listed.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.JPG").write_bytes(b""), (root / "README.md").write_text("")
        >>> _ = (root / "b").write_bytes(b"fLaC")
        >>> found = list_folder(root)
        >>> found.files, found.others, found.by_content
        ({'audio': ['b'], 'image': ['a.JPG']}, ('README.md',), ('b',))
    """
    files: dict[str, list[str]] = {}
    folders: list[str] = []
    links: list[str] = []
    hidden = 0
    base = os.path.realpath(root)
    seen = {base}
    for here, below, names in os.walk(root, followlinks=True, onerror=_cannot_list):
        prefix = "" if here == str(root) else Path(here).relative_to(root).as_posix() + "/"
        visible = [name for name in below if not is_hidden(name) and not _holds_runs(Path(here, name))]
        folders += [prefix + name for name in visible]
        below[:] = _not_seen(here, visible, seen, base)
        links += [prefix + name for name in visible if name not in below]
        for name in names:
            if is_hidden(name):
                hidden += 1
            else:
                files.setdefault(_kind(here, name, at_top=not prefix), []).append(prefix + name)
    sniffed = {kind: files.pop(f"{kind} by content", []) for kind in ("image", "audio")}
    kinds: dict[Modality, list[str]] = {}
    for kind in ("audio", "image", "text"):
        found = files.get(kind, []) + sniffed.get(kind, [])
        if found:
            kinds[kind] = sorted(found)
    rest = {kind: tuple(sorted(files.get(kind, ()))) for kind in ("document", "table", "other", "broken")}
    by_content = tuple(sorted(path for paths in sniffed.values() for path in paths))
    listing = FolderListing(
        files=kinds,
        documents=rest["document"],
        tables=rest["table"],
        others=rest["other"],
        hidden=hidden,
        folders=tuple(sorted(folders)),
        links=tuple(links),
        broken=rest["broken"],
        by_content=by_content,
    )
    return _in_unicode(listing)


def _in_unicode(listing: FolderListing) -> FolderListing:
    """The listing with Unicode paths for those in another encoding on disk; tables keep their paths."""
    groups = (listing.documents, listing.others, listing.folders, listing.links, listing.broken, listing.by_content)
    media = [path for paths in listing.files.values() for path in paths]
    names, encoding = readable_paths([*media, *(path for group in groups for path in group)])
    if not names:
        return listing

    def readable(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names.get(path, path) for path in paths))

    documents, others, folders, links, broken, by_content = map(readable, groups)
    return FolderListing(
        files={kind: list(readable(paths)) for kind, paths in listing.files.items()},
        documents=documents,
        tables=listing.tables,
        others=others,
        hidden=listing.hidden,
        folders=folders,
        links=links,
        broken=broken,
        by_content=by_content,
        on_disk={name: path for path, name in names.items()},
        encoding=encoding,
    )


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or a system file.

    Examples:
        >>> is_hidden("._photo.jpg"), is_hidden("Thumbs.db"), is_hidden("photo.jpg")
        (True, True, False)
    """
    return name.startswith(".") or name.lower() in SYSTEM


def _holds_runs(folder: Path) -> bool:
    """Whether a folder is a run of headstart, or the ``runs`` folder that `fit` creates: these are not data."""
    if is_run(folder):
        return True
    if folder.name != "runs":
        return False
    below = [path for path in folder.iterdir() if not is_hidden(path.name)]
    return bool(below) and all(is_run(path) for path in below)


def is_table(name: str) -> bool:
    """Whether a visible file is a table by its extension.

    Examples:
        >>> is_table("labels.CSV"), is_table("._labels.csv")
        (True, False)
    """
    return not is_hidden(name) and table_kind(name) is not None


def by_extension(paths: Iterable[str], depth: int | None = None) -> str:
    """The number of files per extension and where they are, in words; the most frequent first.

    Args:
        paths: POSIX paths.
        depth: level of the class folders to name, counted from 0; None names no folders.

    Examples:
        >>> by_extension(["ant/1.dat", "ant/2.DAT", "bee/notes"], 0)
        "2 '.dat' (ant 2), 1 without an extension (bee 1)"
    """
    found: dict[str, Counter[str]] = {}
    for path in paths:
        parts = path.split("/")
        place = "" if depth is None or len(parts) <= depth + 1 else parts[depth]
        found.setdefault(PurePosixPath(path).suffix.lower(), Counter())[place] += 1
    ordered = sorted(found.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    parts = [_one_extension(suffix, places) for suffix, places in ordered[:MOST]]
    rest = sum(places.total() for _, places in ordered[MOST:])
    return ", ".join([*parts, f"{rest} others"] if rest else parts)


def _one_extension(suffix: str, places: Counter[str]) -> str:
    what = f"{places.total()} '{suffix}'" if suffix else f"{places.total()} without an extension"
    named = [f"{place} {count}" for place, count in places.most_common() if place]
    more = ["..."] if len(named) > MOST else []
    return f"{what} ({', '.join([*named[:MOST], *more])})" if named else what


def _cannot_list(error: OSError) -> None:
    raise DataError(f"Cannot list the folder '{error.filename}': {error.strerror}.") from error


def _not_seen(here: str, names: list[str], seen: set[str], base: str) -> list[str]:
    """The folders that are not listed yet and do not contain the root; real folders come before links to them."""
    kept = []
    for name in sorted(names, key=lambda name: (os.path.islink(f"{here}/{name}"), name)):  # noqa: PTH114 (many files)
        real = os.path.realpath(f"{here}/{name}")
        if real not in seen and not base.startswith(real.rstrip(os.sep) + os.sep):
            seen.add(real)
            kept.append(name)
    return sorted(kept)


def _kind(here: str, name: str, *, at_top: bool) -> str:
    """The kind of a file; " by content" is appended if the content of a picture or sound told it, not its name."""
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if suffix in MEDIA:
        return MEDIA[suffix]
    if suffix in TEXTS:
        return "other" if NOT_ITEMS.match(name) else "text"
    is_rows = table_kind(name) is not None
    if is_rows or suffix in OTHER_FILES:
        return "table" if is_rows and at_top else "other"
    return _kind_by_content(f"{here}/{name}", name)


def _kind_by_content(path: str, name: str) -> str:
    if os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114 (many files)
        return "broken"
    kind = content_of(_beginning(path)).kind
    if kind in ("image", "audio"):
        return f"{kind} by content"
    return "document" if kind == "text" and not NOT_ITEMS.match(name) else "other"


def media_of_file(path: Path) -> Modality | None:
    """Whether a file is a picture or a sound, by its extension, else by its first bytes; None if it is neither.

    Examples:
        >>> media_of_file(Path("IMG_1.HEIC")), media_of_file(Path("nowhere"))
        ('image', None)
    """
    kind = _kind(str(path.parent), path.name, at_top=True).partition(" ")[0]
    return "image" if kind == "image" else "audio" if kind == "audio" else None


def _beginning(path: str) -> bytes:
    """The first bytes of a regular file; empty if it cannot be read or is not a regular file."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113 (many files)
            return b""
        with open(path, "rb") as file:  # noqa: PTH123 (many files)
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def describe_links(links: tuple[str, ...]) -> str:
    """The sentence on linked folders that were not entered.

    Examples:
        >>> describe_links(("ant/loop",))
        "Did not follow 1 link to a folder that was already read or contains this one: 'ant/loop'."
    """
    from headstart.reporting.wording import name_some

    which = plural(len(links), "link to a folder that was", "links to folders that were")
    contain = "contains" if len(links) == 1 else "contain"
    return f"Did not follow {which} already read or {contain} this one: {name_some(links, 5)}."
