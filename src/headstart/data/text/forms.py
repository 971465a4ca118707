"""One form of a text, however its characters were typed or stored."""

from __future__ import annotations

import unicodedata

__all__ = ["one_form"]

# Forms that say how a letter looks and not which it is: full and half width, and the shapes that Arabic letters take.
_SHAPES = ("<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>")


class _Plain(dict[int, str]):
    """What stands for each character, found out once."""

    def __missing__(self, code: int) -> str:
        self[code] = _plain(chr(code))
        return self[code]


def _plain(character: str) -> str:
    if not unicodedata.decomposition(character).startswith(_SHAPES):
        return character
    plain = unicodedata.normalize("NFKC", character)
    in_words = all(one.isalnum() or unicodedata.category(one)[0] == "M" for one in plain)
    return plain if in_words else character


_PLAIN = _Plain()


def one_form(text: str) -> str:
    r"""The text in Unicode's normal form C, with letters and digits of full or half width and Arabic shapes made plain.

    So a text has one row whether it was typed on a Mac (where accents may be characters of their own), with a Japanese
    keyboard, or copied from a PDF. Signs of full width stay, since tokenizers of Chinese know them.

    Examples:
        >>> one_form("Scho\u0308n") == "Sch\u00f6n", one_form("\uff21\uff11 \uff76\uff9e\uff01")
        (True, 'A1 \u30ac\uff01')
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_PLAIN))
