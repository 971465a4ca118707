"""A linear map of word rows to scores of tags, and the best path of tags under the grammar of their scheme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Span
from headstart.decode.spans import TagSet
from headstart.decode.viterbi import Chain, best_paths, span_probabilities
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.heads.words.context import with_neighbours
from headstart.reporting import Progress
from headstart.sources.positions.words import WordsSource, words_of
from headstart.types import Source, Task

__all__ = ["MOST_CONTEXT", "WordsHead"]

Array = NDArray[np.float64]

MOST_CONTEXT = 3
MOST_BLOCKS = 64  # bounds for saved heads, which may come from anyone
WORDS_AT_ONCE = 4096
SCHEMES = ("IOB2", "BIOES")
TENSORS = ("weight", "bias", "first", "steps")


@dataclass(frozen=True, eq=False)
class WordsHead:
    """Marks spans of words: scores x·W + b of each word's tags, then the best path of each sentence.

    A head that was solved in closed form and a trained conditional random field are both of this form.

    Attributes:
        labels: the types of spans.
        blocks: names of the blocks of the body that are read.
        weight: (d, tags) for the rows of a word and its neighbours, with `headstart.heads.words.context`.
        bias: (tags,).
        first: (tags,) scores of the first tag of a sentence.
        steps: (tags, tags) scores of a tag after another; what the scheme forbids is never taken.
        context: how many words on each side are read with each word.
        pooling: the row of a word of several tokens, as in `headstart.sources.positions.words.WordsSource`.
        scheme: of the tags, ``"IOB2"`` or ``"BIOES"``.
        name: in `headstart.heads.annotating.contract.ANNOTATION_HEADS`.

    Examples:
        >>> from headstart.annotations import Sentence
        >>> from headstart.sources.toy import ToySource
        >>> weight = np.zeros((64 + 19, 3))
        >>> weight[64 + 1, 1] = 2.0        # a capital at the beginning speaks for B-PER
        >>> head = WordsHead(("PER",), ("trigrams",), weight, np.array([1.0, 0, 0]), np.zeros(3), np.zeros((3, 3)))
        >>> sentences = [Sentence.of_words(["hello", "Ada"]), Sentence.of_words(["hello"])]
        >>> found = head.annotate(ToySource(), sentences, engine=Engine(cache=False))
        >>> found[1], round(found[0][0].score, 2)
        ((), 0.71)
    """

    kind: ClassVar[str] = "token"

    labels: tuple[str, ...]
    blocks: tuple[str, ...]
    weight: Array
    bias: Array
    first: Array
    steps: Array
    context: int = 0
    pooling: str = "first"
    scheme: str = "IOB2"
    name: str = "words"

    @cached_property
    def tags(self) -> TagSet:
        """The tags of the scheme."""
        return TagSet(self.labels, self.scheme)

    @cached_property
    def chain(self) -> Chain:
        """The transitions, with those that the scheme forbids."""
        return Chain.of_grammar(self.tags, self.first, self.steps)

    def source(self, source: Source) -> WordsSource:
        """The source of words with the blocks that the head reads.

        Raises:
            SourceError: if it cannot give rows for words, or its rows are of another width.
        """
        words = words_of(source, pooling="mean" if self.pooling == "mean" else "first")
        known = {block.name for block in words.all_blocks()}
        if known >= set(self.blocks):
            words = words.only_blocks(self.blocks)
            if sum(block.width for block in words.info.blocks) * (2 * self.context + 1) == len(self.weight):
                return words
        raise SourceError(
            f"The head reads the blocks {', '.join(self.blocks)[:80]} with {len(self.weight)} numbers a word, which "
            f"the source '{source.info.name}' does not give; use the source that it was fitted on."
        )

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[tuple[Span, ...]]:
        """The spans of each of n sentences, each with its probability.

        Args:
            source: the text source, as its user opened it.
            items: n sentences.
            engine: how they are encoded.
            progress: receives what is done.

        Raises:
            ItemError: for an item that is no sentence or has no words.
            SourceError: as `source`.
        """
        found = extract(self.source(source), items, engine=engine, progress=progress, on_error="raise")
        offsets = np.zeros(1, np.int64) if found.offsets is None else found.offsets
        return self.mark(found.rows, offsets)

    def mark(self, rows: NDArray[Any], offsets: NDArray[np.int64]) -> list[tuple[Span, ...]]:
        """The spans of sentences from the rows of their words.

        Args:
            rows: (words, d) of the blocks that the head reads.
            offsets: (n + 1,) where the words of each sentence begin and end.
        """
        emissions = self.emissions(rows, offsets)
        codes = best_paths(emissions, offsets, self.chain)
        scores = span_probabilities(emissions, offsets, self.chain, self.tags, codes)
        marked = []
        for own, start, stop in zip(scores, offsets[:-1], offsets[1:], strict=True):
            spans = zip(self.tags.spans(codes[start:stop]), own, strict=True)
            marked.append(tuple(replace(span, score=score) for span, score in spans))
        return marked

    def emissions(self, rows: NDArray[Any], offsets: NDArray[np.int64]) -> Array:
        """(words, tags) scores of the words of n sentences, computed in chunks.

        Args:
            rows: (words, d) of the blocks that the head reads.
            offsets: (n + 1,) where the words of each sentence begin and end.
        """
        found = np.empty((len(rows), len(self.bias)))
        start = 0
        while start < len(offsets) - 1:
            limit = offsets[start] + WORDS_AT_ONCE
            stop = max(start + 1, int(np.searchsorted(offsets, limit, side="right")) - 1)
            a, b = int(offsets[start]), int(offsets[stop])
            part = np.asarray(rows[a:b], np.float32)
            found[a:b] = with_neighbours(part, offsets[start : stop + 1] - a, self.context) @ self.weight
            start = stop
        return found + self.bias

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """Its arrays by name, for ``model.safetensors``."""
        return {name: np.ascontiguousarray(getattr(self, name), np.float64) for name in TENSORS}

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values, for ``config.json``."""
        return {
            "blocks": list(self.blocks), "context": self.context, "pooling": self.pooling, "scheme": self.scheme,
        }  # fmt: skip

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> Self:
        """The head that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit together or to the task, or a number is not finite or out of its range.
        """
        blocks, context = facts.get("blocks"), facts.get("context")
        pooling, scheme = facts.get("pooling"), facts.get("scheme")
        if not isinstance(blocks, list) or not 0 < len(blocks) <= MOST_BLOCKS or not _are_names(blocks):
            raise ValueError("the head's 'blocks' are no list of names")
        if isinstance(context, bool) or not isinstance(context, int) or not 0 <= context <= MOST_CONTEXT:
            raise ValueError(f"the head's 'context' is no number from 0 to {MOST_CONTEXT}")
        if pooling not in ("first", "mean") or scheme not in SCHEMES:
            raise ValueError("the head's 'pooling' or 'scheme' is unknown")
        size = len(TagSet(task.labels, str(scheme)))
        shapes = {"weight": (None, size), "bias": (size,), "first": (size,), "steps": (size, size)}
        arrays = {name: _checked(tensors.get(name), name, shapes[name]) for name in TENSORS}
        return cls(
            task.labels, tuple(blocks), arrays["weight"], arrays["bias"], arrays["first"], arrays["steps"],
            context=context, pooling=pooling, scheme=str(scheme),
        )  # fmt: skip


def _are_names(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) and 0 < len(value) <= 200 for value in values)


def _checked(array: NDArray[Any] | None, name: str, shape: tuple[int | None, ...]) -> Array:
    if array is None or array.ndim != len(shape) or array.dtype.kind != "f":
        raise ValueError(f"the head's '{name}' is missing or no array of numbers")
    if any(want is not None and want != got for want, got in zip(shape, array.shape, strict=True)):
        raise ValueError(f"the head's '{name}' has the shape {array.shape}, which does not fit the labels")
    if not np.isfinite(array).all():
        raise ValueError(f"the head's '{name}' holds numbers that are not finite")
    return np.asarray(array, np.float64)
