"""What lies below a folder: files by what they hold, and what is no item."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from headstart.data.media.file_kinds import LOOKED_AT, MEDIA, OTHER_FILES, content_of
from headstart.data.table.files import table_kind
from headstart.data.text.file_names import readable_paths
from headstart.errors import DataError
from headstart.io import is_run
from headstart.reporting.wording import plural
from headstart.types import Modality

__all__ = ["FolderListing", "by_extension", "is_hidden", "is_table", "list_folder", "media_of_file"]

PAPERS = re.compile(r"(?:readme|licen[cs]e|notice|copying|authors|changelog|citation|requirements)\b", re.IGNORECASE)
SYSTEM = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"})  # besides names with a dot first
TEXTS = (".txt", ".text")
MOST = 6  # extensions that are named


@dataclass(frozen=True)
class FolderListing:
    """The files below a folder, sorted, as POSIX paths relative to it.

    Attributes:
        files: pictures, sounds and text files by kind.
        documents: files of another name that hold text, which count where there is nothing else.
        tables: tables that lie directly in the folder.
        others: all other files, without those that are hidden or that systems leave behind.
        hidden: how many these are.
        folders: the folders below, without hidden ones.
        links: linked folders that were not entered, because they are listed already or lead above the folder.
        broken: links that lead nowhere, and whose name is not that of a picture or sound.
        by_content: those of ``files`` whose name does not say what they hold.
        on_disk: of paths that are no UTF-8 on the disk, how the system calls them; all others are as they are there.
        encoding: in which these were read.

    Examples:
        >>> FolderListing().hidden
        0
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
    """The files below ``root``; each linked folder is entered once, so that a loop ends.

    What a file holds is told by its extension (in any case), and where that says nothing, by its first bytes. Hidden
    folders, ``__MACOSX`` and the runs of fits that were made here are not entered; papers such as README and LICENSE
    are no texts.

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
    looked = {kind: files.pop(f"{kind} by content", []) for kind in ("image", "audio")}
    kinds: dict[Modality, list[str]] = {}
    for kind in ("audio", "image", "text"):
        found = files.get(kind, []) + looked.get(kind, [])
        if found:
            kinds[kind] = sorted(found)
    rest = {kind: tuple(sorted(files.get(kind, ()))) for kind in ("document", "table", "other", "broken")}
    by_content = tuple(sorted(path for paths in looked.values() for path in paths))
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
    """The listing with paths in Unicode that are of another encoding on the disk; tables are left as they are."""
    groups = (listing.documents, listing.others, listing.folders, listing.links, listing.broken, listing.by_content)
    media = [path for paths in listing.files.values() for path in paths]
    names, encoding = readable_paths([*media, *(path for group in groups for path in group)])
    if not names:
        return listing

    def told(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names.get(path, path) for path in paths))

    documents, others, folders, links, broken, by_content = map(told, groups)
    return FolderListing(
        files={kind: list(told(paths)) for kind, paths in listing.files.items()},
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
    """Whether a file or folder is hidden, or is one that systems leave behind.

    Examples:
        >>> is_hidden("._photo.jpg"), is_hidden("Thumbs.db"), is_hidden("photo.jpg")
        (True, True, False)
    """
    return name.startswith(".") or name.lower() in SYSTEM


def _holds_runs(folder: Path) -> bool:
    """Whether a folder is a run of ours, or the ``runs`` that a fit makes where it is called: no data."""
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
    """How many files there are of each extension, and where, in words; the most frequent first.

    Args:
        paths: POSIX paths.
        depth: at which level of folders the classes lie, to be named; None leaves them out.

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
    said = [_one_extension(suffix, places) for suffix, places in ordered[:MOST]]
    rest = sum(places.total() for _, places in ordered[MOST:])
    return ", ".join([*said, f"{rest} others"] if rest else said)


def _one_extension(suffix: str, places: Counter[str]) -> str:
    what = f"{places.total()} '{suffix}'" if suffix else f"{places.total()} without an extension"
    named = [f"{place} {count}" for place, count in places.most_common() if place]
    more = ["..."] if len(named) > MOST else []
    return f"{what} ({', '.join([*named[:MOST], *more])})" if named else what


def _cannot_list(error: OSError) -> None:
    raise DataError(f"Cannot list the folder '{error.filename}': {error.strerror}.") from error


def _not_seen(here: str, names: list[str], seen: set[str], base: str) -> list[str]:
    """The folders that lead to nothing that is listed already; real ones come before links to them."""
    kept = []
    for name in sorted(names, key=lambda name: (os.path.islink(f"{here}/{name}"), name)):  # noqa: PTH114 (many files)
        real = os.path.realpath(f"{here}/{name}")
        if real not in seen and not base.startswith(real.rstrip(os.sep) + os.sep):
            seen.add(real)
            kept.append(name)
    return sorted(kept)


def _kind(here: str, name: str, *, at_top: bool) -> str:
    """``image``, ``audio``, ``text``, ``table``, ``document``, ``broken`` or ``other``; media looked into are told."""
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if suffix in MEDIA:
        return MEDIA[suffix]
    if suffix in TEXTS:
        return "other" if PAPERS.match(name) else "text"
    is_rows = table_kind(name) is not None
    if is_rows or suffix in OTHER_FILES:
        return "table" if is_rows and at_top else "other"
    return _looked_into(f"{here}/{name}", name)


def _looked_into(path: str, name: str) -> str:
    if os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114 (many files)
        return "broken"
    kind = content_of(_beginning(path)).kind
    if kind in ("image", "audio"):
        return f"{kind} by content"
    return "document" if kind == "text" and not PAPERS.match(name) else "other"


def media_of_file(path: Path) -> Modality | None:
    """Whether a file is a picture or a sound: by its extension, else by its first bytes; None where it is neither.

    Examples:
        >>> media_of_file(Path("IMG_1.HEIC")), media_of_file(Path("nowhere"))
        ('image', None)
    """
    kind = _kind(str(path.parent), path.name, at_top=True).partition(" ")[0]
    return "image" if kind == "image" else "audio" if kind == "audio" else None


def _beginning(path: str) -> bytes:
    """The first bytes of a regular file; none of what cannot be read, or is no file."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113 (many files)
            return b""
        with open(path, "rb") as file:  # noqa: PTH123 (many files)
            return file.read(LOOKED_AT)
    except OSError:
        return b""


def describe_links(links: tuple[str, ...]) -> str:
    """The sentence on linked folders that were not entered.

    Examples:
        >>> describe_links(("ant/loop",))
        "Did not follow 1 link to a folder that was read already or lies above: 'ant/loop'."
    """
    from headstart.reporting.wording import name_some

    which = plural(len(links), "link to a folder that was", "links to folders that were")
    lie = "lies" if len(links) == 1 else "lie"
    return f"Did not follow {which} read already or {lie} above: {name_some(links, 5)}."
