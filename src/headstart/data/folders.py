"""Folders: one of each class, of each split or fold, of pictures, sounds or texts, or around a table."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from headstart.data.layout import Layout, Place, parse_layout
from headstart.data.schema import MEDIA, SPLITS, ReadOptions, RowsRead
from headstart.data.tables import TABLES, decode_text, read_table, read_tables
from headstart.data.wording import name_some, plural
from headstart.errors import DataError
from headstart.types import Modality

__all__ = ["FolderListing", "list_folder", "read_folder"]

MAX_TEXT_BYTES = 2**20
PAPERS = re.compile(r"(?:readme|licen[cs]e|notice|copying|authors|changelog|citation|requirements)\b", re.IGNORECASE)
NOUNS = {"image": "picture", "audio": "sound", "text": "text"}


@dataclass(frozen=True)
class FolderListing:
    """The files below a folder, sorted, as POSIX paths relative to it.

    Attributes:
        files: media and text files by kind.
        tables: tables that lie directly in the folder.
        ignored: how many other files there are.
        links: how many linked folders were not entered, because they are listed already or lead above the folder.

    Examples:
        >>> FolderListing().ignored
        0
    """

    files: dict[Modality, list[str]] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    ignored: int = 0
    links: int = 0


def list_folder(root: Path) -> FolderListing:
    """The files below ``root``; each linked folder is entered once, so that a loop ends.

    Hidden files and papers such as README and LICENSE are counted as ignored; hidden folders and ``__MACOSX`` are not
    entered.

    Args:
        root: the folder.

    Raises:
        DataError: if it cannot be listed.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "a.JPG").write_bytes(b""), (root / "README.md").write_text("")
        >>> list_folder(root)
        FolderListing(files={'image': ['a.JPG']}, tables=(), ignored=1, links=0)
    """
    files: dict[Modality, list[str]] = {}
    tables: list[str] = []
    ignored = links = 0
    base = os.path.realpath(root)
    seen = {base}
    for here, folders, names in os.walk(root, followlinks=True, onerror=_cannot_list):
        links += _prune(here, folders, seen, base)
        prefix = "" if here == str(root) else Path(here).relative_to(root).as_posix() + "/"
        for name in names:
            kind = _kind(name)
            if kind is not None:
                files.setdefault(kind, []).append(prefix + name)
            elif not prefix and _is_table(name):
                tables.append(name)
            else:
                ignored += 1
    return FolderListing({kind: sorted(files[kind]) for kind in sorted(files)}, tuple(sorted(tables)), ignored, links)


def _cannot_list(error: OSError) -> None:
    raise DataError(f"Cannot list the folder '{error.filename}': {error.strerror}.") from error


def _prune(here: str, folders: list[str], seen: set[str], base: str) -> int:
    """Take hidden folders, and those that lead to what is listed already, off the walk; count the latter."""
    kept, links = [], 0
    for name in sorted(folders):
        if name.startswith(".") or name == "__MACOSX":
            continue
        real = os.path.realpath(f"{here}/{name}")
        if real in seen or base.startswith(real.rstrip(os.sep) + os.sep):
            links += 1
        else:
            seen.add(real)
            kept.append(name)
    folders[:] = kept
    return links


def _kind(name: str) -> Modality | None:
    suffix = "." + name.rpartition(".")[2].lower()
    if name.startswith(".") or (suffix == ".txt" and PAPERS.match(name)):
        return None
    return "text" if suffix == ".txt" else MEDIA.get(suffix)


def _is_table(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in TABLES


def read_folder(root: Path, options: ReadOptions) -> RowsRead:
    """The items of a folder.

    Folders of classes come first, then the tables train, val and test, then a single table; to predict, all files.

    Args:
        root: the folder.
        options: what the user said.

    Raises:
        DataError: if there is nothing to read in it, or nothing that tells the labels.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("ant", "bee"):
        ...     (root / name).mkdir()
        ...     _ = (root / name / "1.jpg").write_bytes(b"")
        >>> read_folder(root, ReadOptions()).labels["folder"].tolist()
        ['ant', 'bee']
    """
    listing = list_folder(root)
    modality = _modality(listing, options, root)
    layout = None if modality is None else parse_layout(listing.files[modality])
    classes = set() if layout is None or layout.classes is None else set(layout.classes)
    if modality is None or layout is None or (options.labelled and len(classes) < 2):
        rows = _from_tables(root, listing, options)
        if rows is not None:
            return rows
    if modality is None or layout is None:
        raise DataError(
            f"The folder '{root}' holds no pictures, sounds, texts or tables that can be read "
            f"({plural(listing.ignored, 'other file')}); give a folder for each class, or a CSV, TSV, JSONL or Parquet "
            "table."
        )
    if not options.labelled:
        return _from_files(root, modality, _unlabelled(listing.files[modality]), listing, options)
    if layout.classes is None:
        raise DataError(
            f"The {NOUNS[modality]}s in '{root}' have no labels: put them into a folder for each class, "
            "or lay a table with their paths and labels beside them."
        )
    return _from_files(root, modality, layout, listing, options)


def _unlabelled(files: Sequence[str]) -> Layout:
    return Layout(tuple(Place(path, ()) for path in files), None, 0)


def _modality(listing: FolderListing, options: ReadOptions, root: Path) -> Modality | None:
    """The kind of the folder's files: what was asked for, else pictures or sounds, else texts."""
    if options.modality in listing.files:
        return options.modality
    if "image" in listing.files and "audio" in listing.files:
        raise DataError(
            f"The folder '{root}' holds both pictures ({len(listing.files['image'])}) and sounds "
            f"({len(listing.files['audio'])}); a model reads one kind, so name it or keep them apart."
        )
    return next((kind for kind in ("image", "audio", "text") if kind in listing.files), None)


def _from_tables(root: Path, listing: FolderListing, options: ReadOptions) -> RowsRead | None:
    """What the tables of the folder, or of its only folder, hold; None where there are none."""
    if not listing.tables:
        inner = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
        if len(inner) == 1 and any(_is_table(path.name) for path in inner[0].iterdir()):
            return _from_tables(inner[0], list_folder(inner[0]), options)
        return None
    splits: dict[str, Path] = {}
    for name in listing.tables:
        split = SPLITS.get(Path(name).stem.lower())
        if split in splits:
            raise DataError(f"The folder '{root}' has two tables for '{split}', '{splits[split].name}' and '{name}'.")
        if split is not None:
            splits[split] = root / name
    if "train" in splits or len(splits) > 1:
        ordered = {split: splits[split] for split in sorted(splits, key=("train", "val", "test").index)}
        rest = [name for name in listing.tables if root / name not in splits.values()]
        note = (f"Did not read the other table{'s' if len(rest) > 1 else ''} {name_some(rest)}.",) if rest else ()
        rows = read_tables(ordered, options) if len(ordered) > 1 else read_table(splits["train"], options)
        return replace(rows, notes=(*rows.notes, *note))
    if len(listing.tables) > 1:
        raise DataError(
            f"The folder '{root}' holds the tables {name_some(listing.tables)}; give the path of one of them, "
            "or name them train, val and test."
        )
    return read_table(root / listing.tables[0], options)


def _from_files(
    root: Path, modality: Modality, layout: Layout, listing: FolderListing, options: ReadOptions
) -> RowsRead:
    _refuse_columns(root, options)
    paths = tuple(place.path for place in layout.places)
    splits = [place.split or "" for place in layout.places]
    folds = [place.fold or "" for place in layout.places]
    items, notes = _contents(root, paths) if modality == "text" else ([str(root / path) for path in paths], ())
    labels = None
    if layout.classes is not None:
        labels = {"folder": np.array(layout.classes, dtype=object)}
    if any(folds):
        notes = (
            *notes,
            f"Took the {plural(len(set(folds)), 'fold folder')} as groups, which stay together in every split.",
        )
    if any(splits):
        notes = (*notes, "Took the given split from the folders " + name_some(sorted(set(splits))) + ".")
    return RowsRead(
        items=items,
        ids=paths,
        modality=modality,
        labels=labels,
        is_classes=True,
        groups=np.array(folds, dtype=np.str_) if any(folds) else None,
        split=np.array(splits, dtype=np.str_) if any(splits) else None,
        notes=(*notes, *_left_out(modality, layout, listing)),
    )


def _refuse_columns(root: Path, options: ReadOptions) -> None:
    named = [*(options.label or ()), options.item, options.group_col, options.time_col]
    column = next((name for name in named if name is not None and name != "folder"), None)
    if column is not None and options.labelled:
        raise DataError(
            f"The column '{column}' was named, but '{root}' has a folder for each class and no table; "
            "leave it out, or give a table with paths."
        )


def _contents(root: Path, paths: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The texts of files, of each at most the first MiB."""
    texts, cut = [], 0
    for path in paths:
        try:
            with (root / path).open("rb") as file:
                raw = file.read(MAX_TEXT_BYTES + 1)
        except OSError as error:
            raise DataError(f"Cannot read '{root / path}': {error.strerror}.") from error
        cut += len(raw) > MAX_TEXT_BYTES
        texts.append(decode_text(raw[:MAX_TEXT_BYTES], path)[0])
    return texts, (f"Read only the first MiB of {plural(cut, 'text')}.",) if cut else ()


def _left_out(modality: Modality, layout: Layout, listing: FolderListing) -> tuple[str, ...]:
    others = listing.ignored + sum(len(files) for kind, files in listing.files.items() if kind != modality)
    notes = []
    if others:
        notes.append(f"Left out files that are no {NOUNS[modality]}s or are hidden: {others}.")
    if layout.stray:
        noun = NOUNS[modality]
        stray = plural(layout.stray, f"{noun} that lies", f"{noun}s that lie")
        notes.append(f"Left out {stray} beside the folders of the classes.")
    if listing.tables:
        tables = "table" if len(listing.tables) == 1 else "tables"
        notes.append(f"Did not read the {tables} {name_some(listing.tables)}, because there are folders of classes.")
    if listing.links:
        links = plural(listing.links, "link to a folder that was", "links to folders that were")
        notes.append(f"Did not follow {links} read already or {'lies' if listing.links == 1 else 'lie'} above.")
    return tuple(notes)
