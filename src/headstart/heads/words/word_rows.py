"""The rows of labelled sentences, read in chunks of complete groups so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from headstart.decode.spans import TagSet
from headstart.heads.words.context import with_neighbours
from headstart.linear.moments import Moments
from headstart.types import Block, FeatureMatrix

__all__ = ["Chunk", "Columns", "LabelledWords"]

NUMBERS_AT_ONCE = 12_000_000  # of a chunk: 96 MB in float64


@dataclass(frozen=True)
class Columns:
    """Which rows a head reads.

    Attributes:
        blocks: names of the blocks of the body; the shapes of words are always read.
        context: how many words on each side are read with each word.

    Examples:
        >>> Columns(("layer.3",), 1).name
        'layer.3, 1 word on each side'
    """

    blocks: tuple[str, ...]
    context: int = 0

    @property
    def name(self) -> str:
        """For the record and the report."""
        if not self.context:
            return ", ".join(self.blocks)
        return f"{', '.join(self.blocks)}, {self.context} word{'s' if self.context > 1 else ''} on each side"


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some complete groups of sentences.

    Attributes:
        words: (m,) positions of their words.
        offsets: (s + 1,) where the words of each sentence begin and end among these.
        sentences: (s,) positions of the sentences.

    Examples:
        >>> chunk = Chunk(np.array([4, 5, 9]), np.array([0, 2, 3]), np.array([1, 3]))
        >>> np.diff(chunk.offsets)      # the words of each sentence
        array([2, 1])
    """

    words: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sentences: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelledWords:
    """Rows of the words of n sentences with their tags.

    Attributes:
        rows: (words, d) of all sentences, one after the other.
        offsets: (n + 1,) where those of each begin and end.
        blocks: of the rows, first to last.
        codes: (words,) tags, codes of ``tags``.
        groups: (n,) codes of sentences that are left out together.
        tags: the tags.

    Examples:
        >>> rows, offsets, groups = np.arange(6.0).reshape(3, 2), np.array([0, 2, 3]), np.array([0, 1])
        >>> words = LabelledWords(rows, offsets, (Block("a", 2),), np.array([1, 2, 0]), groups, TagSet(("PER",)))
        >>> columns = Columns(("a",), 1)
        >>> [words.read(columns, chunk).shape for chunk in words.chunks(columns)], words.moments(columns).n
        ([(3, 6)], 3)
    """

    rows: FeatureMatrix
    offsets: NDArray[np.int64]
    blocks: tuple[Block, ...]
    codes: NDArray[np.int64]
    groups: NDArray[np.int64]
    tags: TagSet

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, sentences: NDArray[np.int64]) -> LabelledWords:
        """Some sentences, in ascending order, with a copy of their rows."""
        chunk = self.chunk(np.sort(sentences))
        own = self.rows[chunk.words]
        codes, groups = self.codes[chunk.words], self.groups[chunk.sentences]
        return LabelledWords(own, chunk.offsets, self.blocks, codes, groups, self.tags)

    def chunk(self, sentences: NDArray[np.int64]) -> Chunk:
        """The words of some sentences."""
        starts, lengths = self.offsets[sentences], np.diff(self.offsets)[sentences]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        words = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Chunk(words.astype(np.int64), offsets, sentences)

    def chunks(self, columns: Columns, sentences: NDArray[np.int64] | None = None) -> Iterator[Chunk]:
        """Chunks of complete groups that cover all sentences, or some complete groups of them.

        Args:
            columns: what is read of a word, which bounds how many fit.
            sentences: positions of sentences; None for all.
        """
        chosen = np.arange(len(self)) if sentences is None else sentences
        chosen = chosen[np.argsort(self.groups[chosen], kind="stable")]
        counts = np.cumsum(np.diff(self.offsets)[chosen])
        most = max(1, NUMBERS_AT_ONCE // self.width(columns))
        edges = np.flatnonzero(np.diff(self.groups[chosen], prepend=-1, append=-1))  # where groups begin, and the end
        starts = [0]
        for here, following in pairwise(edges.tolist()):
            seen = counts[starts[-1] - 1] if starts[-1] else 0
            if counts[following - 1] - seen > most and here > starts[-1]:
                starts.append(here)
        for start, stop in pairwise([*starts, len(chosen)]):
            yield self.chunk(chosen[start:stop])

    def width(self, columns: Columns) -> int:
        """Numbers that a head reads of a word."""
        return len(self.places(columns)) * (2 * columns.context + 1)

    def places(self, columns: Columns) -> NDArray[np.int64]:
        """The columns of the rows that are read: those of the named blocks, and all numbers."""
        edges = np.cumsum([0, *(block.width for block in self.blocks)])
        read = [block.numbers or block.name in columns.blocks for block in self.blocks]
        return np.concatenate([np.arange(a, b) for (a, b), own in zip(pairwise(edges), read, strict=True) if own])

    def read(self, columns: Columns, chunk: Chunk) -> NDArray[np.float32]:
        """(m, width) what a head reads of the words of a chunk."""
        rows = np.asarray(self.rows[chunk.words], np.float32)[:, self.places(columns)]
        return with_neighbours(rows, chunk.offsets, columns.context)

    def one_hot(self, chunk: Chunk) -> NDArray[np.float64]:
        """(m, tags) targets of the words of a chunk."""
        return np.eye(len(self.tags))[self.codes[chunk.words]]

    def moments(self, columns: Columns) -> Moments:
        """Moments of what a head reads, with the tags as one-hot targets."""
        return Moments.stream((self.read(columns, one), self.one_hot(one)) for one in self.chunks(columns))
