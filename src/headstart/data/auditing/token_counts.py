"""Tokenizer statistics of texts: the source counts its tokens, and the shares are computed here."""

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
MOST_CHARACTERS = 1_000_000  # in all texts of the sample, which takes about a second
LONGEST = 50_000  # characters of one text that are used
FEWEST_WORDS = 20
MANY_UNKNOWN = 0.1  # share of unknown tokens above which a text counts as hardly read

# URLs, handles and codes say nothing about the language.
_NO_WORDS = re.compile(r"\S*(?:://|www\.|[@#$\d_]|\w\.\w)\S*")


@dataclass(frozen=True, eq=False)
class TokenCounts:
    """Token counts of n texts and of the words in them.

    Attributes:
        tokens: (n,) number of tokens of each text, without special tokens.
        unknown: (n,) number of tokens for what the vocabulary lacks: unknown tokens, and single bytes of a letter.
        lost: (n,) number of tokens that are truncated.
        max_length: most tokens of a text that the body reads, including special tokens.
        unknown_letters: number of letters inside unknown tokens, by script.
        pieces: (w,) number of tokens of each word.
        altered: words that lose marks (accents, umlauts, vowel signs), each with how it is read.
        unknown_signs: number of unknown tokens without a letter, such as emoji, by the text they stand for.

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
    """Statistics of texts, and of how a source's tokenizer handles them; all values can be written as JSON.

    Attributes:
        texts: size of the sample: all texts, or at most 2,000 (or a million characters) drawn at random.
        scripts: the share of each script among their letters, largest first.
        column: the column of the texts, if items have several columns.
        source: the source's name; empty without a source, and all fields below are then None or empty.
        languages: codes of the languages that the source states.
        unknown: share of tokens for what the tokenizer's vocabulary lacks.
        unknown_signs: share of tokens that are unknown and contain no letter, such as emoji.
        sign: the most frequent of them.
        hardly_read: share of texts with more than 10% unknown tokens.
        unknown_letters: by script, share of its letters that are inside unknown tokens.
        pieces_per_word: mean number of tokens per word, in scripts with spaces between words; None for fewer than 20
            words.
        words: how many words that mean is over.
        tokens_per_letter: mean number of tokens per letter.
        truncated: share of texts that are longer than the body reads.
        median_lost: median number of tokens that the truncated texts lose.
        max_length: most tokens of a text that the body reads.
        altered: share of words (of letters, in scripts without spaces) that lose marks such as umlauts.
        example: one of them, as written and as read.

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
    """Draw a sample of texts. These are all of them, or up to 2,000 texts and about a million characters at random.

    Args:
        texts: n texts; only the first 50,000 characters of each are used.
        seed: seed of the draw.

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
    """The words of texts in scripts with spaces between words, without URLs, handles, codes and numbers.

    Examples:
        >>> plain_words(["See www.example.com, order 12a for Zoë!", "我的卡"])
        ['See', 'order', 'for', 'Zoë']
    """
    words = (word for text in texts for word in split_words(_NO_WORDS.sub(" ", text)))
    return [word for word in words if word[:1].isalpha() and not _unspaced(word)]


def word_units(texts: Sequence[str]) -> list[str]:
    r"""The words of texts in normal form C; single letters in scripts without spaces between words.

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
    """Compute the scripts of texts and, with token counts, how a source's tokenizer handles them.

    Args:
        texts: the sample that `draw_texts` returned.
        counts: the source's token counts of these texts and of their `plain_words`; None without a source.
        column: the column of the texts, if items have several columns.
        source: the source's name.
        languages: codes of the languages that the source states.

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
