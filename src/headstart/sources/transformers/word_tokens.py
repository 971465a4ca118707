"""Sentences of words as tokens: which tokens belong to which word, by the numbers that the tokenizer itself gives.

A token alone does not show whether it continues a word, so the words are tokenized as given (``is_split_into_words`` of
transformers) and each token keeps the number of its word.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.data.text.forms import canonical_text
from headstart.sources.bodies.word_reading import ReadWords, place_words, word_windows
from headstart.sources.transformers.tokenizing import TokenizerSpec, open_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["WordTokenizer"]


class WordTokenizer:
    """Sentences of words as windows of token ids.

    Args:
        spec: the tokenizer, and how many tokens the body reads, special tokens included.

    Attributes:
        before: the special tokens before a text.
        after: those after it.
        room: tokens of words that a window may hold.
        spaced: whether words after the first are given with the space before them.

    Examples:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> letters = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, "?"))
        >>> letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
        >>> (read,) = WordTokenizer(TokenizerSpec(letters.to_str(), 4))([["ab", "", "b"]])
        >>> read.windows, read.places.tolist()
        ((array([0, 1, 1]),), [[0, 0, 2], [-1, 0, 0], [0, 2, 3]])
    """

    def __init__(self, spec: TokenizerSpec) -> None:
        tokenizer = open_tokenizer(spec)
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.before, self.after = _special_ids(tokenizer)
        self.room = max(1, spec.max_length - len(self.before) - len(self.after))
        self.spaced = _needs_spaces(json.loads(tokenizer.to_str()).get("pre_tokenizer"))

    def __call__(self, sentences: Sequence[Sequence[str]]) -> list[ReadWords]:
        """Each sentence as windows and places of words; a window begins and ends with the special tokens."""
        given = [self._written(words) for words in sentences]
        encoded = self._tokenizer.encode_batch(given, is_pretokenized=True, add_special_tokens=False)
        return [self._read(one.ids, one.word_ids, len(words)) for one, words in zip(encoded, sentences, strict=True)]

    def _written(self, words: Sequence[str]) -> list[str]:
        plain = [canonical_text(word.encode("utf-8", "replace").decode()) for word in words]
        return [f" {word}" if k and self.spaced else word for k, word in enumerate(plain)]

    def _read(self, ids: Sequence[int], word_ids: Sequence[int | None], words: int) -> ReadWords:
        tokens = np.asarray(ids, np.int64)
        owners = np.array([-1 if word is None else word for word in word_ids], np.int64)
        tokens, owners = tokens[owners >= 0], owners[owners >= 0]
        counts = np.bincount(owners, minlength=words)
        first = np.searchsorted(owners, np.arange(words))  # the first token of each word
        # words without tokens take no part: a window of nothing else would be empty
        there = np.flatnonzero(counts)
        windows = word_windows(counts[there].tolist(), self.room)
        own = place_words(counts[there].tolist(), windows, self.room)
        own[:, 1:] += len(self.before)
        places = np.zeros((words, 3), np.int64)
        places[:, 0] = -1
        places[there] = own
        parts = []
        for start, stop in windows:
            held = [tokens[first[word] : first[word] + min(counts[word], self.room)] for word in there[start:stop]]
            parts.append(np.concatenate([self.before, *held, self.after]))
        return ReadWords(tuple(parts), places)


def _special_ids(tokenizer: Tokenizer) -> tuple[np.ndarray[Any, np.dtype[np.int64]], ...]:
    """The special tokens before and after a text."""
    encoded = tokenizer.encode("a")
    ids, special = np.asarray(encoded.ids, np.int64), np.asarray(encoded.special_tokens_mask, bool)
    plain = np.flatnonzero(~special)
    if not len(plain):
        return ids, ids[:0]
    return ids[: plain[0]], ids[plain[-1] + 1 :]


def _needs_spaces(step: Any) -> bool:
    """Whether words after the first must be given with the space before them, as in byte-level tokenizers of GPT-2."""
    if not isinstance(step, dict):
        return False
    if step.get("type") == "Sequence":
        return any(map(_needs_spaces, step.get("pretokenizers", [])))
    return step.get("type") == "ByteLevel" and not step.get("add_prefix_space", True)
