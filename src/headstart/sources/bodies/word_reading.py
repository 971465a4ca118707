"""Words as a body reads them: windows of complete words, and where each word is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.types import Source

__all__ = ["ReadWords", "WordReading", "place_words", "word_windows"]


@dataclass(frozen=True, eq=False)
class ReadWords:
    """A sentence as a body reads it.

    Attributes:
        windows: prepared texts as ``Source.forward`` reads them, which cover all words; none if no word has a token.
        places: (words, 3) int64: the window of each word, and the first and the last + 1 of its positions there. A word
            without a token has the window -1.

    Examples:
        >>> ReadWords((), np.array([[-1, 0, 0]])).nbytes
        24
    """

    windows: tuple[Any, ...]
    places: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes."""
        return int(self.places.nbytes) + sum(int(getattr(window, "nbytes", len(window))) for window in self.windows)


@runtime_checkable
class WordReading(Source, Protocol):
    """A text source that knows exactly which of its positions belong to which word.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:text"), WordReading), isinstance(open_source("vector"), WordReading)
        (True, False)
    """

    def read_words(self, sentences: Sequence[Sequence[str]]) -> list[ReadWords]:
        """Each of n sentences, given as words, as the source reads it; no word is left out."""
        ...

    def with_layers(self, layers: str | Sequence[str], *, positions: bool = False) -> Source:
        """As `headstart.engine.capabilities.LayerChoosing`."""
        ...


def word_windows(counts: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Windows (first word, last word + 1) of complete words that overlap by about half.

    A word with more tokens than there is room for is a window of its own.

    Args:
        counts: tokens of each word.
        room: tokens that a window may hold.

    Examples:
        >>> word_windows([1, 1, 1, 1, 1, 1], 4), word_windows([2, 2], 4), word_windows([], 4)
        ([(0, 4), (2, 6)], [(0, 2)], [])
    """
    ends = np.concatenate([[0], np.cumsum(np.minimum(counts, room))]).astype(np.int64)
    total, found, start = len(counts), [], 0
    while start < total:
        stop = max(int(np.searchsorted(ends, ends[start] + room, side="right")) - 1, start + 1)
        found.append((start, stop))
        if stop >= total:
            break
        # the next window begins at the first word with at most half of a window of tokens before `stop`
        half = int(np.searchsorted(ends, ends[stop] - room // 2, side="left"))
        start = min(max(half, start + 1), stop)
    return found


def place_words(counts: Sequence[int], windows: Sequence[tuple[int, int]], room: int) -> NDArray[np.int64]:
    """The window of each word in which it is most central, and its positions there, (words, 3).

    Args:
        counts: tokens of each word; a word without tokens has no window.
        windows: from `word_windows`.
        room: tokens that a window may hold, which a longer word fills.

    Examples:
        >>> place_words([1, 1, 0, 1, 1, 1, 1], [(0, 5), (2, 7)], 4).tolist()
        [[0, 0, 1], [0, 1, 2], [-1, 0, 0], [0, 2, 3], [1, 1, 2], [1, 2, 3], [1, 3, 4]]
    """
    held = np.minimum(np.asarray(counts, np.int64), room)
    ends = np.concatenate([[0], np.cumsum(held)])
    found = np.zeros((len(held), 3), np.int64)
    found[:, 0] = -1
    best = np.full(len(held), -1, np.int64)
    for k, (start, stop) in enumerate(windows):
        begin, end = ends[start:stop] - ends[start], ends[start + 1 : stop + 1] - ends[start]
        # tokens to the nearer edge of the window; the edges of the sentence hide nothing
        before = begin if start else np.full(stop - start, room)
        after = end[-1] - end if stop < len(held) else np.full(stop - start, room)
        centrality = np.minimum(before, after)
        better = np.flatnonzero((centrality > best[start:stop]) & (held[start:stop] > 0))
        rows = start + better
        best[rows] = centrality[better]
        found[rows] = np.stack([np.full(len(better), k), begin[better], end[better]], axis=1)
    return found
