"""Column roles: which columns hold the items, labels and splits, inferred from names and contents, and reported."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headstart.data.naming.column_names import ID_NAMES, LABEL_NAMES, SPLIT_NAMES, find_name, plain_name
from headstart.data.schema import SPLITS, ReadOptions
from headstart.data.table.column_facts import Cell, Facts, Role
from headstart.data.table.column_kinds import Naming, naming_columns
from headstart.data.table.item_column import Item, find_item
from headstart.errors import DataError
from headstart.reporting.wording import name_some, plural
from headstart.types import Modality

__all__ = ["ColumnRoles", "infer_columns"]


NAMING: Mapping[Naming, tuple[str, str]] = {
    "identifier": ("is an identifier", "are identifiers"),
    "time": ("is a time", "are times"),
    "address": ("is an address", "are addresses"),
}


@dataclass(frozen=True)
class ColumnRoles:
    """The roles of the columns of a table.

    Attributes:
        kind: what a cell of the item column holds: a path, media (bytes or a decoded object), a text or an array; or
            ``"number"`` if an item is the numbers of several columns.
        modality: kind of item.
        items: the item column, or the feature columns of a vector.
        labels: the label columns; empty without labels.
        split: the column of the given split, or None.
        root: the folder that paths are relative to.
        files: file paths by cell, for cells that are not paths as they stand.
        notes: what was inferred, one sentence each.
    """

    kind: Cell
    modality: Modality
    items: tuple[str, ...]
    labels: tuple[str, ...]
    split: str | None
    root: Path
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def infer_columns(facts: Facts, roots: Collection[Path], options: ReadOptions, origin: str) -> ColumnRoles:
    """Infer the role of each column of a table.

    Args:
        facts: facts of the table's columns.
        roots: folders that paths may be relative to; the one with most of the paths is used.
        options: how to read.
        origin: the table's name, for messages.

    Raises:
        DataError: if a column that was named is missing, or if a role cannot be inferred.

    Examples:
        >>> import pandas as pd
        >>> from headstart.data.table.column_facts import facts_of
        >>> facts = facts_of(pd.DataFrame({"text": ["a b", "c d"], "intent": ["x", "y"]}))
        >>> infer_columns(facts, [], ReadOptions(), "memory").labels
        ('intent',)
    """
    names = list(facts)
    asked = [*(options.label or ()), options.item, options.group_col, options.time_col]
    for name in asked if options.labelled else asked[-3:]:
        if name is not None and name not in facts:
            raise DataError(_no_column(name, names, origin))
    given = _split_role(facts, asked)
    split = next(iter(given.columns), None)
    row_ids = _row_ids(facts, asked)
    used = (options.group_col, options.time_col, split, *row_ids)
    taken = {name for name in used if name is not None}
    labels = _named_labels(facts, options, taken)
    free = [name for name in names if name not in taken | set(labels)]
    known = bool(labels) or not options.labelled
    naming = naming_columns(facts, [name for name in free if name not in asked])
    # Find the item column before labels without a usual name: a column of few values may be either.
    item = find_item(facts, free, row_ids, roots, options, origin=origin, has_labels=known, naming=naming)
    if not labels and options.labelled:
        rest = [name for name in names if name not in taken | {item.name} | set(naming)]
        labels = _unnamed_labels(facts, item, options, rest)
        if not labels:
            raise DataError(_no_labels(origin, names, rest))
    if item.name is None:
        features = _features(facts, taken | set(labels), naming, origin)
    else:
        reported = {item.name, *labels, split, options.group_col, options.time_col}
        features = Role((item.name,), _item_notes(item, options, [name for name in names if name not in reported]))
    notes = (*given.why, *features.why)
    return ColumnRoles(item.kind, item.modality, features.columns, labels, split, item.root, notes, item.files)


def _item_notes(item: Item, options: ReadOptions, unused: list[str]) -> tuple[str, ...]:
    notes = list(item.notes)
    if options.item is None and not any("set it with --item" in note for note in notes):
        notes.insert(0, f"Read the items ({item.modality}) from column '{item.name}'; set it with --item.")
    if unused:
        notes.append(f"Did not use the column{'s' if len(unused) > 1 else ''} {name_some(unused)}.")
    return tuple(notes)


def _no_column(name: str, names: list[str], origin: str) -> str:
    near = difflib.get_close_matches(name, names[:1000], n=1, cutoff=0.6)
    same = [known for known in names if known.strip().lower() == name.strip().lower()]
    hint = f" Did you mean '{(same or near)[0]}'?" if same or near else ""
    return f"There is no column '{name}' in {origin}.{hint} Its columns are {name_some(names)}."


def _split_role(facts: Facts, asked: Sequence[str | None]) -> Role:
    """The column in which every cell is the name of a split and "train" occurs."""
    for name, column in facts.items():
        if plain_name(name) not in SPLIT_NAMES or name in asked:
            continue
        if column.values <= set(SPLITS) and "train" in {SPLITS[value] for value in column.values}:
            return Role((name,), (f"Took the given split from column '{name}'.",))
    return Role()


def _row_ids(facts: Facts, asked: Sequence[str | None]) -> list[str]:
    """Columns that only number or name the rows; as features they would leak the order of the file."""
    return [
        name
        for name, column in facts.items()
        if (plain_name(name) in ID_NAMES or name.startswith("Unnamed: "))
        and name not in asked
        and (column.is_unique or column.missing == len(column))
    ]


def _named_labels(facts: Facts, options: ReadOptions, taken: Collection[str]) -> tuple[str, ...]:
    if options.label is not None:
        return tuple(name for name in options.label if name in facts)
    found = find_name([name for name in facts if name not in taken and name != options.item], LABEL_NAMES)
    return () if found is None else (found,)


def _unnamed_labels(facts: Facts, item: Item, options: ReadOptions, free: list[str]) -> tuple[str, ...]:
    """With a text or media item, all columns of 0 and 1 if there are several; otherwise the last column."""
    if item.kind in ("path", "media", "text") and options.task in (None, "multilabel"):
        binary = tuple(name for name in free if facts[name].is_binary)
        if len(binary) > 1:
            return binary
    if not free:
        return ()
    last = facts[free[-1]]
    is_alone = len(free) == 1 and item.kind in ("path", "media", "text")
    # By convention the target is last; a single number next to a text or picture can only be the target.
    is_target = last.is_number and (options.task == "regression" or (options.task != "classification" and is_alone))
    is_class = last.repeats if options.task == "classification" else last.is_low
    return (last.name,) if is_target or is_class else ()


def _features(facts: Facts, taken: Collection[str], naming: Mapping[str, Naming], origin: str) -> Role:
    """The feature columns, and notes on which columns were read and left out."""
    numeric = {name for name, column in facts.items() if column.is_quantity}
    features = tuple(name for name in facts if name in numeric and name not in taken and name not in naming)
    if not features:
        named = [f"'{name}' ({kind})" for name, kind in naming.items()]
        only = f" Its {', '.join(named)} name or date a row and say nothing about new rows." if named else ""
        raise DataError(
            f"Cannot tell which column of {origin} holds the items (texts, paths of files that exist, or numbers); "
            f"name it with --item (its columns are {name_some(facts)}).{only}"
        )
    others = [name for name in facts if (name not in numeric or name in taken) and name not in naming]
    left_out = [name for name in others if name not in taken or plain_name(name) in ID_NAMES]
    notes = [f"Read each row as a vector of {plural(len(features), 'number column')}."]
    if left_out:
        which = "is not a feature" if len(left_out) == 1 else "are not features"
        notes.append(f"Left out {name_some(left_out)}, which {which}.")
    for kind, phrases in NAMING.items():
        columns = [name for name, found in naming.items() if found == kind and name not in taken]
        if columns:
            one, several = phrases
            which = one if len(columns) == 1 else several
            notes.append(f"Left out {name_some(columns)}, which {which}; name the columns to read with --item.")
    return Role(features, tuple(notes))


def _no_labels(origin: str, names: Sequence[str], rest: Sequence[str]) -> str:
    """The message if no column holds labels."""
    which = f"Cannot tell which column of {origin} holds the labels"
    if not rest:
        return f"{which}: there is none besides the items; add a column of labels, or name one with --label."
    return f"{which}; name it with --label (its columns are {name_some(names)})."
