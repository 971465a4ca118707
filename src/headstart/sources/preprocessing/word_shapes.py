"""How words are written: capitals, digits and signs, which an uncased tokenizer removes.

Reference: Collobert et al., "Natural Language Processing (Almost) from Scratch", JMLR 2011 (capitalisation features).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPES", "word_shapes"]

_URL = re.compile(r"(https?://|www\.)|\w\.(com|org|net|edu|gov|co|io|ly|de|uk)(/|$)", re.IGNORECASE)


def _cased(word: str) -> bool:
    return word.lower() != word.upper()


def _title(word: str) -> bool:
    return word[:1].isupper() and not word[1:].isupper()


SHAPES: dict[str, Callable[[str], bool]] = {
    "upper": lambda word: len(word) > 1 and word.isupper(),
    "title": _title,
    "initial": lambda word: len(word) <= 2 and word[:1].isupper(),
    "inner capital": lambda word: any(map(str.isupper, word[1:])) and not word.isupper(),
    "lower": str.islower,
    "digits": str.isdigit,
    "a digit": lambda word: any(map(str.isdigit, word)),
    "@": lambda word: word.startswith("@"),
    "#": lambda word: word.startswith("#"),
    "url": lambda word: _URL.search(word) is not None,
    "no letter or digit": lambda word: not any(map(str.isalnum, word)),
    "hyphen": lambda word: "-" in word[1:-1],
    "full stop": lambda word: "." in word[1:],
    "apostrophe": lambda word: "'" in word or "\u2019" in word,
    "bracket or quote": lambda word: word[:1] in "()[]{}\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb",
}
"""Each shape with its test of a word."""

COLUMNS = len(SHAPES) + 4


def word_shapes(words: Sequence[str]) -> NDArray[np.float32]:
    """A row of numbers for each of k words, (k, 19) float32: 0 or 1 for each of `SHAPES`, then numbers of the context.

    These are: whether it is the first word, its length (ln of characters + 1), and the shares of the sentence's words
    with letters that begin with a capital and that are all capitals (in a headline a capital means little).

    Args:
        words: of one sentence.

    Examples:
        >>> rows = word_shapes(["Ada", "met", "NASA"])
        >>> rows.shape, rows[:, :5].astype(int).tolist(), rows[:, -2].round(2)
        ((3, 19), [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]], array([0.67, 0.67, 0.67], dtype=float32))
    """
    rows = np.zeros((len(words), COLUMNS), np.float32)
    for k, word in enumerate(words):
        rows[k, : len(SHAPES)] = [test(word) for test in SHAPES.values()]
    cased = [word for word in words if _cased(word)]
    rows[:1, -4] = 1
    rows[:, -3] = np.log1p([len(word) for word in words])
    if cased:
        rows[:, -2] = np.mean([word[:1].isupper() for word in cased])
        rows[:, -1] = np.mean([len(word) > 1 and word.isupper() for word in cased])
    return rows
