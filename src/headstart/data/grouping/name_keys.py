"""What the parts of names could stand for: candidate keys by which items may belong together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NameKey", "name_keys"]

TOKEN = re.compile(r"\d+|[^\W\d_]+")  # runs of digits, or of letters
_TOKEN = r"(?:\d++|[^\W\d_]++)"  # noqa: S105 (a pattern)
_GAP = r"(?:[^\w/]|_)*+"
MAX_TOKENS = 8
PRESENT = 0.95  # share of the names that a part must be in
MAX_SHARE = 0.5  # of the items that may be values


@dataclass(frozen=True, eq=False)
class NameKey:
    """One way to read groups off names.

    Attributes:
        codes: (n,) integer codes of the values.
        values: the values by code.
        column: the table's column that holds the names; empty for the items' own names.
        pattern: the regular expression that captures the value; empty where the column's values are meant.

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
        """The options of the command line that group by it."""
        import shlex

        column = f"--group-col {shlex.quote(self.column)}" if self.column else ""
        pattern = f"--group-pattern {shlex.quote(self.pattern)}" if self.pattern else ""
        return f"{column} {pattern}".strip()


def name_keys(ids: Sequence[str], columns: Mapping[str, Sequence[str]]) -> list[NameKey]:
    """The keys that the parts of names give: of the items' names, and of further columns of a table.

    A name is taken apart into folders, and its last part into runs of digits and runs of letters. Each place, and each
    beginning of several places, that 95% of the names have is a key where it has between 2 and n/2 values. A column
    with as few values is a key as it is. Keys that part the items in the same way are given once.

    Args:
        ids: n names of items; numbers of rows say nothing.
        columns: n values of further columns by name.

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
    """Values of each item, with the patterns that may capture them, the plainest first."""
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
    """Short patterns for a place: after a word that all names have, or a field between separators."""
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
    # Codes in order of appearance are the same for every key that parts the items in the same way.
    first: dict[str, int] = {}
    codes = np.array([first.setdefault(value, len(first)) for value in full], dtype=np.intp)
    for pattern in patterns:
        if not pattern or _captures(pattern, names, full):
            return NameKey(codes, tuple(distinct), column, pattern)
    return None


def _captures(pattern: str, names: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a pattern parts the names as the values do."""
    compiled = re.compile(pattern)
    pairs: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        # The pattern and the values must be one to one: equal values give equal captures, and distinct ones distinct.
        match = compiled.search(name)
        group = f"(none) {name}" if match is None else match.group(1)
        if pairs.setdefault(value, group) != group:
            return False
    return len(set(pairs.values())) == len(pairs)
