"""Text for a terminal: what cannot be printed is escaped, columns are counted, lines wrap at words."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator

__all__ = [
    "READABLE",
    "bounded",
    "display_width",
    "is_harmless",
    "one_line",
    "printable",
    "sentence",
    "shortened",
    "wrap",
]

READABLE = "headstart.readable"
"""Name of the error handler of encodings that writes what a console lacks in its own letters, else as an escape."""

MOST = 4000
LONGEST, LAST = 1200, 300

# Joiners that Persian, Indic scripts and emoji are written with: they steer nothing.
_JOINERS = "\u200c\u200d"
_SPACES = {"\u3000": "\u3000"}
# Greek letters, signs of mathematics, dashes, quotes, bars and blanks, as they are written on a typewriter.
_IN_ASCII = {
    "\u03bb": "lambda", "\u00b5": "u", "\u03bc": "u", "\u03c3": "sigma", "\u0394": "delta", "\u00d7": "x",
    "\u00b1": "+-", "\u2264": "<=", "\u2265": ">=", "\u2248": "~", "\u2212": "-", "\u2013": "-", "\u2014": "-",
    "\u2010": "-", "\u2192": "->", "\u2190": "<-", "\u2026": "...", "\u2018": "'", "\u2019": "'", "\u201c": '"',
    "\u201d": '"', "\u2022": "*", "\u00b7": ".", "\u00b2": "^2", "\u00bd": "1/2", "\u00a0": " ", "\u3000": "  ",
    "\u2588": "#", "\u2501": "-", "\u2500": "-", "\u2502": "|",
}  # fmt: skip
_SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NO_BREAK = "\u00a0"
_TOGETHER = re.compile(r"\[[^\[\]]{1,24}\]|\S{1,12} = \S{1,12}")  # an interval; what a letter is
_BREAKS = "/\\,;=&?_-.:"


def printable(text: object) -> str:
    r"""Text in which nothing steers a terminal or breaks a line.

    Control characters (C0 and C1), line and paragraph separators, marks that reverse the direction of writing, other
    invisible format characters, private characters and lone surrogates become escapes, as in a Python string. Letters
    of every script, and the joiners that they are written with, stay.

    Args:
        text: anything from outside: an item, a label, a file name, a message.

    Examples:
        >>> printable("a\x1b[31m\nb\u202e\x9b"), printable("größe 猫 λ")
        ('a\\x1b[31m\\nb\\u202e\\x9b', 'größe 猫 λ')
    """
    whole = str(text)
    if whole.isprintable():
        return whole
    return "".join(_escaped(sign) for sign in whole)


def is_harmless(sign: str) -> bool:
    r"""Whether a sign is shown as it is: it can be printed, or is a joiner that letters and emoji are written with.

    Examples:
        >>> [is_harmless(sign) for sign in ("\u732b", "\u200d", "\x1b", "\u202e")]
        [True, True, False, False]
    """
    return sign.isprintable() or sign in _JOINERS


def _escaped(sign: str) -> str:
    if is_harmless(sign):
        return sign
    if unicodedata.category(sign) == "Zs":
        return _SPACES.get(sign, " ")
    return sign.encode("unicode_escape").decode("ascii")


def one_line(text: object) -> str:
    r"""A sentence in one printable line: line breaks and runs of blanks become one blank.

    Examples:
        >>> one_line("no such\n  file\x07")
        'no such file\\x07'
    """
    return printable(" ".join(str(text).split()))


def sentence(text: object) -> str:
    r"""A message in one printable line of at most 1,200 characters; of a longer one the end, which says what to do.

    Examples:
        >>> sentence("no " + "x" * 5000 + " here;\n give another")[-23:]
        'xxxx here; give another'
    """
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - LAST]} [...] {line[-LAST:]}"


def bounded(text: str) -> str:
    """Text of at most 4,000 characters; what is longer is cut, and its length is said.

    Examples:
        >>> bounded("a" * 5000)[-24:]
        'aa... (5,000 characters)'
    """
    return text if len(text) <= MOST else f"{text[:MOST]}... ({len(text):,} characters)"


def shortened(text: object, width: int) -> str:
    """Printable text of at most ``width`` columns; what is longer ends in three dots.

    Examples:
        >>> shortened("a long name of a file", 10), shortened("猫猫猫猫", 7)
        ('a long ...', '猫猫...')
    """
    whole = printable(str(text)[: 4 * width + 4])
    if display_width(whole) <= width:
        return whole
    return _first_columns(whole, max(0, width - 3))[0] + "..."[:width]


def display_width(text: str) -> int:
    r"""How many columns of a terminal a text takes: two for a Chinese, Japanese or Korean sign, none for an accent.

    Examples:
        >>> display_width("cat"), display_width("猫"), display_width("e\u0301")
        (3, 2, 1)
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def wrap(text: str, width: int | None, *, first: int = 0, indent: int = 0) -> list[str]:
    r"""Lines of at most ``width`` columns, broken at blanks, or between signs of scripts that have none.

    A word that is longer than a line is broken behind a slash, a comma or the like, else where the line ends.

    Args:
        text: printable text in one line.
        width: columns of the terminal; None for no limit.
        first: columns that are taken on the first line already.
        indent: blanks that begin every further line.

    Examples:
        >>> wrap("the quick brown fox", 12, first=3, indent=3)
        ['the quick', '   brown fox']
        >>> wrap("猫がいる。犬もいる。", 10)
        ['猫がいる。', '犬もいる。']
    """
    if width is None or first + display_width(text) <= width:
        return [text]
    text = _TOGETHER.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    room = max(8, width - indent)
    lines, line, left = [], "", max(8, width - first)
    for piece in _pieces(text, room):
        if line and display_width(line) + display_width(piece.rstrip()) > left:
            lines.append(line.rstrip())
            line, left = "", room
        line += piece if line or not lines else piece.lstrip()
    lines = [line.replace(_NO_BREAK, " ") for line in (*lines, line.rstrip())]
    return [lines[0], *(" " * indent + line for line in lines[1:])]


def _pieces(text: str, room: int) -> Iterator[str]:
    """What stays together: words with the blanks behind them, and parts of words that are longer than a line."""
    piece = ""
    for place, sign in enumerate(text):
        piece += sign
        following = text[place + 1 : place + 2]
        if following and not _may_break(sign, following):
            continue
        while display_width(piece.rstrip()) > room:
            part, piece = _cut(piece, room)
            yield part
        yield piece
        piece = ""


def _may_break(sign: str, following: str) -> bool:
    if following == " ":
        return False
    if sign == " ":
        return True
    wide = _columns(sign) == 2 or _columns(following) == 2
    return wide and not _never_first(following) and unicodedata.category(sign) not in ("Ps", "Pi")


def _never_first(sign: str) -> bool:
    """Whether no line begins with it: closing brackets, stops, marks that lengthen or repeat, accents."""
    return unicodedata.category(sign) in ("Pe", "Pf", "Po", "Lm", "Mn", "Mc", "Me", "Cf") or sign in _SMALL_KANA


def _cut(word: str, room: int) -> tuple[str, str]:
    """A word in two, the first part as long as fits, behind a sign that divides where there is one."""
    part, rest = _first_columns(word, room)
    place = max(part.rfind(sign) for sign in _BREAKS) + 1
    return (word[:place], word[place:]) if place > room // 2 else (part, rest)


def _first_columns(text: str, width: int) -> tuple[str, str]:
    used = 0
    for place, sign in enumerate(text):
        used += _columns(sign)
        if used > width:
            cut = max(place, 1)
            return text[:cut], text[cut:]
    return text, ""


def _readable(error: UnicodeError) -> tuple[str, int]:
    """What stands for signs that an encoding lacks; the name under which it is known is `READABLE`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(sign) or sign.encode("unicode_escape").decode("ascii") for sign in lacking), error.end


codecs.register_error(READABLE, _readable)
