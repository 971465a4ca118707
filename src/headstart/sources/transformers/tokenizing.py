"""Tokenizing texts to token ids with the Rust library alone, and padding them to batches."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.token_counts import (
    TextFacts,
    TokenCounts,
    draw_texts,
    measure_texts,
    plain_words,
    word_units,
)
from headstart.data.text.forms import canonical_text
from headstart.data.text.scripts import script_of
from headstart.errors import ItemError, SourceError
from headstart.types import Source

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = [
    "TokenizerSpec", "Tokenizing", "Tokens", "count_tokens", "open_tokenizer", "pad", "read_by",
    "tokenize", "tokenizer_file",
]  # fmt: skip

Tokens = NDArray[np.int64]
AT_ONCE = 128  # texts whose token offsets are in memory together


@dataclass(frozen=True)
class TokenizerSpec:
    """A tokenizer that is not loaded yet.

    Attributes:
        tokenizer: the path of a tokenizer.json, its contents, or a function that returns a new tokenizer.
        max_length: number of tokens to keep of a text, special tokens included.
        pad: the id of the padding token.
        digest: digest of its files.
        unknown: the id of the unknown token; None if there is none.
    """

    tokenizer: Path | str | Callable[[], Tokenizer]
    max_length: int
    pad: int = 0
    digest: str = ""
    unknown: int | None = None


@runtime_checkable
class Tokenizing(Protocol):
    """A text source that reports statistics of its tokenizer."""

    def count_tokens(self, texts: Sequence[str]) -> TokenCounts:
        """Statistics of the tokens and words of texts."""
        ...


def read_by(source: Source, texts: list[str], column: str = "") -> TextFacts:
    """Facts about texts and about how a source reads them.

    Args:
        source: a source of texts; without a tokenizer, tokens are not counted.
        texts: n texts, of which a sample is read.
        column: their column, if items have several columns.

    Examples:
        >>> from headstart.sources import open_source
        >>> read_by(open_source("headstart:text"), ["Where is my card?"]).unknown
        0.0
    """
    drawn = draw_texts(texts)
    counts = source.count_tokens(drawn) if isinstance(source, Tokenizing) and drawn else None
    return measure_texts(drawn, counts, column=column, source=source.info.name, languages=source.info.languages)


def open_tokenizer(spec: TokenizerSpec) -> Tokenizer:
    """Open the tokenizer, with truncation to ``max_length`` and without padding.

    Examples:
        >>> from tokenizers import Tokenizer, models
        >>> text = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?")).to_str()
        >>> open_tokenizer(TokenizerSpec(text, 8)).truncation["max_length"]
        8
    """
    from tokenizers import Tokenizer

    given = spec.tokenizer
    if isinstance(given, str):
        opened = Tokenizer.from_str(given)
    elif isinstance(given, Path):
        opened = tokenizer_file(given)
    else:
        opened = given()
    opened.enable_truncation(spec.max_length)
    opened.no_padding()
    return opened


def tokenizer_file(file: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json.

    Raises:
        SourceError: if it is missing or damaged.

    Examples:
        >>> tokenizer_file(Path("nowhere.json"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The tokenizer 'nowhere.json' cannot be read (No such file or directory ...
    """
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing more specific
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The tokenizer '{file}' cannot be read ({reason}); copy the model again.") from error


def tokenize(tokenizer: Tokenizer, items: Sequence[Any]) -> list[Tokens | ItemError]:
    """The token ids of each text, int64, or the error of a text without tokens; all texts at once, on all cores.

    Texts are normalised to one Unicode form first (`headstart.data.text.forms.canonical_text`).

    Args:
        tokenizer: from `open_tokenizer`.
        items: n items; an item that is not a text gives an error.

    Examples:
        >>> from tokenizers import Tokenizer, models
        >>> words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
        >>> tokenize(words, ["a", " "])
        [array([0]), ItemError('The text is empty.')]
    """
    outcomes: list[Tokens | ItemError] = [_text_error(item) or np.empty(0, np.int64) for item in items]
    good = [k for k, outcome in enumerate(outcomes) if not isinstance(outcome, ItemError)]
    for k, encoded in zip(good, tokenizer.encode_batch_fast([canonical_text(items[k]) for k in good]), strict=True):
        outcomes[k] = np.asarray(encoded.ids, np.int64) if encoded.ids else _no_tokens_error(items[k])
    return outcomes


def count_tokens(spec: TokenizerSpec, texts: Sequence[str]) -> TokenCounts:
    """Statistics of the tokens of texts, not truncated, and of the words in them.

    Args:
        spec: the tokenizer, and how many tokens of a text the body reads.
        texts: n texts.

    Returns:
        The counts per text and per word.

    Examples:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
        >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> found = count_tokens(TokenizerSpec(words.to_str(), 2, unknown=1), ["a a a", "a 字"])
        >>> found.tokens, found.unknown, found.lost, dict(found.unknown_letters)
        (array([3, 2]), array([0, 1]), array([1, 0]), {'Han': 1})
    """
    tokenizer = open_tokenizer(spec)
    tokenizer.no_truncation()
    lacking = _unknown_ids(tokenizer, spec.unknown)
    special = tokenizer.num_special_tokens_to_add(is_pair=False)
    tokens, unknown = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
    letters: Counter[str] = Counter()
    signs: Counter[str] = Counter()
    full = [canonical_text(text.encode("utf-8", "replace").decode()) for text in texts]
    for start in range(0, len(texts), AT_ONCE):
        part = full[start : start + AT_ONCE]
        for k, encoded in enumerate(tokenizer.encode_batch(part, add_special_tokens=False)):
            places = _unknown_places(encoded, lacking)
            tokens[start + k], unknown[start + k] = len(encoded.ids), len(places)
            # Several tokens may share one place in the text, such as the bytes of a character: each place counts once.
            for written in (part[k][begin:end] for begin, end in dict.fromkeys(places)):
                scripts = [script for script in map(script_of, written) if script]
                letters.update(scripts)
                signs.update({} if scripts or not written.strip() else {written: 1})
    words = plain_words(full)
    distinct = sorted(set(words))  # each distinct word is tokenized once
    encoded_words = tokenizer.encode_batch_fast(distinct, add_special_tokens=False)
    pieces = {word: len(one.ids) for word, one in zip(distinct, encoded_words, strict=True)}
    return TokenCounts(
        tokens=tokens,
        unknown=unknown,
        lost=np.maximum(tokens + special - spec.max_length, 0),
        max_length=spec.max_length,
        unknown_letters=letters,
        pieces=np.array([pieces[word] for word in words], np.int64),
        altered=_stripped_words(tokenizer, full),
        unknown_signs=signs,
    )


def _unknown_ids(tokenizer: Tokenizer, unknown: int | None) -> frozenset[int]:
    """Ids of the tokens for text that the vocabulary lacks: the unknown token, and those of single bytes."""
    found = {tokenizer.token_to_id(f"<0x{byte:02X}>") for byte in range(256)} | {unknown}
    return frozenset(number for number in found if number is not None)


def _unknown_places(encoded: Encoding, lacking: frozenset[int]) -> list[tuple[int, int]]:
    return [place for number, place in zip(encoded.ids, encoded.offsets, strict=True) if number in lacking]


def _stripped_words(tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, str]:
    """Words that the normalizer strips of marks, most frequent first, with the text that is read instead."""
    normalizer = tokenizer.normalizer
    if normalizer is None:
        return {}
    words = Counter(word_units(texts))
    found = {}
    for word, _ in words.most_common():
        if word.isascii():
            continue
        read = normalizer.normalize_str(word).replace(" ", "").replace("\u2581", "")
        # Differences in case and in compatibility forms do not count.
        if _case_folded(read) != _case_folded(word):
            found[word] = unicodedata.normalize("NFC", read)
    return found


def _case_folded(word: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def _text_error(item: object) -> ItemError | None:
    if not isinstance(item, str):
        return ItemError(f"A text must be a string. Got {type(item).__name__} instead.")
    if not item.strip():
        return ItemError("The text is empty.")
    try:
        item.encode()
    except UnicodeEncodeError:
        return ItemError("The text holds halves of characters (lone surrogates); decode it again.")
    return None


def _no_tokens_error(item: str) -> ItemError:
    return ItemError(f"The text {item!r:.80} has no tokens.")


def pad(rows: Sequence[Tokens], width: int, filler: int) -> dict[str, Tokens]:
    """Pad token ids to the batch that a body of transformers reads.

    Args:
        rows: the token ids of n texts, none longer than ``width``.
        width: length of the padded rows.
        filler: the id of the padding token.

    Returns:
        ``input_ids`` and ``attention_mask``, (n, width) int64; the mask is 1 for a token and 0 for padding.

    Examples:
        >>> pad([np.array([5, 6]), np.array([7])], 3, 0)["input_ids"].tolist()
        [[5, 6, 0], [7, 0, 0]]
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(width) < lengths[:, None]  # (n, width)
    ids = np.full(mask.shape, filler, np.int64)
    ids[mask] = np.concatenate(rows)  # a boolean mask is filled row by row
    return {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
