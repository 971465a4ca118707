"""Which column of a table is what: inferred from names and contents, and said."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.data.identifiers import are_identifiers, find_files
from headstart.data.schema import MEDIA, SPLITS, ReadOptions
from headstart.data.wording import name_some, plural
from headstart.errors import DataError
from headstart.types import Modality

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnRoles", "infer_columns"]

LABEL_NAMES = (
    "label", "labels", "class", "classes", "target", "targets", "y", "category", "categories", "intent", "sentiment",
    "topic", "genre", "species", "diagnosis", "emotion", "tag", "tags", "rating", "score", "stars", "outcome",
)  # fmt: skip
TEXT_NAMES = (
    "text", "sentence", "utterance", "question", "query", "message", "content", "review", "body", "comment", "tweet",
    "document", "headline", "title", "prompt", "input",
)  # fmt: skip
MEDIA_NAMES = ("path", "file", "filename", "file_name", "filepath", "image", "audio", "img", "picture", "sound", "clip")
SPLIT_NAMES = ("split", "subset", "partition")
ID_NAMES = ("id", "ids", "idx", "index", "row", "row_id", "uid", "uuid", "guid", "__index_level_0__")
WHOLE_NAMES = frozenset({"y", "score", "rating", "index", "idx", "row"})  # a feature may be called "gyro.y"
SAMPLE = 50

Cell = Literal["path", "media", "text", "array", "number", "other", "unknown"]


@dataclass(frozen=True)
class ColumnRoles:
    """What the columns of a table stand for.

    Attributes:
        kind: what an item is made from: a path, a media cell (bytes or a decoded object), a text, an array, or the
            numbers of several columns.
        modality: kind of item.
        items: the item column, or the feature columns of a vector.
        labels: the label columns; empty without labels.
        split: the column of given splits, or None.
        root: the folder that paths are relative to.
        files: the file of each identifier, where the items are named without an extension.
        notes: what was inferred, one sentence each.

    Examples:
        >>> ColumnRoles("text", "text", ("text",), ("label",), None, Path()).labels
        ('label',)
    """

    kind: Cell
    modality: Modality
    items: tuple[str, ...]
    labels: tuple[str, ...]
    split: str | None
    root: Path
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def infer_columns(frame: pd.DataFrame, roots: Collection[Path], options: ReadOptions, origin: str) -> ColumnRoles:
    """What each column of ``frame`` stands for.

    Args:
        frame: the table, with distinct names of columns.
        roots: folders that paths may be relative to; the first one where a path exists is taken.
        options: what the user said.
        origin: the table's name, for messages.

    Raises:
        DataError: if a column that was named is missing, or if a role cannot be inferred.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"text": ["a b", "c d"], "intent": ["x", "y"]})
        >>> infer_columns(frame, [], ReadOptions(), "memory").labels
        ('intent',)
    """
    names = list(frame.columns)
    asked = [*(options.label or ()), options.item, options.group_col, options.time_col]
    for name in asked if options.labelled else asked[-3:]:
        if name is not None and name not in frame.columns:
            raise DataError(_no_column(name, names, origin))
    split = _split_column(frame, asked)
    taken = {options.group_col, options.time_col, split, *_ids(frame, asked)} - {None}
    labels = _named_labels(frame, options, taken)
    row_ids = _ids(frame, asked)
    item = _item_column(frame, roots, options, [name for name in names if name not in taken | set(labels)], row_ids)
    if item.kind == "unknown":
        raise DataError(
            f"Column '{item.name}' of {origin} looks like identifiers, and no files of these names were found (tried "
            f"{', '.join(MEDIA)}); give a column of paths or texts with --item."
        )
    if not labels and options.labelled:
        labels = _unnamed_labels(frame, item, options, [name for name in names if name not in taken | {item.name}])
        if not labels:
            raise DataError(
                f"Cannot tell which column of {origin} holds the labels; name it with --label (its columns are "
                f"{name_some(names)})."
            )
    notes = [f"Took the given split from column '{split}'."] if split is not None else []
    if item.name is None:
        features, left_out = _features(frame, taken | set(labels), origin)
        notes.append(f"Read each row as a vector of {plural(len(features), 'number column')}.")
        if left_out:
            which = "is no feature" if len(left_out) == 1 else "are no features"
            notes.append(f"Left out {name_some(left_out)}, which {which}.")
        return ColumnRoles("number", "vector", features, labels, split, item.root, tuple(notes))
    notes += _item_notes(item, options)
    used = {item.name, *labels, split, options.group_col, options.time_col}
    unused = [name for name in names if name not in used]
    if unused:
        notes.append(f"Did not use the column{'s' if len(unused) > 1 else ''} {name_some(unused)}.")
    return ColumnRoles(item.kind, item.modality, (item.name,), labels, split, item.root, tuple(notes), item.files)


@dataclass(frozen=True)
class _Item:
    name: str | None
    kind: Cell
    modality: Modality
    root: Path
    files: Mapping[str, str] = field(default_factory=dict)


def _item_notes(item: _Item, options: ReadOptions) -> list[str]:
    if item.files:
        example = next(iter(item.files.values()))
        return [f"Read column '{item.name}' as names of files in '{item.root}', such as '{example}'; set it with --item."]
    if options.item is None:
        return [f"Read the items ({item.modality}) from column '{item.name}'; set it with --item."]
    return []


def _plain(name: str) -> str:
    """A column's name as it is looked up: in lower case, and of nested names (``data.text``) the last part."""
    whole = name.strip().lower()
    last = whole.rpartition(".")[2].strip()
    return whole if last in WHOLE_NAMES else last


def _by_name(names: Sequence[str]) -> dict[str, str]:
    """The columns by the names that they are looked up by; a whole name comes before a part of one."""
    found = {name.strip().lower(): name for name in reversed(names)}
    for name in names:
        found.setdefault(_plain(name), name)
    return found


def _no_column(name: str, names: list[str], origin: str) -> str:
    near = difflib.get_close_matches(name, names[:1000], n=1, cutoff=0.6)
    same = [known for known in names if known.strip().lower() == name.strip().lower()]
    hint = f" Did you mean '{(same or near)[0]}'?" if same or near else ""
    return f"There is no column '{name}' in {origin}.{hint} Its columns are {name_some(names)}."


def _split_column(frame: pd.DataFrame, asked: list[str | None]) -> str | None:
    for name in frame.columns:
        if _plain(name) in SPLIT_NAMES and name not in asked:
            values = {str(value).strip().lower() for value in frame[name].unique()}
            if values <= set(SPLITS) and "train" in {SPLITS[value] for value in values}:
                return str(name)
    return None


def _ids(frame: pd.DataFrame, asked: list[str | None]) -> set[str]:
    """Columns that only name the rows; as features they would give the order of the file away."""
    return {
        name
        for name in frame.columns
        if (_plain(name) in ID_NAMES or name.startswith("Unnamed: "))
        and name not in asked
        and (frame[name].is_unique or frame[name].isna().all())
    }


def _named_labels(frame: pd.DataFrame, options: ReadOptions, taken: set[Any]) -> tuple[str, ...]:
    if options.label is not None:
        return tuple(name for name in options.label if name in frame.columns)
    free = _by_name([name for name in frame.columns if name not in taken and name != options.item])
    for known in LABEL_NAMES:
        if known in free:
            return (free[known],)
    return ()


def _unnamed_labels(frame: pd.DataFrame, item: _Item, options: ReadOptions, free: list[str]) -> tuple[str, ...]:
    """Beside a text or media item all columns of 0 and 1 where there are several, else the last column."""
    if item.kind in ("path", "media", "text") and options.task in (None, "multilabel"):
        binary = tuple(name for name in free if _is_binary(frame[name]))
        if len(binary) > 1:
            return binary
    return (free[-1],) if free and _is_low(frame[free[-1]]) else ()


def _is_binary(column: pd.Series[Any]) -> bool:
    known = column.dropna()
    if not len(known) or not (known.dtype.kind in "biuf" or all(isinstance(value, bool) for value in known)):
        return False
    return bool(known.isin([0, 1]).all())


def _is_low(column: pd.Series[Any]) -> bool:
    """Whether each value is met twice on average, and none is a fraction."""
    known = column.dropna()
    if not len(known) or (known.dtype.kind == "f" and bool((known % 1 != 0).any())):
        return False
    try:
        return int(known.nunique()) * 2 <= len(known)
    except TypeError:  # lists are not hashable
        return True


def _item_column(
    frame: pd.DataFrame, roots: Collection[Path], options: ReadOptions, free: list[str], row_ids: Collection[str]
) -> _Item:
    home = next(iter(roots), Path())
    if options.item is not None:
        seen = _look(frame, options.item, roots) or _named_files(frame, [options.item], roots, options.modality)
        return seen or _text_item(frame, options.item, home)
    if options.modality == "vector":
        return _vector_cells(frame, free, home)
    text_like = [name for name in free if frame[name].dtype.kind in "OUST" or frame[name].dtype == "string"]
    if options.modality != "text":
        for name in sorted(text_like, key=lambda name: _plain(name) not in MEDIA_NAMES):
            seen = _look(frame, name, roots)
            if seen is not None and seen.kind in ("path", "media"):
                return seen
    texts = [name for name in text_like if _cell(frame, name) == "text"]
    has_numbers = len(text_like) < len(free)
    if options.modality != "text":
        keys = _identifiers(frame, texts, row_ids, has_numbers=has_numbers and options.modality is None)
        if keys:
            return _keyed_item(frame, keys, texts, roots, options, has_numbers=has_numbers, free=free)
    text = _text_column(frame, texts, has_numbers=has_numbers, forced=options.modality == "text")
    return _text_item(frame, text, home) if text is not None else _vector_cells(frame, free, home)


def _identifiers(
    frame: pd.DataFrame, texts: list[str], row_ids: Collection[str], *, has_numbers: bool
) -> list[str]:
    """Columns that may name files without an extension; whole numbers may only where no other numbers are."""
    named = [name for name in texts if _plain(name).endswith("id") or _plain(name) in MEDIA_NAMES]
    ids = [name for name in row_ids if not (has_numbers and frame[name].dtype.kind in "iu")]
    return [name for name in (*named, *ids) if are_identifiers(frame[name].dropna().tolist())]


def _keyed_item(
    frame: pd.DataFrame,
    keys: list[str],
    texts: list[str],
    roots: Collection[Path],
    options: ReadOptions,
    *,
    has_numbers: bool,
    free: list[str],
) -> _Item:
    """The item of a table with identifiers: a column that is surely text, else their files, else any other text."""
    home = next(iter(roots), Path())
    others = [name for name in texts if name not in keys and not _is_low(frame[name])]
    sure = _text_column(frame, others, has_numbers=True, forced=False)
    if sure is None or options.modality is not None:
        found = _named_files(frame, keys, roots, options.modality)
        if found is not None:
            return found
    text = sure or _text_column(frame, others, has_numbers=has_numbers, forced=False)
    if text is not None:
        return _text_item(frame, text, home)
    cells = _vector_cells(frame, free, home)
    return cells if cells.name is not None or has_numbers else _Item(keys[0], "unknown", "text", home)


def _named_files(
    frame: pd.DataFrame, names: Sequence[str], roots: Collection[Path], modality: Modality | None
) -> _Item | None:
    for name in names:
        values = frame[name].dropna().tolist()
        found = find_files(values, roots, modality) if are_identifiers(values) else None
        if found is not None:
            return _Item(name, "path", found.modality, found.root, found.names)
    return None


def _text_item(frame: pd.DataFrame, name: str, home: Path) -> _Item:
    values = [str(value) for value in _sample(frame, name)]
    if values and all(Path(value).suffix.lower() in MEDIA for value in values):
        raise DataError(
            f"Column '{name}' holds paths such as '{values[0]}', but none of the first {len(values)} files exists in "
            f"'{home}'; paths must be relative to the table's folder, or absolute."
        )
    return _Item(name, "text", "text", home)


def _vector_cells(frame: pd.DataFrame, free: list[str], home: Path) -> _Item:
    arrays = [name for name in free if frame[name].dtype.kind == "O" and _cell(frame, name) == "array"]
    return _Item(arrays[0] if len(arrays) == 1 else None, "array" if arrays else "number", "vector", home)


def _sample(frame: pd.DataFrame, name: str) -> list[Any]:
    return frame[name].dropna().iloc[:SAMPLE].tolist()


def _cell(frame: pd.DataFrame, name: str) -> Cell:
    values = _sample(frame, name)
    if values and all(isinstance(value, str) for value in values):
        return "text"
    if values and all(isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 for value in values):
        return "array" if all(np.asarray(value).dtype.kind in "fiu" for value in values) else "other"
    return "other"


def _look(frame: pd.DataFrame, name: str, roots: Collection[Path]) -> _Item | None:
    """What the cells of one column hold, from the first ones; None where that is nothing known."""
    from headstart.data.readers import media_kind

    home = next(iter(roots), Path())
    values = _sample(frame, name)
    if not values:
        return None
    kinds = {media_kind(value) for value in values}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        return _Item(name, "media", kind, home)
    cell = _cell(frame, name)
    if cell == "array":
        return _Item(name, "array", "vector", home)
    if cell != "text":
        return None
    media = {MEDIA.get(Path(value).suffix.lower()) for value in values}
    if len(media) == 1 and (modality := media.pop()) is not None:
        root = _root_of(values, roots)
        if root is not None:
            return _Item(name, "path", modality, root)
    return None


def _root_of(values: list[str], roots: Collection[Path]) -> Path | None:
    found = {root: sum((root / value).is_file() for value in values) for root in roots}
    best = max(found, key=found.__getitem__, default=None)
    return best if best is not None and found[best] else None


def _text_column(frame: pd.DataFrame, texts: list[str], *, has_numbers: bool, forced: bool) -> str | None:
    known_as = _by_name(texts)
    for known in TEXT_NAMES:
        if known in known_as:
            return known_as[known]
    if not texts:
        return None
    longest = max(texts, key=lambda name: float(frame[name].dropna().str.len().mean()))
    # Beside columns of numbers, a string column of few words is a category, not a text.
    spaced = float(frame[longest].dropna().str.contains(" ").mean())
    return longest if forced or not has_numbers or spaced > 0.5 else None


def _features(frame: pd.DataFrame, taken: set[Any], origin: str) -> tuple[tuple[str, ...], list[str]]:
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    numeric = {name for name, kind in kinds if getattr(kind, "kind", "O") in "biuf"}
    features = tuple(name for name in frame.columns if name in numeric and name not in taken)
    if not features:
        raise DataError(
            f"Cannot tell which column of {origin} holds the items (a text, a path of a file that exists, or numbers); "
            f"name it with --item (its columns are {name_some(frame.columns)})."
        )
    others = [name for name in frame.columns if name not in numeric or name in taken]
    return features, [name for name in others if name not in taken or _plain(name) in ID_NAMES]
