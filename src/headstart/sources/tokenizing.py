"""Texts to numbers of tokens, by the Rust tokenizer alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ItemError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["TokenizerSpec", "Tokens", "open_tokenizer", "pad", "padded_length", "tokenize"]

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class TokenizerSpec:
    """A tokenizer that has not been read yet.

    Attributes:
        tokenizer: a tokenizer.json, or what would stand in one.
        max_length: tokens that are kept of a text, its special tokens among them.
        pad: the number of the padding token.
        digest: of the files that it was made of.

    Examples:
        >>> TokenizerSpec(Path("tokenizer.json"), 256).pad
        0
    """

    tokenizer: Path | str
    max_length: int
    pad: int = 0
    digest: str = ""


def open_tokenizer(spec: TokenizerSpec) -> Tokenizer:
    """The tokenizer; it cuts long texts off and does not pad.

    Examples:
        >>> from tokenizers import Tokenizer, models
        >>> text = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?")).to_str()
        >>> open_tokenizer(TokenizerSpec(text, 8)).truncation["max_length"]
        8
    """
    from tokenizers import Tokenizer

    given = spec.tokenizer
    opened = Tokenizer.from_file(str(given)) if isinstance(given, Path) else Tokenizer.from_str(given)
    opened.enable_truncation(spec.max_length)
    opened.no_padding()
    return opened


def tokenize(tokenizer: Tokenizer, items: Sequence[Any]) -> list[Tokens | ItemError]:
    """The numbers of each text's tokens, or why it has none; all texts at once, on every core.

    Args:
        tokenizer: what `open_tokenizer` gave.
        items: n texts, or what is none.

    Examples:
        >>> from tokenizers import Tokenizer, models
        >>> words = Tokenizer(models.WordLevel({"a": 0, "?": 1}, "?"))
        >>> tokenize(words, ["a", " "])
        [array([0]), ItemError('The text is empty.')]
    """
    outcomes: list[Tokens | ItemError] = [_fault(item) or np.empty(0, np.int64) for item in items]
    good = [k for k, outcome in enumerate(outcomes) if not isinstance(outcome, ItemError)]
    for k, encoded in zip(good, tokenizer.encode_batch_fast([items[k] for k in good]), strict=True):
        outcomes[k] = np.asarray(encoded.ids, np.int64) if encoded.ids else _no_tokens(items[k])
    return outcomes


def _fault(item: Any) -> ItemError | None:
    if not isinstance(item, str):
        return ItemError(f"A text must be a string. Got {type(item).__name__} instead.")
    if not item.strip():
        return ItemError("The text is empty.")
    try:
        item.encode()
    except UnicodeEncodeError:
        return ItemError("The text holds halves of characters (lone surrogates); decode it again.")
    return None


def _no_tokens(item: str) -> ItemError:
    return ItemError(f"The text {item!r:.80} has no tokens.")


def padded_length(length: int, most: int) -> int:
    """The columns of the batch that a text of ``length`` tokens runs in: a few more, so that texts share batches.

    It depends on the text alone, because products in bf16 are rounded differently in batches of other widths.

    Args:
        length: tokens of the text.
        most: columns that the body allows.

    Examples:
        >>> [padded_length(length, 512) for length in (1, 13, 31, 33, 500, 512)]
        [2, 14, 32, 36, 512, 512]
    """
    step = max(2, (1 << (length.bit_length() - 1)) // 8)  # at most an eighth of a long text
    return max(length, min(-(-length // step) * step, most))


def pad(rows: Sequence[Tokens], width: int, filler: int) -> dict[str, Tokens]:
    """The batch that a body of transformers reads.

    Args:
        rows: n texts' tokens, none longer than ``width``.
        width: columns of the batch.
        filler: the number of the padding token.

    Returns:
        ``input_ids`` and ``attention_mask``, (n, width) int64; the mask is 1 for a token and 0 for padding.

    Examples:
        >>> pad([np.array([5, 6]), np.array([7])], 3, 0)["input_ids"].tolist()
        [[5, 6, 0], [7, 0, 0]]
    """
    lengths = np.array([len(row) for row in rows])
    there = np.arange(width) < lengths[:, None]
    ids = np.full(there.shape, filler, np.int64)
    ids[there] = np.concatenate(rows)
    return {"input_ids": ids, "attention_mask": there.astype(np.int64)}
