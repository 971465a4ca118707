"""The words of a running text, with their places."""

from __future__ import annotations

import re
import unicodedata

from headstart.annotations import Sentence
from headstart.data.text.scripts import UNSPACED, script_of
from headstart.data.text.unicode import HALF
from headstart.errors import ItemError

__all__ = ["sentence_of_text"]

JOINING = "\u200c\u200d\u30fc\uff70"  # joiners, and the mark of long vowels, which both kinds of kana share
WORD = re.compile(r"w[wm]*|h[hm]*|k[km]*|[cp]m*|m+")


class _Classes(dict[int, str]):
    """The class of a character: a space, m (belongs to what is before), w, h or k (runs), c or p (stands alone)."""

    def __missing__(self, code: int) -> str:
        self[code] = _class_of(chr(code))
        return self[code]


def _class_of(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace() or category[0] == "Z" or category == "Cc" or character == "\u200b":
        return " "
    if category[0] == "M" or category == "Cf" or character in JOINING:
        return "m"
    if not (character.isalnum() or character == "_"):
        return "p"
    script = script_of(character)
    if script in ("Hiragana", "Katakana"):
        return script[0].lower()
    return "c" if script in UNSPACED else "w"


CLASSES = _Classes()


def sentence_of_text(text: object) -> Sentence:
    """A text as a sentence of words, each with its place.

    A word is a run of letters and digits with their combining marks; each sign of punctuation is a word of its own. In
    scripts that are written without spaces each character is a word, except that a run of Hiragana or of Katakana is
    one. Halves of characters become U+FFFD.

    Args:
        text: what was given as an item.

    Raises:
        ItemError: if it is not a text, or holds no word.

    Examples:
        >>> sentence = sentence_of_text("Ada's in 東京タワー.")
        >>> sentence.words
        ('Ada', "'", 's', 'in', '東', '京', 'タワー', '.')
        >>> sentence.offsets[:2]
        ((0, 3), (3, 4))
    """
    if not isinstance(text, str):
        raise ItemError(f"A sentence must be a text. Got {type(text).__name__} instead; give a string.")
    whole = HALF.sub("\ufffd", text)
    places = [found.span() for found in WORD.finditer(whole.translate(CLASSES))]
    if not places:
        raise ItemError(f"A sentence must hold a word. Got {text[:40]!r} instead; leave it out.")
    return Sentence(tuple(whole[start:end] for start, end in places), whole, tuple(places))
