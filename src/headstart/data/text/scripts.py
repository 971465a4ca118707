"""Unicode scripts of texts: Latin, Han, Arabic, ..."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["UNSPACED", "script_of", "script_shares", "unspaced_share"]

# Scripts written without spaces between words.
UNSPACED = frozenset({"Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"})

# Python has no table of scripts, so the script is read off the Unicode name ('LATIN SMALL LETTER A'). These first words
# of names are not the script, and the scripts below have names of two words.
_CALLED = {"CJK": "Han", "IDEOGRAPHIC": "Han", "HENTAIGANA": "Hiragana", "KATAKANA-HIRAGANA": "Katakana",
           "MODIFIER": "", "TURNED": "Latin"}  # fmt: skip
_TWO_WORDS = re.compile(
    "BASSA|CAUCASIAN|CYPRO|DIVES|EGYPTIAN|GUNJALA|HANIFI|INSCRIPTIONAL|KAYAH|KHITAN|LINEAR|MASARAM|MEETEI|MENDE|NEW|"
    "NYIAKENG|OL|OLD|PAHAWH|PAU|PSALTER|PHAGS-PA|SORA|SYLOTI|TAI|VARANG|WARANG|ZANABAZAR"
)


class _Scripts(dict[str, str]):
    """The script of each character, computed once."""

    def __missing__(self, character: str) -> str:
        self[character] = _script(character)
        return self[character]


def _script(character: str) -> str:
    letters = [one for one in unicodedata.normalize("NFKC", character) if one.isalpha()]
    words = unicodedata.name(letters[0], "").split() if letters else []
    if not words:
        return ""
    name = " ".join(words[: 2 if _TWO_WORDS.fullmatch(words[0]) else 1])
    return _CALLED.get(name, name.title())


_SCRIPTS = _Scripts()


def script_of(character: str) -> str:
    """The script of a letter, from its Unicode name; empty for other characters.

    Examples:
        >>> [script_of(one) for one in ("a", "é", "字", "か", "ｶ", "한", "я", "ع", "ह", "7")]
        ['Latin', 'Latin', 'Han', 'Hiragana', 'Katakana', 'Hangul', 'Cyrillic', 'Arabic', 'Devanagari', '']
    """
    return _SCRIPTS[character]


def script_shares(texts: Iterable[str]) -> dict[str, float]:
    """The share of each script among the letters of texts, largest first.

    Examples:
        >>> script_shares(["ab", "字c"])
        {'Latin': 0.75, 'Han': 0.25}
    """
    counts: Counter[str] = Counter()
    for character, count in _characters(texts).items():
        if script := _SCRIPTS[character]:
            counts[script] += count
    total = counts.total()
    return {script: count / total for script, count in counts.most_common()}


def unspaced_share(texts: Iterable[str]) -> float:
    """The share of letters whose scripts are written without spaces between words.

    Examples:
        >>> unspaced_share(["ab", "中文"]), unspaced_share(["1"])
        (0.5, 0.0)
    """
    return _sum_unspaced(script_shares(texts))


def _sum_unspaced(shares: Mapping[str, float]) -> float:
    return float(sum(share for script, share in shares.items() if script in UNSPACED))


def _characters(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return counts
