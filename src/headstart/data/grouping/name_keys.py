"""Candidate group keys from the parts of names, such as the speaker in ``7_jackson_32.wav``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NameKey", "name_keys"]

# Patterns are shown to the user and run on any name: possessive quantifiers (``++``) rule out backtracking.
TOKEN = re.compile(r"\d+|[^\W\d_]+")  # runs of digits, or of letters
_TOKEN = r"(?:\d++|[^\W\d_]++)"  # noqa: S105 (a pattern)
_GAP = r"(?:[^\w/]|_)*+"
MAX_TOKENS = 8
PRESENT = 0.95  # share of the names that must have a part
MAX_SHARE = 0.5  # largest number of distinct values, relative to the number of items


@dataclass(frozen=True, eq=False)
class NameKey:
    """One way to derive groups from names.

    Attributes:
        codes: (n,) integer codes of the values.
        values: the values by code.
        column: the table column that holds the names; empty for the items' own names.
        pattern: the regular expression that captures the value; empty if the column's values are the groups.

    Examples:
        >>> NameKey(np.array([0, 1]), ("ann", "bob"), "speaker", "").option
        '--group-col speaker'
    """

    codes: NDArray[np.intp]
    values: tuple[str, ...]
    column: str
    pattern: str

    @property
    def option(self) -> str:
        """The command-line options that group by this key."""
        import shlex

        column = f"--group-col {shlex.quote(self.column)}" if self.column else ""
        pattern = f"--group-pattern {shlex.quote(self.pattern)}" if self.pattern else ""
        return f"{column} {pattern}".strip()


def name_keys(ids: Sequence[str], columns: Mapping[str, Sequence[str]]) -> list[NameKey]:
    """Candidate keys from the items' names and from further columns of a table.

    A name is split into folders, and its last part into runs of digits and runs of letters. Each position that 95% of
    the names have, and each prefix of several positions, is a key if it has between 2 and n/2 distinct values. A column
    with as few values is itself a key. Keys that group the items in the same way are returned once.

    Args:
        ids: n names of items; row numbers are ignored.
        columns: n values of each further column, by its name.

    Examples:
        >>> [key.values for key in name_keys(["7_ann_1.wav", "7_bob_2.wav", "7_ann_3.wav", "7_bob_4.wav"], {})]
        [('ann', 'bob')]
        >>> name_keys(["7_ann_1.wav", "7_bob_2.wav", "7_ann_3.wav", "7_bob_4.wav"], {})[0].pattern
        '(?:^|/)[^_/]*_([^_/.]+)'
    """
    found: dict[bytes, NameKey] = {}
    named = [("", ids)] if not all(name.isdecimal() for name in ids) else []
    for column, names in [*named, *columns.items()]:
        for values, patterns in _readings(names, is_column=bool(column)):
            key = _key(values, column, patterns, names)
            if key is not None:
                found.setdefault(key.codes.tobytes(), key)
    return list(found.values())


def _readings(names: Sequence[str], *, is_column: bool) -> Iterator[tuple[list[str | None], list[str]]]:
    """Values of each item, with the patterns that may capture them, the simplest first."""
    if is_column:
        yield list(names), [""]
        if len(set(names)) <= MAX_SHARE * len(names):
            return
    folders = [name.split("/")[:-1] for name in names]
    for place in range(1, 1 + min(map(len, folders), default=0)):
        yield [parts[-place] for parts in folders], [r"([^/]+)" + "/[^/]*" * place + "$"]
    files = [name.rsplit("/", 1)[-1] for name in names]
    stems = [file if is_column or "." not in file else file.rsplit(".", 1)[0] for file in files]
    tokens = [TOKEN.findall(stem) for stem in stems]
    most = min(MAX_TOKENS, int(np.quantile([len(parts) for parts in tokens], 1 - PRESENT)) if tokens else 0)
    for place in range(most):
        values = [parts[place] if place < len(parts) else None for parts in tokens]
        yield values, [*_plain(stems, tokens, place), rf"(?:^|/){_GAP}(?:{_TOKEN}{_GAP}){{{place}}}({_TOKEN})[^/]*$"]
    for place in range(2, most + 1):
        joined = [" ".join(parts[:place]) if len(parts) >= place else None for parts in tokens]
        yield joined, [rf"(?:^|/)({_GAP}(?:{_TOKEN}{_GAP}){{{place - 1}}}{_TOKEN})[^/]*$"]


def _plain(stems: Sequence[str], tokens: Sequence[Sequence[str]], place: int) -> Iterator[str]:
    """Short patterns for a position: after a word that all names share, or a field between separators."""
    before = {parts[place - 1] for parts in tokens if place <= len(parts)} if place else set()
    kind = r"\d+" if all(place >= len(parts) or parts[place].isdigit() for parts in tokens) else r"[^\W\d_]+"
    if len(before) == 1:
        yield f"{re.escape(before.pop())}({kind})"
    for separator in "_-. ":
        if all(separator in stem for stem in stems):
            inside = re.escape(separator)
            for field in range(4):
                yield r"(?:^|/)" + rf"[^{inside}/]*{inside}" * field + rf"([^{inside}/.]+)"
    if place == 0:
        yield rf"(?:^|/)({kind})"


def _key(values: Sequence[str | None], column: str, patterns: Sequence[str], names: Sequence[str]) -> NameKey | None:
    known = [value for value in values if value]
    distinct = sorted(set(known))
    if len(known) < PRESENT * len(values) or not 2 <= len(distinct) <= MAX_SHARE * len(values):
        return None
    full = [value or f"(none) {row}" for row, value in enumerate(values)]
    # Codes in order of appearance are equal for all keys that group the items in the same way.
    first: dict[str, int] = {}
    codes = np.array([first.setdefault(value, len(first)) for value in full], dtype=np.intp)
    for pattern in patterns:
        if not pattern or _captures(pattern, names, full):
            return NameKey(codes, tuple(distinct), column, pattern)
    return None


def _captures(pattern: str, names: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a pattern groups the names as the values do."""
    compiled = re.compile(pattern)
    pairs: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        # Captures and values must correspond one to one.
        match = compiled.search(name)
        group = f"(none) {name}" if match is None else match.group(1)
        if pairs.setdefault(value, group) != group:
            return False
    return len(set(pairs.values())) == len(pairs)
