"""Which column of a table is what: inferred from names and contents, and said."""

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


def infer_columns(facts: Facts, roots: Collection[Path], options: ReadOptions, origin: str) -> ColumnRoles:
    """What each column of a table stands for.

    Args:
        facts: of the table's columns.
        roots: folders that paths may be relative to; the first one where a path exists is taken.
        options: what the user said.
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
    # The item is found before unnamed labels are: a column of few values may be either, and what is read comes first.
    item = find_item(facts, free, row_ids, roots, options, origin=origin, has_labels=known, naming=naming)
    if not labels and options.labelled:
        rest = [name for name in names if name not in taken | {item.name} | set(naming)]
        labels = _unnamed_labels(facts, item, options, rest)
        if not labels:
            raise DataError(_no_labels(origin, names, rest))
    if item.name is None:
        features = _features(facts, taken | set(labels), naming, origin)
    else:
        told = {item.name, *labels, split, options.group_col, options.time_col}
        features = Role((item.name,), _item_notes(item, options, [name for name in names if name not in told]))
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
    """The column whose every cell is the name of a split, "train" among them."""
    for name, column in facts.items():
        if plain_name(name) not in SPLIT_NAMES or name in asked:
            continue
        if column.values <= set(SPLITS) and "train" in {SPLITS[value] for value in column.values}:
            return Role((name,), (f"Took the given split from column '{name}'.",))
    return Role()


def _row_ids(facts: Facts, asked: Sequence[str | None]) -> list[str]:
    """Columns that only name the rows; as features they would give the order of the file away."""
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
    """Beside a text or media item all columns of 0 and 1 where there are several, else the last column."""
    if item.kind in ("path", "media", "text") and options.task in (None, "multilabel"):
        binary = tuple(name for name in free if facts[name].is_binary)
        if len(binary) > 1:
            return binary
    if not free:
        return ()
    last = facts[free[-1]]
    is_alone = len(free) == 1 and item.kind in ("path", "media", "text")
    # Convention puts the target last; a lone number beside a text or a picture can be nothing else.
    is_target = last.is_number and (options.task == "regression" or (options.task != "classification" and is_alone))
    is_class = last.repeats if options.task == "classification" else last.is_low
    return (last.name,) if is_target or is_class else ()


def _features(facts: Facts, taken: Collection[str], naming: Mapping[str, Naming], origin: str) -> Role:
    """The columns of numbers, and notes on what was read and left out."""
    numeric = {name for name, column in facts.items() if column.is_quantity}
    features = tuple(name for name in facts if name in numeric and name not in taken and name not in naming)
    if not features:
        named = [f"'{name}' ({kind})" for name, kind in naming.items()]
        only = f" Its {', '.join(named)} name or date a row and say nothing of new ones." if named else ""
        raise DataError(
            f"Cannot tell which column of {origin} holds the items (a text, a path of a file that exists, or numbers); "
            f"name it with --item (its columns are {name_some(facts)}).{only}"
        )
    others = [name for name in facts if (name not in numeric or name in taken) and name not in naming]
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
    return Role(features, tuple(notes))


def _no_labels(origin: str, names: Sequence[str], rest: Sequence[str]) -> str:
    """What to do where no column is one of labels."""
    which = f"Cannot tell which column of {origin} holds the labels"
    if not rest:
        return f"{which}: beside the items there is none; add a column of labels, or name one with --label."
    return f"{which}; name it with --label (its columns are {name_some(names)})."
