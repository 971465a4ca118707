"""Unicode normalization of names: labels, classes, columns and files that look the same compare equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from headstart.reporting.wording import plural

__all__ = ["HALF", "describe_merged", "invalid_unicode", "merged_names", "normalized"]

# Invisible characters: soft hyphen, zero-width space, direction marks, word joiner, byte order mark, and control
# characters except tab, line feed and carriage return. The joiners U+200C and U+200D stay: some scripts need them.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
BLANK = re.compile(r"[\t\n\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
HALF = re.compile(r"[\ud800-\udfff]")
EXAMPLES = 3


def normalized(text: str) -> str:
    r"""A name in Unicode normal form C, without invisible characters and without surrounding whitespace.

    Whitespace of any kind (no-break or ideographic space, tab, line break) becomes a space. Case, accents and
    full-width forms stay.

    Args:
        text: a label, or the name of a class, a column or a file.

    Examples:
        >>> normalized("cafe\u0301") == "caf\u00e9", normalized("\ufeffred\u00a0wine \u200b"), normalized("Dog")
        (True, 'red wine', 'Dog')
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return BLANK.sub(" ", INVISIBLE.sub("", unicodedata.normalize("NFC", text))).strip()


def merged_names(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    r"""The names that have several spellings, each with its spellings in order of appearance.

    Args:
        names: as found.

    Examples:
        >>> merged_names(["dog", "dog ", "cat", "dog"])
        {'dog': ('dog', 'dog ')}
    """
    spellings: dict[str, dict[str, None]] = {}
    for name in dict.fromkeys(names):
        spellings.setdefault(normalized(name), {})[name] = None
    return {name: tuple(found) for name, found in spellings.items() if len(found) > 1}


def describe_merged(names: Iterable[str], what: str, more: str | None = None) -> str | None:
    r"""One sentence on the names that are equal after `normalized`; None if there are none.

    Args:
        names: as found.
        what: noun for one of them, such as ``"label"``.
        more: its plural; by default the noun with -s, or with -es after an s.

    Examples:
        >>> describe_merged(["a", "a ", "cat"], "label")
        "Merged spellings of 1 label that differ only in invisible characters, whitespace or Unicode form: 'a', 'a '."
    """
    found = merged_names(names)
    if not found:
        return None
    shown = "; ".join(", ".join(map(ascii_where_odd, spellings)) for spellings in list(found.values())[:EXAMPLES])
    rest = ", ..." if len(found) > EXAMPLES else ""
    differ = "that differ only in invisible characters, whitespace or Unicode form"
    return f"Merged spellings of {plural(len(found), what, more)} {differ}: {shown}{rest}."


def ascii_where_odd(name: str) -> str:
    r"""The name in quotes, with characters that cannot be told apart by eye written as escapes.

    Examples:
        >>> ascii_where_odd("caf\u00e9"), ascii_where_odd("red\u00a0wine")
        ("'café'", "'red\\xa0wine'")
    """
    odd = unicodedata.normalize("NFC", name) != name or BLANK.search(name) or INVISIBLE.search(name)
    return ascii(name) if odd else f"'{name}'"


def invalid_unicode(text: str) -> str | None:
    r"""Why a text is not valid Unicode: an undecodable byte, or half of a surrogate pair; None if it is valid.

    Examples:
        >>> invalid_unicode("cut \ud83d"), invalid_unicode("byte \udce9"), invalid_unicode("whole")
        ('it contains half of a character (U+D83D)', 'it contains an undecodable byte (0xE9)', None)
    """
    found = HALF.search(text) if not text.isascii() else None
    if found is None:
        return None
    code = ord(found.group())
    # decode_text marks an undecodable byte by the surrogate U+DC00 + byte; any other surrogate was cut from its pair.
    if 0xDC80 <= code <= 0xDCFF:
        return f"it contains an undecodable byte (0x{code - 0xDC00:02X})"
    return f"it contains half of a character (U+{code:04X})"
