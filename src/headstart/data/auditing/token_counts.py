"""What a source's tokenizer makes of texts, as shares; counted by the source, judged here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headstart.data.text.scripts import UNSPACED, script_of, script_shares
from headstart.data.text.words import split_words

__all__ = ["TextFacts", "TokenCounts", "draw_texts", "measure_texts", "plain_words", "word_units"]

MOST_TEXTS = 2000
MOST_CHARACTERS = 1_000_000  # of all that are looked at: about a second
LONGEST = 50_000  # characters that are looked at of one text
FEWEST_WORDS = 20
MANY_UNKNOWN = 0.1  # share of unknown tokens from which on a text counts as hardly read

# Addresses, handles and codes say nothing about a language.
_NO_WORDS = re.compile(r"\S*(?:://|www\.|[@#$\d_]|\w\.\w)\S*")


@dataclass(frozen=True, eq=False)
class TokenCounts:
    """What a tokenizer makes of n texts and of the words in them.

    Attributes:
        tokens: (n,) tokens of each text, without special ones.
        unknown: (n,) those that stand for what the vocabulary lacks: unknown tokens, and single bytes of a letter.
        lost: (n,) tokens beyond those that the body reads.
        max_length: tokens that the body reads of a text, special ones among them.
        unknown_letters: by script, letters inside of unknown tokens.
        pieces: (w,) tokens of each of the words that were asked for.
        altered: by word, how it is read where marks (accents, umlauts, vowel signs) are taken away from it.
        unknown_signs: unknown tokens without a letter, such as emoji, by what is written there.

    Examples:
        >>> few = np.array([4, 6])
        >>> TokenCounts(few, np.array([0, 3]), few * 0, 256, {"Han": 3}, np.array([1, 2]), {}).unknown.sum()
        np.int64(3)
    """

    tokens: NDArray[np.int64]
    unknown: NDArray[np.int64]
    lost: NDArray[np.int64]
    max_length: int
    unknown_letters: Mapping[str, int]
    pieces: NDArray[np.int64]
    altered: Mapping[str, str]
    unknown_signs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TextFacts:
    """What is known of some texts, and of how a source reads them; JSON-ready values.

    Attributes:
        texts: how many were looked at: all, or 2,000 (or a million characters) drawn at random.
        scripts: the share of each script in their letters, largest first.
        column: the column that they stand in, where items have several.
        source: the source's name; empty where none was asked, and all that follows is then None or empty.
        languages: codes of the languages that the source knows, as stated.
        unknown: share of tokens that stand for what the tokenizer's vocabulary lacks.
        unknown_signs: share of tokens that are unknown and hold no letter, such as emoji.
        sign: the most frequent of them.
        hardly_read: share of texts of which more than a tenth is unknown tokens.
        unknown_letters: share of the letters of each script inside such tokens.
        pieces_per_word: tokens a word where spaces set words apart; None where there are fewer than 20.
        words: how many words that rests on.
        tokens_per_letter: tokens a letter.
        truncated: share of texts that are longer than what the body reads.
        median_lost: tokens that the median of these loses.
        max_length: tokens that the body reads.
        altered: share of words (of letters, where spaces do not set words apart) that lose marks such as umlauts before
            they are read.
        example: one of them, as it is written and as it is read.

    Examples:
        >>> TextFacts(2, {"Latin": 1.0}).unknown is None
        True
    """

    texts: int
    scripts: Mapping[str, float]
    column: str = ""
    source: str = ""
    languages: tuple[str, ...] = ()
    unknown: float | None = None
    unknown_signs: float = 0.0
    sign: str = ""
    hardly_read: float | None = None
    unknown_letters: Mapping[str, float] = field(default_factory=dict)
    pieces_per_word: float | None = None
    words: int = 0
    tokens_per_letter: float | None = None
    truncated: float | None = None
    median_lost: int | None = None
    max_length: int | None = None
    altered: float | None = None
    example: tuple[str, str] | None = None


def draw_texts(texts: Sequence[str], *, seed: int = 0) -> list[str]:
    """The texts that are looked at: all, or as many drawn at random as 2,000 texts and a million characters allow.

    Args:
        texts: n texts; of one longer than 50,000 characters the beginning counts.
        seed: of the draw.

    Examples:
        >>> len(draw_texts(["short"] * 5000)), len(draw_texts(["x" * 60_000] * 100))
        (2000, 20)
    """
    order = np.random.default_rng(seed).permutation(len(texts))[:MOST_TEXTS]
    drawn, total = [], 0
    for position in np.sort(order) if len(texts) <= MOST_TEXTS else order:
        text = texts[position][:LONGEST]
        if not text.strip():
            continue
        drawn.append(text)
        total += len(text)
        if total >= MOST_CHARACTERS:
            break
    return drawn


def plain_words(texts: Sequence[str]) -> list[str]:
    """The words of texts whose scripts set words apart; without addresses, handles, codes and numbers.

    Examples:
        >>> plain_words(["See www.example.com, order 12a for Zoë!", "我的卡"])
        ['See', 'order', 'for', 'Zoë']
    """
    words = (word for text in texts for word in split_words(_NO_WORDS.sub(" ", text)))
    return [word for word in words if word[:1].isalpha() and not _unspaced(word)]


def word_units(texts: Sequence[str]) -> list[str]:
    r"""The words of texts in normal form C; each letter where spaces do not set words apart.

    Examples:
        >>> word_units(["Scho\u0308n hier", "\u4e2d\u6587"])
        ['Schön', 'hier', '中', '文']
    """
    words = (word for text in texts for word in split_words(unicodedata.normalize("NFC", text)))
    return [unit for word in words for unit in (word if _unspaced(word) else [word])]


def _unspaced(word: str) -> bool:
    return not word.isascii() and any(script_of(one) in UNSPACED for one in word)


def measure_texts(
    texts: Sequence[str],
    counts: TokenCounts | None = None,
    *,
    column: str = "",
    source: str = "",
    languages: Sequence[str] = (),
) -> TextFacts:
    """Shares of scripts, and of what a source's tokenizer does not know.

    Args:
        texts: what `draw_texts` gave.
        counts: what the source counted in them, and in their `plain_words`; None where no source was asked.
        column: the column that they stand in, where items have several.
        source: the source's name.
        languages: codes of the languages that it knows.

    Examples:
        >>> measure_texts(["ab", "字c"]).scripts
        {'Latin': 0.75, 'Han': 0.25}
    """
    scripts = script_shares(texts)
    if counts is None or not len(texts):
        return TextFacts(len(texts), scripts, column, source, tuple(languages))
    letters = sum(sum(map(str.isalpha, text)) for text in texts)
    lost, tokens = counts.lost[counts.lost > 0], max(int(counts.tokens.sum()), 1)
    by_script = {name: count / (scripts[name] * letters) for name, count in counts.unknown_letters.items()
                 if name in scripts}  # fmt: skip
    words = len(counts.pieces)
    first = next(iter(counts.altered.items()), None)
    altered = _altered_share(texts, counts.altered)
    return TextFacts(
        texts=len(texts),
        scripts=scripts,
        column=column,
        source=source,
        languages=tuple(languages),
        unknown=float(counts.unknown.sum() / tokens),
        unknown_signs=sum(counts.unknown_signs.values()) / tokens,
        sign=max(counts.unknown_signs, key=lambda sign: counts.unknown_signs[sign], default=""),
        hardly_read=float(np.mean(counts.unknown > MANY_UNKNOWN * np.maximum(counts.tokens, 1))),
        unknown_letters={name: min(1.0, share) for name, share in by_script.items()},
        pieces_per_word=float(counts.pieces.mean()) if words >= FEWEST_WORDS else None,
        words=words,
        tokens_per_letter=tokens / letters if letters else None,
        truncated=float(np.mean(counts.lost > 0)),
        median_lost=int(np.median(lost)) if len(lost) else 0,
        max_length=counts.max_length,
        altered=altered,
        example=first,
    )


def _altered_share(texts: Sequence[str], altered: Mapping[str, str]) -> float:
    words = word_units(texts)
    return sum(word in altered for word in words) / len(words) if words else 0.0
