"""Which column of a table is what: inferred from names and contents, and said."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data.labels import nearly_all
from headstart.data.naming.column_names import ID_NAMES, LABEL_NAMES, SPLIT_NAMES, find_name, plain_name
from headstart.data.schema import SPLITS, ReadOptions
from headstart.data.table.column_kinds import Naming, naming_columns
from headstart.data.table.item_column import Cell, Item, find_item, is_low
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural
from headstart.types import Modality

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnRoles", "infer_columns"]


NAMING: Mapping[Naming, tuple[str, str]] = {
    "identifier": ("only names things", "only name things"),
    "time": ("is a time", "are times"),
    "address": ("is an address", "are addresses"),
}


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
    row_ids = _ids(frame, asked)
    taken = {options.group_col, options.time_col, split, *row_ids} - {None}
    labels = _named_labels(frame, options, taken)
    free = [name for name in names if name not in taken | set(labels)]
    known = bool(labels) or not options.labelled
    naming = naming_columns(frame, [name for name in free if name not in asked])
    item = find_item(frame, free, row_ids, roots, options, origin=origin, has_labels=known, naming=naming)
    if not labels and options.labelled:
        rest = [name for name in names if name not in taken | {item.name} | set(naming)]
        labels = _unnamed_labels(frame, item, options, rest)
        if not labels:
            raise DataError(_no_labels(origin, names, rest))
    if item.name is None:
        items, notes = _features(frame, taken | set(labels), naming, origin)
    else:
        used = {item.name, *labels, split, options.group_col, options.time_col}
        items, notes = (item.name,), _item_notes(item, options, [name for name in names if name not in used])
    if split is not None:
        notes.insert(0, f"Took the given split from column '{split}'.")
    return ColumnRoles(item.kind, item.modality, items, labels, split, item.root, tuple(notes), item.files)


def _item_notes(item: Item, options: ReadOptions, unused: list[str]) -> list[str]:
    notes = list(item.notes)
    if options.item is None and not any("set it with --item" in note for note in notes):
        notes.insert(0, f"Read the items ({item.modality}) from column '{item.name}'; set it with --item.")
    if unused:
        notes.append(f"Did not use the column{'s' if len(unused) > 1 else ''} {name_some(unused)}.")
    return notes


def _no_column(name: str, names: list[str], origin: str) -> str:
    near = difflib.get_close_matches(name, names[:1000], n=1, cutoff=0.6)
    same = [known for known in names if known.strip().lower() == name.strip().lower()]
    hint = f" Did you mean '{(same or near)[0]}'?" if same or near else ""
    return f"There is no column '{name}' in {origin}.{hint} Its columns are {name_some(names)}."


def _split_column(frame: pd.DataFrame, asked: list[str | None]) -> str | None:
    for name in frame.columns:
        if plain_name(name) in SPLIT_NAMES and name not in asked:
            values = {str(value).strip().lower() for value in frame[name].unique()}
            if values <= set(SPLITS) and "train" in {SPLITS[value] for value in values}:
                return str(name)
    return None


def _ids(frame: pd.DataFrame, asked: list[str | None]) -> list[str]:
    """Columns that only name the rows; as features they would give the order of the file away."""
    return [
        name
        for name in frame.columns
        if (plain_name(name) in ID_NAMES or name.startswith("Unnamed: "))
        and name not in asked
        and (frame[name].is_unique or frame[name].isna().all())
    ]


def _named_labels(frame: pd.DataFrame, options: ReadOptions, taken: set[Any]) -> tuple[str, ...]:
    if options.label is not None:
        return tuple(name for name in options.label if name in frame.columns)
    free = [name for name in frame.columns if name not in taken and name != options.item]
    found = find_name(free, LABEL_NAMES)
    return () if found is None else (found,)


def _unnamed_labels(frame: pd.DataFrame, item: Item, options: ReadOptions, free: list[str]) -> tuple[str, ...]:
    """Beside a text or media item all columns of 0 and 1 where there are several, else the last column."""
    if item.kind in ("path", "media", "text") and options.task in (None, "multilabel"):
        binary = tuple(name for name in free if _is_binary(frame[name]))
        if len(binary) > 1:
            return binary
    if not free:
        return ()
    last = frame[free[-1]]
    is_alone = len(free) == 1 and item.kind in ("path", "media", "text")
    is_target = last.dtype.kind in "iuf" and options.task != "classification" and is_alone
    is_target = is_target or (options.task == "regression" and last.dtype.kind in "iuf")
    return (free[-1],) if is_target or is_low(last, fractions=options.task == "classification") else ()


def _is_binary(column: pd.Series[Any]) -> bool:
    known = column.dropna()
    if not len(known) or not (known.dtype.kind in "biuf" or all(isinstance(value, bool) for value in known)):
        return False
    return nearly_all(int(known.isin([0, 1]).sum()), len(known))


def _features(
    frame: pd.DataFrame, taken: set[Any], naming: Mapping[str, Naming], origin: str
) -> tuple[tuple[str, ...], list[str]]:
    """The columns of numbers, and notes on what was read and left out."""
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    numeric = {name for name, kind in kinds if getattr(kind, "kind", "O") in "biuf"}
    features = tuple(name for name in frame.columns if name in numeric and name not in taken and name not in naming)
    if not features:
        named = [f"'{name}' ({kind})" for name, kind in naming.items()]
        only = f" Its {', '.join(named)} name or date a row and say nothing of new ones." if named else ""
        raise DataError(
            f"Cannot tell which column of {origin} holds the items (a text, a path of a file that exists, or numbers); "
            f"name it with --item (its columns are {name_some(frame.columns)}).{only}"
        )
    others = [name for name in frame.columns if (name not in numeric or name in taken) and name not in naming]
    left_out = [name for name in others if name not in taken or plain_name(name) in ID_NAMES]
    notes = [f"Read each row as a vector of {plural(len(features), 'number column')}."]
    if left_out:
        which = "is no feature" if len(left_out) == 1 else "are no features"
        notes.append(f"Left out {name_some(left_out)}, which {which}.")
    for kind, said in NAMING.items():
        columns = [name for name, found in naming.items() if found == kind and name not in taken]
        if columns:
            one, several = said
            which = one if len(columns) == 1 else several
            notes.append(f"Left out {name_some(columns)}, which {which}; name what is to be read with --item.")
    return features, notes


def _no_labels(origin: str, names: Sequence[str], rest: Sequence[str]) -> str:
    """What to do where no column is one of labels."""
    which = f"Cannot tell which column of {origin} holds the labels"
    if not rest:
        return f"{which}: beside the items there is none; add a column of labels, or name one with --label."
    return f"{which}; name it with --label (its columns are {name_some(names)})."
