"""Several labels in one cell: lists as programs print them, and names joined by a separator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from headstart.data.text.nearly_all import NEARLY_ALL

__all__ = ["SIGNS", "commonest_sign", "find_sign", "parse_list", "parse_lists", "split_names"]

SIGNS = ("|", ";", ",")
RARE = 0.15  # largest share of label occurrences whose label occurs only once
MAX_LENGTH = 100_000
WRAPPED = re.compile(
    r"(?:np\.)?(?:array|frozenset|list|tuple|set|Index|StringArray)\((.*?)(?:,\s*dtype=[^()]*)?\)", re.DOTALL
)
BRACKETS = {"[": "]", "(": ")", "{": "}", "<": ">"}
PART = re.compile(
    r"\s*(?:[bu]?'(?P<single>(?:[^'\\]|\\.)*)'|[bu]?\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^,;'\"\[\]{}()][^,;\[\]{}()]*?))"
    r"\s*(?P<end>[,;]|(?(bare)(?!)|(?=['\"]))|$)",
    re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
LETTERS = {"n": "\n", "t": "\t", "r": "\r"}
NOTHING = frozenset({"nan", "none", "null", "..."})


def parse_list(text: str) -> list[str] | None:
    r"""The parts of a list as Python, NumPy, JSON or Java print it; None if the text is not a list.

    Args:
        text: a cell.

    Examples:
        >>> parse_list("['ham', \"it's\"]"), parse_list("['a' 'b']"), parse_list('["caf\\u00e9"]'), parse_list("[1 2]")
        (['ham', "it's"], ['a', 'b'], ['café'], ['1', '2'])
        >>> parse_list("{'a', 'b'}"), parse_list("set()"), parse_list("[red, blue]"), parse_list("red")
        (['a', 'b'], [], ['red', 'blue'], None)
    """
    text = text.strip()
    if len(text) > MAX_LENGTH or not text or text[-1] not in "])}>":
        return None
    wrapped = WRAPPED.fullmatch(text)
    if wrapped is not None:
        return parse_list(wrapped[1]) if wrapped[1].strip() else []
    if BRACKETS.get(text[0]) != text[-1]:
        return None
    inner = text[1:-1].strip()
    # NumPy prints arrays of numbers without commas.
    if re.fullmatch(r"[-+\d.eE\s]+", inner) and re.search(r"\d\s+[-+\d.]", inner):
        return inner.split()
    parts: list[str] = []
    place = 0
    while place < len(inner):
        match = PART.match(inner, place)
        if match is None or match.end() == place:
            return None
        bare = match["bare"]
        if bare is None:
            parts.append(_unescape(match["single"] if match["double"] is None else match["double"]))
        elif bare.strip().lower() not in NOTHING:
            parts.append(bare.strip())
        place = match.end()
    return parts


def _unescape(text: str) -> str:
    return ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else LETTERS.get(m[2], m[2]), text)


def parse_lists(cells: Sequence[str]) -> list[list[str] | None] | None:
    """The lists in a column of strings, None for other cells; None unless 90% of the cells are lists.

    Names in brackets, such as ``[POS]``, are not lists: at least one cell must have quotation marks or several parts.

    Args:
        cells: strings.

    Examples:
        >>> parse_lists(["['a', 'b']", "[]"]), parse_lists(["[POS]", "[NEG]"]), parse_lists(["a", "['b']"])
        ([['a', 'b'], []], None, None)
    """
    found = {cell: parse_list(cell) for cell in set(cells)}
    fitting = sum(found[cell] is not None for cell in cells)
    if not cells or fitting < NEARLY_ALL * len(cells):
        return None
    if not any("'" in cell or '"' in cell or len(parts) > 1 for cell, parts in found.items() if parts is not None):
        return None
    return [found[cell] for cell in cells]


def split_names(text: str, sign: str | None) -> list[str]:
    """The names that a separator joins.

    Examples:
        >>> split_names("red, blue,", ",")
        ['red', 'blue']
    """
    parts = [text] if sign is None else text.split(sign)
    return [part.strip() for part in parts if part.strip()]


def find_sign(cells: Sequence[str]) -> str | None:
    """The separator that joins labels; None unless it is clear.

    It is clear if at least 10% of the cells contain it, and the labels that occur twice or more are fewer than their
    distinct combinations. Commas in ordinary names ("Smith, John") do not meet the second condition. Up to 15% of the
    label occurrences, or one label, may occur once only. Pairs joined by a comma whose parts never change places, such
    as city and country, are single names.

    Args:
        cells: strings.

    Examples:
        >>> find_sign(["red", "red;blue", "blue", "blue;green", "green;red", "violet;red"])
        ';'
        >>> find_sign(["Smith, John", "Doe, Ann"] * 4) is None
        True
    """
    counts = Counter(cells)
    for sign in SIGNS:
        joined = sum(count for text, count in counts.items() if sign in text)
        if joined * 10 < len(cells):
            continue
        parts = Counter[str]()
        for text, count in counts.items():
            parts.update(dict.fromkeys(split_names(text, sign), count))
        once = sum(count == 1 for count in parts.values())
        named = sum(parts.values())
        recurring = len(parts) - once
        if 0 < recurring < len(counts) and once <= max(1, RARE * named) and not (sign == "," and _are_pairs(counts)):
            return sign
    return None


def _are_pairs(counts: Counter[str]) -> bool:
    """Whether each text is a pair, and no first part ever occurs as a second part."""
    pairs = [split_names(text, ",") for text in counts]
    if any(len(pair) != 2 for pair in pairs):
        return False
    return not {first for first, _ in pairs} & {second for _, second in pairs}


def commonest_sign(cells: Sequence[str]) -> str | None:
    """The separator that most cells contain; None if none does.

    Examples:
        >>> commonest_sign(["a;b", "c,d;e"])
        ';'
    """
    counts = {sign: sum(sign in cell for cell in cells) for sign in SIGNS}
    best = max(SIGNS, key=counts.__getitem__)
    return best if counts[best] else None
