"""Words for a missing label, and class names that look like them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headstart.data.text.unicode import normalized
from headstart.reporting.wording import name_some, plural

__all__ = ["missing_words"]

WORDS = frozenset({"na", "n/a", "nan", "<na>", "#n/a", "null", "nil", "n.a.", "k.a."})
SIGNS = frozenset({"-", "--", "?", "\N{EN DASH}", "\N{EM DASH}"})
NAMES = frozenset({"none", "unknown", "missing", "other"})  # as often classes as not
MOST = 0.5  # share of the cells that may be missing


def missing_words(cells: Sequence[str], column: str) -> tuple[frozenset[str], list[str]]:
    """The strings among labels that stand for a missing label, and notes for the user.

    ``NA`` among two-letter codes (Namibia), and ``-`` beside another sign (``+``), are classes; ``None`` always is. No
    word counts as missing if that would leave fewer than two classes or less than half of the rows.

    Args:
        cells: the labels that are strings and not empty.
        column: its name, for the notes.

    Examples:
        >>> missing_words(["a", "b", "n/a"], "label")[0], missing_words(["+", "-"], "label")[0]
        (frozenset({'n/a'}), frozenset())
    """
    counts = Counter(cells)
    plain = {cell: normalized(cell).lower() for cell in counts}
    gone = {cell for cell in counts if plain[cell] in WORDS | SIGNS}
    others = [normalized(cell) for cell in counts if cell not in gone]
    # "NA" among mostly two-letter codes is one of them, and "-" among other signs is a sign.
    if sum(len(name) == 2 and name.isupper() for name in others) * 2 > len(others):
        gone = {cell for cell in gone if plain[cell] != "na"}
    if any(not any(map(str.isalnum, name)) for name in others):
        gone = {cell for cell in gone if plain[cell] not in SIGNS}
    count = sum(counts[cell] for cell in gone)
    if len(set(others)) < 2 or count > MOST * len(cells):
        gone = set()
    notes = []
    if gone:
        which = plural(count, "cell", "cells")
        notes.append(f"Treated {which} of '{column}' as missing labels: {name_some(sorted(gone))}.")
    kept = sorted(cell for cell in counts if plain[cell] in NAMES - {"other"} | WORDS | SIGNS and cell not in gone)
    if kept:
        rows = plural(sum(counts[cell] for cell in kept), "row")
        notes.append(f"Treated {name_some(kept)} in '{column}' as a class name ({rows}), not as a missing label.")
    return frozenset(gone), notes
