"""Text bodies of transformers: each layer pooled over the tokens of a text, or one row per token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.token_counts import TokenCounts
from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import DirectForm, rows_key
from headstart.errors import ItemError
from headstart.sources.bodies.embedded_text import EmbeddedText
from headstart.sources.bodies.hidden_layers import MOST_BLOCKS, Hidden, Layers, Reading, select
from headstart.sources.bodies.trainable import PreparedKind
from headstart.sources.bodies.word_reading import ReadWords
from headstart.sources.transformers.body import TransformersBody
from headstart.sources.transformers.checkpoint import write_sentence_files
from headstart.sources.transformers.embedded_tokens import embedder, token_spans
from headstart.sources.transformers.lengths import length_batches, padded_length
from headstart.sources.transformers.parts import BodyParts
from headstart.sources.transformers.tokenizing import (
    TokenizerSpec,
    Tokens,
    count_tokens,
    open_tokenizer,
    pad,
    tokenize,
)
from headstart.sources.transformers.word_table import WordTable, word_table
from headstart.sources.transformers.word_tokens import WordTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

__all__ = ["TextBody", "TextParts"]

LAYOUT = 1  # to be raised when the same checkpoint gives other features
TEXT_FORM = 2  # to be raised when texts are normalised differently
TOKENS_AT_ONCE = 2048  # in a batch; 1024 to 2048 are fastest on OpenVINO for texts of 4 to 100 tokens


@dataclass(frozen=True, kw_only=True)
class TextParts(BodyParts):
    """The parts of a text source; nothing is loaded yet.

    Attributes:
        hidden: a function of (module, batch) that returns the embeddings and every layer, (n, tokens, width) each.
        tokenizer: the location of its tokenizer.
        pooling: of the last layer: ``"mean"`` over the tokens or ``"cls"``, the first token.
        words: returns the token embeddings for a seed, or the pretrained ones for None, if they stay outside of the
            module: a batch then holds embedded tokens, and only the rows that occur in it are read.
        direct: returns, for a seed or None and the numbers of the hidden layers that are read, how the body runs
            without torch; needs ``known``.
        most: how many layers the rule ``"blocks"`` reads.
        known: as in `BodyParts`, with ``vocabulary`` (number of tokens) and ``width`` (of the last layer).

    Examples:
        >>> TextParts(key="", build=None, hidden=None, tokenizer=TokenizerSpec("", 8), copy=None, write=None).pooling
        'mean'
    """

    hidden: Hidden
    tokenizer: TokenizerSpec
    pooling: str = "mean"
    words: Callable[[int | None], WordTable] | None = None
    direct: Callable[[int | None, Sequence[int]], DirectForm] | None = None
    most: int = MOST_BLOCKS

    def with_module(self, module: nn.Module) -> TextParts:
        """The same parts with the weights and the structure of ``module``, which must not be changed afterwards."""
        made = replace(super().with_module(module), direct=None)
        if (make := self.words) is None:
            return made
        table = word_table(module)  # of the body that was trained, which may have begun with random weights
        return replace(made, words=partial(_words_for, table, make))

    def count(self, module: nn.Module) -> int:
        """The number of parameters of a body, its token embeddings included."""
        outside = 0 if self.words is None else prod(word_table(module).shape)
        return super().count(module) + outside


class TextBody(TransformersBody[TextParts, Tokens]):
    """A text source: the embeddings and every layer, each averaged over the tokens.

    The layers are named ``"embeddings"``, ``"layer.1"``, ``"layer.2"``, ...

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> open_source("headstart:text").info.blocks[-1]
        Block(name='layer.6', width=384)
    """

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return open_tokenizer(self.parts.tokenizer)

    @cached_property
    def _word_tokenizer(self) -> WordTokenizer:
        return WordTokenizer(self.parts.tokenizer)

    @cached_property
    def _words(self) -> WordTable | None:
        return None if self.parts.words is None else self.parts.words(self._seed)

    def prepare(self, item: object) -> Tokens:
        """The token ids of the text, int64.

        Raises:
            ItemError: if the item is not a text, or has no tokens.
        """
        outcome = tokenize(self._tokenizer, [item])[0]
        if isinstance(outcome, ItemError):
            raise outcome
        return outcome

    def prepare_many(self, items: Sequence[object]) -> list[Tokens | ItemError]:
        """`prepare` for many texts in one call of the tokenizer; for a faulty text, its error is returned."""
        return tokenize(self._tokenizer, items)

    def count_tokens(self, texts: Sequence[str]) -> TokenCounts:
        """Statistics of the tokens and words of texts, not truncated."""
        return count_tokens(self.parts.tokenizer, texts)

    def token_spans(self, text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
        """The text in the form in which it is tokenized, and (start, stop) of each of its tokens that are read."""
        return token_spans(self._tokenizer, text)

    def read_words(self, sentences: Sequence[Sequence[str]]) -> list[ReadWords]:
        """Each sentence, given as words, as windows of token ids with the places of its words; no word is left out."""
        return self._word_tokenizer(sentences)

    def token_embedder(self) -> Callable[[str], EmbeddedText]:
        """A function that embeds a text and runs the body in torch from there, in fp32, with gradients."""
        module, reading = self._build()
        if self._choice is not None:
            reading = replace(reading, layers=self._choice.names)
        return embedder(module, reading, self._tokenizer, self.parts.tokenizer, self._words)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder that transformers and sentence-transformers load too."""
        reference = super().save(folder)
        if reference != self.parts.reference:
            self._write_sentence_files(folder)
        return reference

    def write_checkpoint(self, folder: Path) -> None:
        """Write the checkpoint folder that `save` writes, without adapters, also of a body that every install has."""
        self.parts.copy(folder, self._seed)
        self._write_sentence_files(folder)

    def _write_sentence_files(self, folder: Path) -> None:
        limit, width = self.parts.tokenizer.max_length, self._facts["width"]
        write_sentence_files(folder, pooling=self.parts.pooling, max_length=limit, width=width)

    def _identity(self) -> tuple[object, ...]:
        return "text", LAYOUT, self.parts.key, self.parts.pooling

    def _reader(self, layers: Layers, *, positions: bool) -> Reading:
        cls = self.parts.pooling == "cls"
        return Reading(self.parts.hidden, _names, layers, positions, cls, most=self.parts.most)

    def _preprocessing(self) -> Mapping[str, Any]:
        return {"max_length": self.parts.tokenizer.max_length, "pooling": self.parts.pooling}

    def _about(self, module: Any) -> Mapping[str, Any]:
        """The facts that the parts hold, else those from the module's configuration."""
        return self.parts.known or {
            "architecture": str(module.config.model_type),
            "vocabulary": int(module.get_input_embeddings().num_embeddings),
            "width": int(module.config.hidden_size),
        }

    def _direct(self) -> DirectForm | None:
        if self.parts.direct is None or self.parts.known is None or self._reading.positions:
            return None
        names = [name for name, _ in self.parts.known["blocks"]]
        chosen = select(names, self._reading.layers, self._reading.most)
        if not set(chosen) <= set(names):
            return None  # a submodule, which only hooks of torch can read
        return self.parts.direct(self._seed, [names.index(name) for name in chosen])

    def _example(self, facts: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Four texts of 10 to 16 random tokens."""
        tokens = np.random.default_rng(0).integers(facts["vocabulary"], size=(4, 16))
        return self._embedded(pad([row[: 16 - 2 * k] for k, row in enumerate(tokens)], 16, 0))

    def _groups(self, prepared: Sequence[Tokens]) -> Iterator[NDArray[np.intp]]:
        most = self.parts.tokenizer.max_length
        lengths = np.array([padded_length(len(tokens), most) for tokens in prepared], np.intp)
        return length_batches(lengths, TOKENS_AT_ONCE)

    def _batch(self, prepared: Sequence[Tokens]) -> dict[str, NDArray[Any]]:
        tokenizer = self.parts.tokenizer
        longest = max(len(tokens) for tokens in prepared)
        return self._embedded(pad(prepared, padded_length(longest, tokenizer.max_length), tokenizer.pad))

    def _own(self, row: NDArray[np.float32], prepared: Tokens) -> NDArray[np.float32]:
        return row[: len(prepared)]

    def _compared(self, prepared: Sequence[Tokens]) -> dict[str, NDArray[Any]]:
        return self._embedded(self._padded(prepared))

    def _padded(self, prepared: Sequence[Tokens]) -> dict[str, Tokens]:
        return pad(prepared, max(len(tokens) for tokens in prepared), self.parts.tokenizer.pad)

    def _embedded(self, batch: dict[str, Tokens]) -> dict[str, NDArray[Any]]:
        """The batch as the module reads it: token ids, or ``inputs_embeds`` if it has no token embeddings."""
        if self._words is None:
            return dict(batch)
        return {"inputs_embeds": self._words(batch["input_ids"]), "attention_mask": batch["attention_mask"]}

    def _rows_key(self, form: str) -> str:
        tokenizer = self.parts.tokenizer
        return rows_key("text", TEXT_FORM, self.body.recipe.key, form, tokenizer.digest, tokenizer.max_length)

    def _kind(self) -> PreparedKind:
        return "tokens"

    def _collate(self, prepared: Sequence[Tokens]) -> Any:
        return to_tensors(self._batch(prepared))


def _words_for(own: WordTable, make: Callable[[int | None], WordTable], seed: int | None) -> WordTable:
    return own if seed is None else make(seed)


def _names(count: int) -> list[str]:
    return ["embeddings", *(f"layer.{k}" for k in range(1, count))]
