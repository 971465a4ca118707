"""Text for a terminal: unprintable characters are escaped, columns are counted, lines wrap at words."""

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
    "probability",
    "sentence",
    "shortened",
    "visible",
    "wrap",
]

READABLE = "headstart.readable"
"""Name of the encoding error handler that writes ASCII equivalents of unencodable characters, else escapes."""

MOST = 4000  # characters of a line
LONGEST, LAST = 1200, 300  # characters of a message, and of its end where it is cut

# Joiners used in Persian, Indic scripts and emoji: harmless format characters.
_JOINERS = "\u200c\u200d"
_SPACES = {"\u3000": "\u3000"}
# ASCII equivalents of Greek letters, mathematical signs, dashes, quotes, bars and spaces.
_IN_ASCII = {
    "\u03bb": "lambda", "\u00b5": "u", "\u03bc": "u", "\u03c3": "sigma", "\u0394": "delta", "\u00d7": "x",
    "\u00b1": "+-", "\u2264": "<=", "\u2265": ">=", "\u2248": "~", "\u2212": "-", "\u2013": "-", "\u2014": "-",
    "\u2010": "-", "\u2192": "->", "\u2190": "<-", "\u2026": "...", "\u2018": "'", "\u2019": "'", "\u201c": '"',
    "\u201d": '"', "\u2022": "*", "\u00b7": ".", "\u00b2": "^2", "\u00bd": "1/2", "\u00a0": " ", "\u3000": "  ",
    "\u2588": "#", "\u2501": "-", "\u2500": "-", "\u2502": "|",
}  # fmt: skip
_SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NO_BREAK = "\u00a0"
_TOGETHER = re.compile(r"\[[^\[\]]{1,24}\]|\S{1,12} = \S{1,12}")  # an interval; a symbol with its value
_BREAKS = "/\\,;=&?_-.:"


def printable(text: object) -> str:
    r"""Text without characters that control a terminal or break a line.

    Control characters (C0 and C1), line and paragraph separators, marks that change the writing direction, other
    invisible format characters, private-use characters and lone surrogates become escapes, as in a Python string.
    Letters of every script and their joiners stay.

    Args:
        text: any untrusted text: an item, a label, a file name, a message.

    Examples:
        >>> printable("a\x1b[31m\nb\u202e\x9b"), printable("größe 猫 λ")
        ('a\\x1b[31m\\nb\\u202e\\x9b', 'größe 猫 λ')
    """
    original = str(text)
    if original.isprintable():
        return original
    return "".join(_escaped(sign) for sign in original)


def is_harmless(sign: str) -> bool:
    r"""Whether a character can be shown unescaped: it is printable, or a joiner used in letters and emoji.

    Examples:
        >>> [is_harmless(sign) for sign in ("\u732b", "\u200d", "\x1b", "\u202e")]
        [True, True, False, False]
    """
    return sign.isprintable() or sign in _JOINERS


def visible(text: object) -> str:
    r"""Text of which each character that is invisible or changes the writing direction is the replacement character.

    Line breaks and tabs stay, and so do positions: each character stands for one of the text.

    Args:
        text: any untrusted text.

    Examples:
        >>> visible("a\u202eb\u200bc\n")
        'a\ufffdb\ufffdc\n'
    """
    original = str(text)
    if original.isprintable():
        return original
    return "".join(sign if is_harmless(sign) or sign in "\n\t" else _stand_in(sign) for sign in original)


def _stand_in(sign: str) -> str:
    return _SPACES.get(sign, " ") if unicodedata.category(sign) == "Zs" or sign == "\r" else "\ufffd"


def _escaped(sign: str) -> str:
    if is_harmless(sign):
        return sign
    if unicodedata.category(sign) == "Zs":
        return _SPACES.get(sign, " ")
    return sign.encode("unicode_escape").decode("ascii")


def probability(value: float) -> str:
    """A probability with three decimals, which is never written as certain.

    Examples:
        >>> probability(0.5), probability(0.99996), probability(1e-9)
        ('0.500', '>0.999', '<0.001')
    """
    shown = f"{value:.3f}"
    return ">0.999" if shown == "1.000" else "<0.001" if shown == "0.000" else shown


def one_line(text: object) -> str:
    r"""Text in one printable line: line breaks and runs of spaces become one space.

    Examples:
        >>> one_line("no such\n  file\x07")
        'no such file\\x07'
    """
    return printable(" ".join(str(text).split()))


def sentence(text: object) -> str:
    r"""A message in one printable line of at most 1,200 characters; a longer one keeps its end, which says what to do.

    Examples:
        >>> sentence("no " + "x" * 5000 + " here;\n give another")[-23:]
        'xxxx here; give another'
    """
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - LAST]} [...] {line[-LAST:]}"


def bounded(text: str) -> str:
    """Text of at most 4,000 characters; longer text is cut, and its length is appended.

    Examples:
        >>> bounded("a" * 5000)[-24:]
        'aa... (5,000 characters)'
    """
    return text if len(text) <= MOST else f"{text[:MOST]}... ({len(text):,} characters)"


def shortened(text: object, width: int) -> str:
    """Printable text of at most ``width`` columns; longer text is cut and ends in three dots.

    Examples:
        >>> shortened("a long name of a file", 10), shortened("猫猫猫猫", 7)
        ('a long ...', '猫猫...')
    """
    shown = printable(str(text)[: 4 * width + 4])
    if display_width(shown) <= width:
        return shown
    return _first_columns(shown, max(0, width - 3))[0] + "..."[:width]


def display_width(text: str) -> int:
    r"""The columns of a text on a terminal: two for a Chinese, Japanese or Korean character, none for an accent.

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
    r"""Lines of at most ``width`` columns, broken at spaces, or between characters of scripts without spaces.

    A word that is longer than a line is broken after a slash, a comma or the like, else at the end of the line.

    Args:
        text: printable text in one line.
        width: columns of the terminal; None for no limit.
        first: columns of the first line that are already taken; default 0.
        indent: spaces at the start of every further line; default 0.

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
    """Unbreakable pieces: words with the spaces after them, and parts of words that are longer than a line."""
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
    """Whether a line must not begin with it: closing brackets, punctuation, length and repetition marks, accents."""
    return unicodedata.category(sign) in ("Pe", "Pf", "Po", "Lm", "Mn", "Mc", "Me", "Cf") or sign in _SMALL_KANA


def _cut(word: str, room: int) -> tuple[str, str]:
    """A word in two parts, the first as long as fits, cut after a dividing character where there is one."""
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
    """The error handler `READABLE`: substitutes for characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(sign) or sign.encode("unicode_escape").decode("ascii") for sign in lacking), error.end


codecs.register_error(READABLE, _readable)
