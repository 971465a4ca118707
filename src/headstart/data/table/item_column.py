"""The item column of a table: finds which column holds media, paths, file names, texts or numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headstart.data.media.file_kinds import media_suffix
from headstart.data.naming.column_names import MEDIA_NAMES, TEXT_NAMES, find_name, plain_name
from headstart.data.schema import ReadOptions
from headstart.data.table.column_facts import Cell, ColumnFacts, Facts
from headstart.data.table.column_kinds import Naming
from headstart.data.table.identifiers import NamedFiles, find_files
from headstart.data.table.paths import describe_found, find_paths
from headstart.errors import DataError
from headstart.types import Modality

__all__ = ["Item", "find_item", "inspect_cells"]


@dataclass(frozen=True)
class Item:
    """The column that holds the items.

    Attributes:
        name: the column; None if an item is the numbers of several columns.
        kind: what its cells hold.
        modality: kind of item.
        root: the folder that paths are relative to.
        files: file paths by cell, for cells that are not paths as they stand.
        notes: sentences on the cells, for the user.
    """

    name: str | None
    kind: Cell
    modality: Modality
    root: Path
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_item(
    facts: Facts,
    free: Sequence[str],
    row_ids: Collection[str],
    roots: Collection[Path],
    options: ReadOptions,
    *,
    origin: str,
    has_labels: bool,
    naming: Mapping[str, Naming] | None = None,
) -> Item:
    """Find the column that holds the items.

    In order of precedence: the column that the user named, media cells and paths, a clear text column, identifiers that
    name files, any other text column, a column of lists of numbers, and all columns of numbers together.

    Args:
        facts: facts of the table's columns.
        free: the columns without another role.
        row_ids: the columns that only name the rows.
        roots: folders that paths may be relative to.
        options: how to read.
        origin: the table's name, for messages.
        has_labels: whether the label columns are known; otherwise a column of few values may hold the labels.
        naming: columns that name or date rows, which are not texts; addresses count as texts if there is no other text.

    Raises:
        DataError: if paths or identifiers do not lead to files.

    Examples:
        >>> import pandas as pd
        >>> from headstart.data.table.column_facts import facts_of
        >>> facts = facts_of(pd.DataFrame({"a": ["one or two", "three or four"]}))
        >>> find_item(facts, ["a"], [], [], ReadOptions(), origin="memory", has_labels=True).name
        'a'
    """
    home = next(iter(roots), Path())
    if options.item is not None:
        return _named_item(facts, options.item, roots, options.modality)
    if options.modality == "vector":
        return _vector_cells(facts, free, home)
    is_text = options.modality == "text"
    seen = None if is_text else _media_column(facts, free, roots, options.modality)
    if seen is not None:
        return seen
    keys = [] if is_text else _identifiers(facts, [*free, *row_ids], is_media=options.modality is not None)
    texts = [name for name in free if facts[name].is_stringy and facts[name].cell == "text"]
    seen = None if is_text else _most_named_files(facts, [name for name in texts if name not in keys], roots)
    if seen is not None:
        return seen
    own = [name for name in texts if name not in (naming or {})]
    texts = own or [name for name in texts if (naming or {})[name] != "time"]
    if keys:
        texts = [name for name in texts if name not in keys and (has_labels or not facts[name].is_low)]
    if keys and (options.modality is not None or _text_column(facts, texts, has_numbers=True) is None):
        seen = _named_files(facts, keys, roots, options.modality)
        if seen is not None:
            return seen
    has_numbers = _has_numbers(facts, [name for name in free if name not in (naming or {})], keys)
    text = _text_column(facts, texts, has_numbers=has_numbers and not is_text)
    found = _text_item(facts, text, home) if text is not None else _vector_cells(facts, free, home)
    if keys and not has_numbers and found.name is None:
        raise DataError(
            f"Column '{keys[0]}' of {origin} looks like identifiers, but no pictures or sounds with these names were "
            "found, with any extension; give a column of paths or texts with --item."
        )
    return found


def _named_item(facts: Facts, name: str, roots: Collection[Path], modality: Modality | None) -> Item:
    """The column that the user named: files, media, arrays, numbers, or otherwise texts."""
    home = next(iter(roots), Path())
    if modality in (None, "vector") and facts[name].is_number:
        return _named_files(facts, [name], roots, None) or Item(name, "number", "vector", home)
    seen = inspect_cells(facts[name], roots, modality) or _named_files(facts, [name], roots, modality)
    return seen or _text_item(facts, name, home, modality)


def _has_numbers(facts: Facts, names: Sequence[str], keys: Collection[str]) -> bool:
    return any(name not in keys and facts[name].is_quantity for name in names)


def _media_column(facts: Facts, free: Sequence[str], roots: Collection[Path], modality: Modality | None) -> Item | None:
    names = [name for name in free if facts[name].is_stringy]
    for name in sorted(names, key=lambda name: plain_name(name) not in MEDIA_NAMES):
        seen = inspect_cells(facts[name], roots)
        if seen is not None and seen.kind in ("path", "media") and modality in (None, seen.modality):
            return seen
    return None


def _identifiers(facts: Facts, names: list[str], *, is_media: bool) -> list[str]:
    """Columns that may name files without an extension; among numbers, numeric ones only if media are requested."""
    named = [name for name in names if plain_name(name).endswith("id") or plain_name(name) in MEDIA_NAMES]
    keys = [name for name in named if facts[name].are_identifiers]
    if is_media or not _has_numbers(facts, names, keys):
        return keys
    return [name for name in keys if facts[name].is_stringy]


def _named_files(facts: Facts, names: Sequence[str], roots: Collection[Path], modality: Modality | None) -> Item | None:
    for name in names:
        known = facts[name].known
        found = find_files(known.tolist(), roots, modality) if facts[name].are_identifiers else None
        if found is not None:
            return Item(name, "path", found.modality, found.root, found.names, _named_notes(name, found, len(known)))
    return None


def _most_named_files(facts: Facts, names: Sequence[str], roots: Collection[Path]) -> Item | None:
    """A column of single words, whatever its name, if at least half of them name files without the extension."""
    for name in names:
        seen = _named_files(facts, [name], roots, None) if plain_name(name) not in TEXT_NAMES else None
        if seen is not None and len(seen.files) * 2 >= len(facts[name]):
            return seen
    return None


def _text_column(facts: Facts, texts: list[str], *, has_numbers: bool) -> str | None:
    named = find_name(texts, TEXT_NAMES)
    if named is not None or not texts:
        return named
    longest = max(texts, key=lambda name: facts[name].mean_length)
    # Next to columns of numbers, a string column of few words is a category, not a text.
    return longest if not has_numbers or facts[longest].spaced > 0.5 else None


def _text_item(facts: Facts, name: str, home: Path, modality: Modality | None = None) -> Item:
    values = [str(value) for value in facts[name].sample]
    named = [value for value in values if media_suffix(value) is not None]
    if modality != "text" and sum("://" in value for value in named) * 2 > len(values):
        raise DataError(
            f"Column '{name}' holds URLs such as '{named[0]}', and nothing is downloaded from the network; download "
            "the files and give their paths."
        )
    if named and len(named) * 2 >= len(values) and modality != "text":
        raise DataError(
            f"Column '{name}' holds paths such as '{named[0]}', but none of the first {len(values)} files exists in "
            f"'{home}'; paths must be relative to the table's folder, or absolute."
        )
    if modality in ("image", "audio"):
        raise DataError(
            f"Column '{name}' was named for {modality} items, but none of its cells leads to a file below '{home}', "
            f"such as '{values[0] if values else ''}'; give a column of paths, absolute or relative to the table's "
            "folder."
        )
    return Item(name, "text", "text", home)


def _vector_cells(facts: Facts, free: Sequence[str], home: Path) -> Item:
    arrays = [name for name in free if facts[name].dtype_kind == "O" and facts[name].cell == "array"]
    return Item(arrays[0] if len(arrays) == 1 else None, "array" if arrays else "number", "vector", home)


def inspect_cells(facts: ColumnFacts, roots: Collection[Path], modality: Modality | None = None) -> Item | None:
    """What the cells of a column hold: media, arrays or paths; None for anything else.

    Args:
        facts: facts of the column.
        roots: folders that paths may be relative to.
        modality: kind of item that the user stated, or None.

    Examples:
        >>> import pandas as pd
        >>> inspect_cells(ColumnFacts("a", pd.Series([[0.0, 1.0]])), []).kind
        'array'
    """
    home = next(iter(roots), Path())
    if facts.media is not None:
        return Item(facts.name, "media", facts.media, home)
    if facts.cell == "array":
        return Item(facts.name, "array", "vector", home)
    if facts.cell != "text" or modality == "text":
        return None
    strings = [value for value in facts.known.tolist() if isinstance(value, str) and value.strip()]
    found = find_paths(strings, roots, modality if modality in ("image", "audio") else None)
    if found is None:
        return None
    return Item(facts.name, "path", found.modality, found.root, found.files, tuple(describe_found(found, facts.name)))


def _named_notes(name: str, found: NamedFiles, count: int) -> tuple[str, ...]:
    example = next(iter(found.names.values()))
    some = "" if len(found.names) == count else f" ({len(found.names)} of {count} have one)"
    return (f"Read column '{name}' as file names in '{found.root}', such as '{example}'{some}; set it with --item.",)
