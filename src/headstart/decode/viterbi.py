"""Chains of tags: the most probable path (Viterbi) and the probability of a stretch of it (forward and backward sums).

The score of a path y is Σ_t e_t[y_t] + a[y_1] + Σ_t A[y_{t-1}, y_t] + z[y_T]; a score of minus infinity forbids it.
Sentences run together, padded to the longest of a batch.

References: Viterbi, "Error Bounds for Convolutional Codes", IEEE Transactions on Information Theory 1967; Rabiner, "A
Tutorial on Hidden Markov Models", Proceedings of the IEEE 1989.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from headstart.decode.spans import TagSet

__all__ = ["Chain", "best_paths", "span_probabilities"]

Array = NDArray[np.float64]
NUMBERS_AT_ONCE = 4_000_000  # of a padded batch: 32 MB


@dataclass(frozen=True, eq=False)
class Chain:
    """Scores of the transitions of a path.

    Attributes:
        first: (tags,) of its first tag.
        steps: (tags, tags) from one tag to the next.
        last: (tags,) of its last tag.

    Examples:
        >>> chain = Chain.of_grammar(TagSet(("PER",)))
        >>> chain.first, chain.steps[0]
        (array([  0.,   0., -inf]), array([  0.,   0., -inf]))
    """

    first: Array
    steps: Array
    last: Array

    @classmethod
    def of_grammar(cls, tags: TagSet, first: Array | None = None, steps: Array | None = None) -> Self:
        """The transitions that a scheme allows; what it forbids has the score minus infinity.

        Args:
            tags: the tags and their scheme.
            first: (tags,) finite scores of first tags, default 0.
            steps: (tags, tags) finite scores of pairs, default 0.
        """
        size = len(tags)
        begin = np.zeros(size) if first is None else first
        pairs = np.zeros((size, size)) if steps is None else steps
        return cls(
            np.where(tags.start_allowed, begin, -np.inf),
            np.where(tags.allowed, pairs, -np.inf),
            np.where(tags.end_allowed, 0.0, -np.inf),
        )


def best_paths(emissions: Array, offsets: NDArray[np.int64], chain: Chain) -> NDArray[np.int64]:
    """The tag (words,) of each word on the best path of its sentence; of equal ones, that of the smaller codes.

    Args:
        emissions: (words, tags) scores of all sentences, one after the other.
        offsets: (sentences + 1,) where the words of each begin and end.
        chain: the transitions.

    Examples:
        >>> chain = Chain.of_grammar(TagSet(("PER",)))
        >>> best_paths(np.array([[0.0, 1.0, 3.0], [0.0, 0.0, 2.0]]), np.array([0, 2]), chain)
        array([1, 2])
    """
    found = np.zeros(len(emissions), np.int64)
    for index, padded, lengths in _batches(emissions, offsets):
        score = padded[:, 0] + chain.first
        back = np.zeros(padded.shape, np.int64)
        for step in range(1, padded.shape[1]):
            paths = score[:, :, None] + chain.steps
            back[:, step] = paths.argmax(axis=1)
            on = (lengths > step)[:, None]
            score = np.where(on, paths.max(axis=1) + padded[:, step], score)
        tags = (score + chain.last).argmax(axis=1)
        rows = np.arange(len(index))
        for step in range(padded.shape[1] - 1, -1, -1):
            on = lengths > step
            found[offsets[index[on]] + step] = tags[on]
            tags = np.where(on, back[rows, step, tags], tags)
    return found


def span_probabilities(
    emissions: Array, offsets: NDArray[np.int64], chain: Chain, tags: TagSet, codes: NDArray[np.int64]
) -> list[list[float]]:
    """The probability of each span that codes mark: of all paths with exactly these bounds and this type.

    Args:
        emissions: (words, tags) log-scores.
        offsets: (sentences + 1,) where the words of each begin and end.
        chain: the transitions.
        tags: the tags, of IOB2 or BIOES, where a tag shows whether it begins a span.
        codes: (words,) of paths that the scheme allows.

    Returns:
        For each sentence, the probabilities of its spans in order.

    Examples:
        >>> tags = TagSet(("PER",))
        >>> emissions = np.log(np.array([[0.5, 0.5, 1.0], [0.5, 0.25, 0.25]]))
        >>> found = span_probabilities(emissions, np.array([0, 2]), Chain.of_grammar(tags), tags, np.array([1, 0]))
        >>> np.round(found, 4)      # (B, O) and (B, B) of the paths (O, O), (O, B), (B, O), (B, B), (B, I)
        array([[0.4286]])
    """
    open_after = np.where(tags.continues, -np.inf, 0.0)  # the tag after a span must not continue it
    found: list[list[float]] = [[] for _ in range(len(offsets) - 1)]
    for index, padded, lengths in _batches(emissions, offsets):
        forward, backward = _sums(padded, lengths, chain)
        for row, sentence in enumerate(index.tolist()):
            own, length = codes[offsets[sentence] : offsets[sentence + 1]], int(lengths[row])
            if length == 0:
                continue
            total = _log_sum(forward[row, length - 1] + chain.last)
            for span in tags.spans(own):
                path = own[span.start : span.end]
                inside = chain.steps[path[:-1], path[1:]] + padded[row, np.arange(span.start + 1, span.end), path[1:]]
                after = chain.last[path[-1]]
                if span.end < length:
                    follow = chain.steps[path[-1]] + padded[row, span.end] + backward[row, span.end]
                    after = _log_sum(follow + open_after)
                score = forward[row, span.start, path[0]] + inside.sum() + after
                found[sentence].append(float(np.exp(min(score - total, 0.0))))
    return found


def _sums(padded: Array, lengths: NDArray[np.int64], chain: Chain) -> tuple[Array, Array]:
    """The ln Σ over the paths up to each tag (its emission included), and over those after it, (n, T, tags) each."""
    forward, backward = np.empty(padded.shape), np.empty(padded.shape)
    forward[:, 0] = padded[:, 0] + chain.first
    longest = padded.shape[1]
    for step in range(1, longest):
        forward[:, step] = _log_sum(forward[:, step - 1, :, None] + chain.steps, axis=1) + padded[:, step]
    backward[:, longest - 1] = chain.last
    for step in range(longest - 2, -1, -1):
        follow = _log_sum(chain.steps + (padded[:, step + 1] + backward[:, step + 1])[:, None, :], axis=2)
        backward[:, step] = np.where((lengths - 1 > step)[:, None], follow, chain.last)
    return forward, backward


def _log_sum(values: Array, axis: int = -1) -> Array:
    """The ln Σ exp, safe where all are minus infinity."""
    most = np.max(values, axis=axis, keepdims=True)
    most = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - most).sum(axis=axis)) + np.squeeze(most, axis))


def _batches(
    emissions: Array, offsets: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.intp], Array, NDArray[np.int64]]]:
    """Sentences of similar length: their numbers, their emissions padded with 0, (n, T, tags), and their lengths."""
    lengths = np.diff(offsets)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    begin, width = 0, emissions.shape[1]
    while begin < len(order):
        # ascending lengths: as many sentences as fit when padded to the last of them
        sizes = lengths[order[begin:]] * np.arange(1, len(order) - begin + 1) * width**2
        count = max(1, int(np.searchsorted(sizes, NUMBERS_AT_ONCE, side="right")))
        index = order[begin : begin + count]
        own = lengths[index]
        padded = np.zeros((len(index), int(own[-1]), width))
        there = np.arange(padded.shape[1]) < own[:, None]
        padded[there] = emissions[np.concatenate([np.arange(offsets[k], offsets[k + 1]) for k in index])]
        yield index, padded, own
        begin += count
