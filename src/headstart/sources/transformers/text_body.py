"""Text bodies: tokens in, every layer's mean over the tokens out, or a row for each token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.token_counts import TokenCounts
from headstart.engine.body.arrays import first_items, to_tensors
from headstart.engine.body.recipe import Recipe, recipe_key, rows_key
from headstart.engine.capabilities import Runtime
from headstart.engine.extract import encode
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.errors import ItemError
from headstart.sources.bodies.copies import as_trainable
from headstart.sources.bodies.hidden_layers import Hidden, Layers, Reading, check_layers, save_reading, select
from headstart.sources.bodies.seeded import drawn_by
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.transformers.checkpoint import write_sentence_files
from headstart.sources.transformers.parts import moved_parts, parameter_count
from headstart.sources.transformers.tokenizing import (
    TokenizerSpec,
    Tokens,
    count_tokens,
    open_tokenizer,
    pad,
    padded_length,
    tokenize,
)
from headstart.types import Block, FeatureMatrix, SourceInfo

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

__all__ = ["TextBody", "TextParts"]

LAYOUT = 1  # raised when the same checkpoint gives other features than before
TEXT_FORM = 2  # raised when texts are read in another form than before
TOKENS_AT_ONCE = 2048  # 1024 to 2048 are best on OpenVINO for texts of 4 to 100 tokens


@dataclass(frozen=True)
class TextParts:
    """What a text source is made of; nothing in it has been loaded yet.

    Attributes:
        key: digest of everything that decides what the module gives for tokens: weights and configuration.
        build: makes the module in evaluation mode: with its weights for None, with fresh ones for a seed.
        hidden: a function of (module, batch) that gives the embeddings and every layer, (n, tokens, width) each.
        tokenizer: where its tokenizer is.
        copy: writes a checkpoint folder of the body with its weights, or with those of a seed.
        write: writes a checkpoint folder of the body with the weights of a module of the same make.
        reference: what opens the source again on every install; None where a copy of it is needed.
        pooling: ``"mean"`` over the tokens or ``"cls"``, the first token; for the last layer.
        known: where they are known without loading it, the facts of the body: ``architecture``, ``parameters`` (number
            of weights), ``vocabulary`` (number of tokens), ``width`` (columns of the last layer) and ``blocks`` (name
            and width of every layer).
        structure: what was inserted into the body, as `headstart.sources.bodies.copies.structure_of` tells.
        lasting: whether a later process can open it again.

    Examples:
        >>> TextParts(key="", build=None, hidden=None, tokenizer=TokenizerSpec("", 8), copy=None, write=None).pooling
        'mean'
    """

    key: str
    build: Callable[[int | None], nn.Module]
    hidden: Hidden
    tokenizer: TokenizerSpec
    copy: Callable[[Path, int | None], None]
    write: Callable[[Path, nn.Module], None]
    reference: Mapping[str, str] | None = None
    pooling: str = "mean"
    known: Mapping[str, Any] | None = None
    structure: Mapping[str, Any] = field(default_factory=dict)
    lasting: bool = True

    def moved(self, module: nn.Module) -> TextParts:
        """The same with the weights, and the structure, of ``module``, which is not changed any more."""
        known = None if self.known is None else {**self.known, "parameters": parameter_count(module)}
        return replace(self, **moved_parts(self, module), reference=None, known=known)


class TextBody:
    """A text source: the mean over the tokens of the embeddings and of every layer.

    Opening it loads no weights: they are loaded where a backend has to be made, or where facts about the body are not
    known yet.

    Args:
        parts: what it is made of.
        info: what is known; the rest is filled in.
        layers: which layers are read, as in `with_layers`.
        positions: whether each token has a row.
        seed: for the body with fresh random weights, their seed.
        facts: what is known of the body where it need not be found out.

    Attributes:
        body: how it is run.

    Examples:
        >>> from headstart.sources.registry import open_source
        >>> open_source("headstart:text").info.blocks[-1]
        Block(name='layer.6', width=384)
    """

    def __init__(
        self,
        parts: TextParts,
        info: SourceInfo,
        *,
        layers: Layers = "blocks",
        positions: bool = False,
        seed: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.parts = parts
        self._reading = Reading(parts.hidden, _names, layers, positions, parts.pooling == "cls")
        self._seed = seed
        trained = recipe_key("text", LAYOUT, parts.key, parts.pooling, layers, positions)
        key = trained if seed is None else recipe_key(trained, drawn_by(seed))
        recipe = Recipe(key, self._build, lambda: _example(self._facts["vocabulary"]), lasting=parts.lasting)
        self.body = FrozenBody(recipe)
        self._facts = facts or self._known() or self.body.facts(self._measure)
        self._given = info
        self._info = replace(
            info,
            num_features=self._facts["blocks"][-1][1],
            blocks=tuple(Block(name, width) for name, width in self._facts["blocks"]),
            architecture=self._facts["architecture"],
            parameters=self._facts["parameters"],
            input={"max_length": parts.tokenizer.max_length, "pooling": parts.pooling},
        )

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def runtime(self) -> Runtime:
        """What runs its body."""
        return self.body.runtime

    @property
    def body_key(self) -> str:
        """Tells its body from all others."""
        return self.body.recipe.key

    @property
    def positions(self) -> bool:
        """Whether each position has a row; else each item has one."""
        return self._reading.positions

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return open_tokenizer(self.parts.tokenizer)

    def choose(self, engine: Engine, count: int, few: Callable[[], Sequence[Tokens]]) -> str:
        """Pick the backend for about ``count`` texts; gives the digest under which their rows may be kept.

        Args:
            engine: what the user wants.
            count: how many texts will be encoded.
            few: gives some prepared texts; called where a backend is compared with the plain body.
        """

        def batch() -> dict[str, Tokens] | None:
            prepared = few()
            return self._padded(prepared) if len(prepared) else None

        form = self.body.choose(engine.backend, count, batch)
        tokenizer = self.parts.tokenizer
        return rows_key("text", TEXT_FORM, self.body.recipe.key, form, tokenizer.digest, tokenizer.max_length)

    def prepare(self, item: Any) -> Tokens:
        """The numbers of the text's tokens, int64.

        Raises:
            ItemError: if the item is no text, or has no tokens.
        """
        outcome = tokenize(self._tokenizer, [item])[0]
        if isinstance(outcome, ItemError):
            raise outcome
        return outcome

    def prepare_many(self, items: Sequence[Any]) -> list[Tokens | ItemError]:
        """`prepare` for many texts in one call of the tokenizer; an error stands in the place of its text."""
        return tokenize(self._tokenizer, items)

    def count_tokens(self, texts: Sequence[str]) -> TokenCounts:
        """What the tokenizer makes of texts to their end, and of the words in them."""
        return count_tokens(self.parts.tokenizer, texts)

    def forward(self, prepared: Sequence[Tokens]) -> Any:
        """The rows of n prepared texts.

        Returns:
            (n, sum of block widths) float32; with ``positions``, a list of n arrays (tokens, sum of block widths)
            float32, with one row a token.
        """
        most = self.parts.tokenizer.max_length
        columns = np.array([padded_length(len(tokens), most) for tokens in prepared], np.intp)
        width = sum(block.width for block in self.info.blocks)
        positions = self._reading.positions
        rows: Any = [None] * len(prepared) if positions else np.empty((len(prepared), width), np.float32)
        for batch in _batches(columns):
            found = self.body(pad([prepared[k] for k in batch], columns[batch[0]], self.parts.tokenizer.pad))
            if positions:
                for k, row in zip(batch, found, strict=True):
                    rows[k] = row[: len(prepared[k])]
            else:
                rows[batch] = found
        return rows

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n texts."""
        return encode(self, items)

    def untrained(self, seed: int) -> TextBody:
        """The same body with fresh random weights."""
        name = f"{self.info.name} (untrained, seed {seed})"
        info = replace(self._given, name=name, sha256=None, revision=None)
        layers, positions = self._reading.layers, self._reading.positions
        return TextBody(self.parts, info, layers=layers, positions=positions, seed=seed, facts=self._facts)

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> TextBody:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (at most 13 hidden states, evenly spread: the default), ``"all"`` (every
                hidden state: the embeddings and the output of every layer), or names: of a hidden state
                (``"embeddings"``, ``"layer.3"``), ``"last"`` for the last one, or of a submodule, first to last.
            positions: whether each token has a row, so that `forward` gives one array a text.

        Raises:
            ParameterError: for another rule, or no names.
            UnknownNameError: for a name that the body lacks.
            SourceError: for a submodule whose output is no row for each token.
        """
        wanted = check_layers(layers)
        return TextBody(self.parts, self._given, layers=wanted, positions=positions, seed=self._seed)

    def trainable(self) -> Trainable:
        """The body as training sees it; each call makes a module of its own."""
        module, forward = self._build()
        example = to_tensors(first_items(_example(self._facts["vocabulary"]), 1))
        return as_trainable(module, forward, self._collate, "tokens", example=example)

    def with_module(self, module: nn.Module, name: str) -> TextBody:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights, or with adapters; it is not changed any more.
            name: the new source's full name.
        """
        info = replace(self._given, name=name, sha256=None, revision=None)
        layers, positions = self._reading.layers, self._reading.positions
        return TextBody(self.parts.moved(module), info, layers=layers, positions=positions)

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder that transformers and sentence-transformers load too."""
        default = self._reading.layers == "blocks" and not self._reading.positions
        if self.parts.reference is not None and default and self._seed is None:
            return self.parts.reference
        self.parts.copy(folder, self._seed)
        limit, width = self.parts.tokenizer.max_length, self._facts["width"]
        write_sentence_files(folder, pooling=self.parts.pooling, max_length=limit, width=width)
        return save_reading(
            folder, self._reading.layers, positions=self._reading.positions, structure=self.parts.structure
        )

    def _build(self) -> tuple[nn.Module, Reading]:
        return self.parts.build(self._seed), self._reading

    def _known(self) -> Mapping[str, Any] | None:
        """The facts, where the parts know those of all layers that are read."""
        if self.parts.known is None:
            return None
        widths = dict(self.parts.known["blocks"])
        chosen = select(list(widths), self._reading.layers)
        if not set(chosen) <= set(widths):
            return None
        return {**self.parts.known, "blocks": [[name, widths[name]] for name in chosen]}

    def _measure(self, module: nn.Module, _forward: object) -> dict[str, Any]:
        facts = self.parts.known or _facts(module)
        return {
            **facts,
            "blocks": self._reading.widths(module, _example(facts["vocabulary"])),
            "parameters": parameter_count(module),
        }

    def _collate(self, prepared: Sequence[Tokens]) -> Any:
        tokenizer = self.parts.tokenizer
        longest = max(len(tokens) for tokens in prepared)
        return to_tensors(pad(prepared, padded_length(longest, tokenizer.max_length), tokenizer.pad))

    def _padded(self, prepared: Sequence[Tokens]) -> dict[str, Tokens]:
        return pad(prepared, max(len(tokens) for tokens in prepared), self.parts.tokenizer.pad)


def _batches(columns: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Positions of texts that run together: of one padded length, the longest first."""
    for length in np.unique(columns)[::-1]:
        alike = np.flatnonzero(columns == length)
        size = max(1, TOKENS_AT_ONCE // int(length))
        yield from (alike[begin : begin + size] for begin in range(0, len(alike), size))


def _facts(module: Any) -> dict[str, Any]:
    """What a module of transformers says of itself."""
    return {
        "architecture": str(module.config.model_type),
        "vocabulary": int(module.get_input_embeddings().num_embeddings),
        "width": int(module.config.hidden_size),
    }


def _names(count: int) -> list[str]:
    return ["embeddings", *(f"layer.{k}" for k in range(1, count))]


def _example(vocabulary: int) -> dict[str, Tokens]:
    """Four texts of 10 to 16 random tokens."""
    tokens = np.random.default_rng(0).integers(vocabulary, size=(4, 16))
    return pad([row[: 16 - 2 * k] for k, row in enumerate(tokens)], 16, 0)
