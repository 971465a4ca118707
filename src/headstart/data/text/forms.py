"""Unicode normalization of texts, so that a text is encoded the same however it was typed or stored."""

from __future__ import annotations

import unicodedata

__all__ = ["canonical_text"]

# Compatibility decompositions that concern how a letter looks, not which it is: width, and Arabic letter shapes.
_SHAPES = ("<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>")


class _Plain(dict[int, str]):
    """The plain form of each character, by code point, computed once."""

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


def canonical_text(text: str) -> str:
    r"""The text in Unicode normal form C, with full-width, half-width and Arabic presentation letters made plain.

    So a text gets the same features whether it was typed on a Mac (which may store accents as separate characters),
    with a Japanese keyboard, or copied from a PDF. Full-width punctuation stays, since Chinese tokenizers know it.

    Reference: Unicode Standard Annex #15, "Unicode Normalization Forms".

    Examples:
        >>> canonical_text("Scho\u0308n") == "Sch\u00f6n", canonical_text("\uff21\uff11 \uff76\uff9e\uff01")
        (True, 'A1 \u30ac\uff01')
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_PLAIN))
