"""Folders as data: class folders of pictures, sounds or texts, with splits or folds, or folders with tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.data.folder.archives import is_archive
from headstart.data.folder.layout import Layout, Place, parse_layout
from headstart.data.folder.listing import FolderListing, by_extension, describe_links, is_hidden, is_table, list_folder
from headstart.data.folder.lost_folders import lost_folders
from headstart.data.schema import SPLITS, ReadOptions, RowsRead
from headstart.data.table.files import decode_text, read_table, read_tables
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural
from headstart.types import Modality

__all__ = ["read_folder"]

MAX_TEXT_BYTES = 2**20
NOUNS = {"image": "picture", "audio": "sound", "text": "text"}
STRAY = 10  # files of one kind are ignored if there are this many times as many of the other kind


def read_folder(root: Path, options: ReadOptions) -> RowsRead:
    """Read the items of a folder.

    Class folders take precedence, then tables named train, val and test, then a single table. To predict, all files are
    read.

    Args:
        root: the folder.
        options: how to read.

    Raises:
        DataError: if it contains nothing to read, or if there are no labels.

    Examples:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("ant", "bee"):
        ...     (root / name).mkdir()
        ...     _ = (root / name / "1.jpg").write_bytes(b"")
        >>> read_folder(root, ReadOptions()).labels["folder"].tolist()
        ['ant', 'bee']
    """
    listing = _with_documents(list_folder(root), options)
    modality = _modality(listing, options, root)
    layout = None if modality is None else parse_layout(listing.files[modality])
    classes = set() if layout is None or layout.classes is None else set(layout.classes)
    if modality is None or layout is None or (options.labelled and len(classes) < 2):
        rows = _from_tables(root, listing, options)
        if rows is not None:
            return rows
    if modality is None or layout is None:
        raise DataError(
            f"The folder '{root}' contains no pictures, sounds, texts or tables that can be read "
            f"({_what_else(listing)}); give a folder for each class, or a CSV, TSV, JSONL or Parquet table."
        )
    if not options.labelled:
        return _from_files(root, modality, _unlabelled(listing.files[modality]), listing, options)
    if layout.classes is None:
        raise DataError(
            f"The {NOUNS[modality]}s in '{root}' have no labels: put them into a folder for each class, "
            f"or add a table with their paths and labels.{_annotated(modality)}{_tables_beside(root)}"
        )
    return _from_files(root, modality, layout, listing, options)


def _annotated(modality: Modality) -> str:
    """How boxes and masks are given, for a folder of pictures alone."""
    if modality != "image":
        return ""
    return (
        " Boxes or masks are given as Pascal VOC, COCO or YOLO beside the pictures, as a table of boxes, or as masks "
        "of the same names in a folder beside that of the pictures (images/a.jpg, masks/a.png)."
    )


def _tables_beside(root: Path) -> str:
    """A hint at tables next to a folder of files without labels."""
    try:
        tables = sorted(
            path.name for path in root.absolute().parent.iterdir() if path.is_file() and is_table(path.name)
        )
    except OSError:
        return ""
    return f" Next to it is {name_some(tables, 3)}; if that contains the labels, give its path." if tables else ""


def _with_documents(listing: FolderListing, options: ReadOptions) -> FolderListing:
    """Count text files with other extensions than .txt as texts if there are no pictures, sounds or tables."""
    is_text = options.modality in (None, "text") and not ({"image", "audio"} & listing.files.keys() or listing.tables)
    if not is_text or not listing.documents:
        return replace(listing, documents=(), others=tuple(sorted((*listing.others, *listing.documents))))
    texts = sorted([*listing.files.get("text", []), *listing.documents])
    by_content = tuple(sorted((*listing.by_content, *listing.documents)))
    return replace(listing, files={**listing.files, "text": texts}, documents=(), by_content=by_content)


def _what_else(listing: FolderListing) -> str:
    """What a folder without readable files contains, in words."""
    hidden = [f"{listing.hidden} hidden"] if listing.hidden else []
    others = [f"{plural(len(listing.others), 'other file')}: {by_extension(listing.others)}"] if listing.others else []
    broken = [plural(len(listing.broken), "broken link")] if listing.broken else []
    packed = ["unpack the archives first"] if any(is_archive(Path(path)) for path in listing.others) else []
    return ", ".join([*others, *broken, *hidden, *packed]) or "it is empty"


def _unlabelled(files: Sequence[str]) -> Layout:
    return Layout(tuple(Place(path, ()) for path in files), None, 0)


def _modality(listing: FolderListing, options: ReadOptions, root: Path) -> Modality | None:
    """The kind of the folder's files: the requested kind, else pictures or sounds, else texts."""
    if options.modality in listing.files:
        return options.modality
    sizes: dict[Modality, int] = {
        kind: len(listing.files[kind]) for kind in ("image", "audio") if kind in listing.files
    }
    if len(sizes) == 2 and not _are_stray(listing, min(sizes, key=lambda kind: sizes[kind])):
        raise DataError(
            f"The folder '{root}' contains both pictures ({sizes['image']}) and sounds ({sizes['audio']}); a model "
            "reads only one kind, so name it or keep them apart."
        )
    if sizes:
        return max(sizes, key=lambda kind: sizes[kind])
    return "text" if "text" in listing.files else None


def _are_stray(listing: FolderListing, kind: Modality) -> bool:
    """Whether the files of a kind are few, and none is in a folder of its own, which might be a class."""
    few = listing.files[kind]
    others = [path for other in ("image", "audio") if other != kind for path in listing.files[other]]
    folders = {path.rpartition("/")[0] for path in others}
    return len(others) >= STRAY * len(few) and all(path.rpartition("/")[0] in folders for path in few)


def _from_tables(root: Path, listing: FolderListing, options: ReadOptions) -> RowsRead | None:
    """The rows of the tables in the folder, or in its only sub-folder; None if there are no tables."""
    if not listing.tables:
        inner = [path for path in root.iterdir() if path.is_dir() and not is_hidden(path.name)]
        if len(inner) == 1 and any(is_table(path.name) for path in inner[0].iterdir()):
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
            f"The folder '{root}' contains the tables {name_some(listing.tables)}; give the path of one of them, "
            "or name them train, val and test."
        )
    rows = read_table(root / listing.tables[0], options)
    return replace(rows, notes=(f"Read the table '{listing.tables[0]}' of the folder '{root}'.", *rows.notes))


def _from_files(
    root: Path, modality: Modality, layout: Layout, listing: FolderListing, options: ReadOptions
) -> RowsRead:
    _refuse_columns(root, options)
    paths = tuple(place.path for place in layout.places)
    splits = [place.split or "" for place in layout.places]
    folds = [place.fold or "" for place in layout.places]
    on_disk = [listing.on_disk.get(path, path) for path in paths]
    items, notes = _contents(root, on_disk) if modality == "text" else ([str(root / path) for path in on_disk], ())
    labels, absent = None, tuple[str, ...]()
    if layout.classes is not None:
        absent, lost = lost_folders(layout, listing, NOUNS[modality]) if options.labelled else ((), ())
        notes = (*notes, *lost)
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
        absent=absent,
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
    """The texts of files, at most the first MiB of each."""
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
    noun = NOUNS[modality]
    notes = []
    found = set(listing.files[modality])
    by_content = [path for path in listing.by_content if path in found]
    if by_content:
        which = plural(len(by_content), f"file as a {noun}", f"files as {noun}s")
        notes.append(f"Read {which} by content, because the file names do not say so: {by_extension(by_content)}.")
    if listing.encoding:
        count, example = len(listing.on_disk), next(iter(listing.on_disk))
        which = plural(count, "file or folder is", "files and folders are")
        notes.append(f"The names of {which} not UTF-8 and were read as {listing.encoding}, such as '{example}'.")
    for kind, paths in listing.files.items():
        if kind != modality:
            extensions = by_extension(paths, layout.depth)
            which = plural(len(paths), NOUNS[kind])
            notes.append(f"Left out {which}, because a model reads only one kind: {extensions}.")
    if listing.others:
        others = plural(len(listing.others), f"file that is not a {noun}", f"files that are not {noun}s")
        notes.append(f"Left out {others}: {by_extension(listing.others, layout.depth)}.")
    if listing.broken:
        which = plural(len(listing.broken), "broken link")
        notes.append(f"Left out {which}: {name_some(listing.broken, 5)}.")
    if listing.hidden:
        notes.append(f"Left out {plural(listing.hidden, 'hidden file')}.")
    if layout.stray:
        stray = plural(layout.stray, f"{noun} that is", f"{noun}s that are")
        notes.append(f"Left out {stray} outside of the class folders.")
    if listing.tables:
        tables = "table" if len(listing.tables) == 1 else "tables"
        notes.append(f"Did not read the {tables} {name_some(listing.tables)}, because there are class folders.")
    return (*notes, *([describe_links(listing.links)] if listing.links else []))
