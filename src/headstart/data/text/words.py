"""Word splitting in any script."""

from __future__ import annotations

import unicodedata

__all__ = ["split_words"]


class _WordCharacters(dict[int, int]):
    """What each character becomes when words are split: itself, or a space; computed once."""

    def __missing__(self, code: int) -> int:
        character = chr(code)
        inside = character.isalnum() or character in "_\u200c\u200d" or unicodedata.category(character)[0] == "M"
        self[code] = code if inside else 32
        return self[code]


_WORD_CHARACTERS = _WordCharacters()


def split_words(text: str) -> list[str]:
    r"""Runs of letters, digits, underscores and the combining marks that belong to them.

    The pattern ``\w+`` breaks a word at every combining mark: at most vowels of Hindi, Thai or Khmer, and at the
    umlauts of a decomposed (NFD) text. Without such marks the words are the same.

    Examples:
        >>> split_words("Wo ist die Ru\u0308ckzahlung?")[-1] == "Ru\u0308ckzahlung"
        True
        >>> len(split_words("हिन्दी में पूछें"))
        3
    """
    return text.translate(_WORD_CHARACTERS).split()
