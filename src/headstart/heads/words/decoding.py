"""From scores of tags to span F1, and the choice of what the path of tags adds to them.

With emissions log p(y_t | x_t), the path maximises Σ_t log p(y_t|x_t) - κ log π_{y_t} + κ log A[y_{t-1}, y_t] + δ [y_t
= O]: κ = 0 is the best path that the scheme allows, κ = 1 a hidden Markov model with scaled likelihoods. δ moves the
balance of precision and recall. Both are chosen by the span F1 of scores that were left out.

Reference: Bourlard & Morgan, "Connectionist Speech Recognition: A Hybrid Approach", 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from headstart.decode.spans import OUTSIDE, TagSet
from headstart.decode.viterbi import Chain, best_paths
from headstart.linear.calibration import fit_temperature, log_loss

__all__ = ["CountsApart", "Decoding", "JudgedWords", "TagCounts", "shares_of", "span_f1", "transitions"]

Array = NDArray[np.float64]

KAPPAS = (0.0, 0.5, 1.0)
DELTAS = (0.0, -0.5, 0.5, -1.0, 1.0, 2.0, 3.0)  # nats; the simplest choice first, since ties go to the first
UNSEEN = 0.5  # added to each count of a pair
MOST_CALIBRATED = 20_000  # words that the temperature is fitted on


@dataclass(frozen=True)
class Decoding:
    """How scores become a path.

    Attributes:
        temperature: T of emissions log softmax(scores / T).
        kappa: weight κ of the priors and transitions.
        delta: δ, added to the score of O.

    Examples:
        >>> Decoding(2.0).on(np.array([[2.0, 0.0, 0.0]]), np.array([0.5, 0.25, 0.25]))
        array([[1., 0., 0.]])
    """

    temperature: float = 1.0
    kappa: float = 0.0
    delta: float = 0.0

    def on(self, scores: NDArray[np.floating], shares: Array) -> Array:
        """The emissions (m, tags), up to a constant for each word.

        Args:
            scores: (m, tags).
            shares: (tags,) of the training words, π, all above 0.
        """
        return np.asarray(scores / self.temperature + self.offset(shares))

    def offset(self, shares: Array) -> Array:
        """(tags,) what is added to the scores of each word."""
        own = -self.kappa * np.log(shares)
        own[OUTSIDE] += self.delta
        return own


@dataclass(frozen=True, eq=False)
class TagCounts:
    """How often tags begin a sentence and follow each other.

    Attributes:
        first: (tags,) counts of first tags.
        pairs: (tags, tags) counts of each tag after another.

    Examples:
        >>> counts = TagCounts.of(TagSet(("PER",)), np.array([0, 1, 2, 0]), np.array([0, 3, 4]))
        >>> first, steps = counts.log_probabilities()
        >>> np.exp(first).round(2), np.exp(steps[1]).round(2)
        (array([0.71, 0.14, 0.14]), array([0.2, 0.2, 0.6]))
        >>> (counts + counts - counts).words
        array([2., 1., 1.])
    """

    first: Array
    pairs: Array

    @classmethod
    def of(cls, tags: TagSet, codes: NDArray[np.int64], offsets: NDArray[np.int64]) -> Self:
        """Count the tags of sentences.

        Args:
            tags: the tags.
            codes: (words,) of the sentences.
            offsets: (n + 1,) where the words of each begin and end.
        """
        return cls(*tags.bigrams(codes[a:b] for a, b in pairwise(offsets)))

    @property
    def words(self) -> Array:
        """(tags,) how many words have each tag."""
        return np.asarray(self.first + self.pairs.sum(axis=0))

    def __add__(self, other: TagCounts) -> TagCounts:
        """The counts of the sentences of both."""
        return TagCounts(self.first + other.first, self.pairs + other.pairs)

    def __sub__(self, other: TagCounts) -> TagCounts:
        """The counts without those of ``other``."""
        return TagCounts(self.first - other.first, self.pairs - other.pairs)

    def padded(self, size: int) -> TagCounts:
        """The same counts among ``size`` tags, of which the last ones are new."""
        new = size - len(self.first)
        return TagCounts(np.pad(self.first, (0, new)), np.pad(self.pairs, (0, new)))

    def log_probabilities(self) -> tuple[Array, Array]:
        """Of the first tag (tags,) and of each tag after another (tags, tags), with ½ added to counts."""
        first, pairs = self.first + UNSEEN, self.pairs + UNSEEN
        return np.log(first / first.sum()), np.log(pairs / pairs.sum(axis=1, keepdims=True))

    def shares(self) -> Array:
        """(tags,) the shares of the tags among words, with ½ added to counts."""
        counts = self.words + UNSEEN
        return np.asarray(counts / counts.sum())


def transitions(tags: TagSet, codes: NDArray[np.int64], offsets: NDArray[np.int64]) -> tuple[Array, Array]:
    """Log probabilities of the first tag (tags,) and of each tag after another (tags, tags), with ½ added to counts.

    Args:
        tags: the tags.
        codes: (words,) of the training words.
        offsets: (n + 1,) where the words of each sentence begin and end.

    Examples:
        >>> first, steps = transitions(TagSet(("PER",)), np.array([0, 1, 2, 0]), np.array([0, 3, 4]))
        >>> np.exp(first).round(2), np.exp(steps[1]).round(2)
        (array([0.71, 0.14, 0.14]), array([0.2, 0.2, 0.6]))
    """
    return TagCounts.of(tags, codes, offsets).log_probabilities()


def shares_of(tags: TagSet, codes: NDArray[np.int64]) -> Array:
    """(tags,) the shares of the tags among words, with ½ added to counts.

    Examples:
        >>> shares_of(TagSet(("PER",)), np.array([0, 0, 0, 1])).round(2)
        array([0.64, 0.27, 0.09])
    """
    counts = np.bincount(codes, minlength=len(tags)) + UNSEEN
    return np.asarray(counts / counts.sum())


def span_f1(tags: TagSet, truth: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Micro F1 of spans with exact bounds and type; 0 where there are none.

    Args:
        tags: the tags; of IOB2 or BIOES, so that sentences can stand one after the other.
        truth: (m,) codes of the words.
        found: (m,) codes of the same words.

    Examples:
        >>> span_f1(TagSet(("PER",)), np.array([1, 2, 0, 1]), np.array([1, 0, 0, 1]))
        0.5
    """
    starts, ends, kinds = tags.span_places(truth)
    other = tags.span_places(found)
    _, here, there = np.intersect1d(starts, other[0], return_indices=True)
    hits = ((ends[here] == other[1][there]) & (kinds[here] == other[2][there])).sum()
    return float(2 * hits / max(len(starts) + len(other[0]), 1))


@dataclass(frozen=True, eq=False)
class CountsApart:
    """Some of the judged sentences, and what the tags of the other training sentences count.

    Attributes:
        words: (m,) positions of their words among those of all judged sentences.
        offsets: (s + 1,) where the words of each sentence begin and end among these.
        shares: (tags,) from `shares_of`.
        first: (tags,) from `transitions`.
        steps: (tags, tags) likewise.

    Examples:
        >>> part = CountsApart(np.array([3, 4]), np.array([0, 2]), np.ones(3) / 3, np.zeros(3), np.zeros((3, 3)))
        >>> np.diff(part.offsets)       # the words of each sentence
        array([2])
    """

    words: NDArray[np.int64]
    offsets: NDArray[np.int64]
    shares: Array
    first: Array
    steps: Array


@dataclass(frozen=True, eq=False)
class JudgedWords:
    """Words whose left-out scores are decoded and compared with their tags.

    Attributes:
        tags: the tags; of IOB2 or BIOES.
        codes: (m,) the tags of the words.
        offsets: (n + 1,) where the words of each sentence begin and end.
        shares: (tags,) of all training words, from `shares_of`.
        first: (tags,) log probabilities from `transitions`.
        steps: (tags, tags) likewise.
        apart: parts of the sentences with the counts of all training words but their own, where those are known; else
            the counts above hold for all.

    Examples:
        >>> tags, codes, offsets = TagSet(("PER",)), np.array([0, 1, 2, 0] * 5), np.arange(0, 21, 4)
        >>> words = JudgedWords(tags, codes, offsets, shares_of(tags, codes), *transitions(tags, codes, offsets))
        >>> scores = np.eye(3)[codes]
        >>> words.f1(scores)
        1.0
        >>> found, f1, tried = words.choose(scores)
        >>> found.kappa, found.delta, f1, len(tried)
        (0.0, 0.0, 1.0, 21)
    """

    tags: TagSet
    codes: NDArray[np.int64]
    offsets: NDArray[np.int64]
    shares: Array
    first: Array
    steps: Array
    apart: tuple[CountsApart, ...] = ()

    def f1(self, scores: NDArray[np.floating], decoding: Decoding | None = None) -> float:
        """Span F1 of the best paths.

        Args:
            scores: (m, tags).
            decoding: None for the best paths that the scheme allows.
        """
        used = decoding or Decoding()
        if not (used.kappa and self.apart):  # without weight the counts change nothing
            everything = CountsApart(np.arange(len(self.codes)), self.offsets, self.shares, self.first, self.steps)
            return span_f1(self.tags, self.codes, self._paths(scores, used, everything))
        found = np.empty(len(self.codes), np.int64)
        for part in self.apart:
            found[part.words] = self._paths(scores[part.words], used, part)
        return span_f1(self.tags, self.codes, found)

    def _paths(self, scores: NDArray[np.floating], used: Decoding, part: CountsApart) -> NDArray[np.int64]:
        chain = Chain.of_grammar(self.tags, used.kappa * part.first, used.kappa * part.steps)
        return best_paths(used.on(scores, part.shares), part.offsets, chain)

    def loss(self, scores: NDArray[np.floating]) -> float:
        """Log-loss of the words' own tags at the best temperature, in nats: it tells fits of equal F1 apart.

        Args:
            scores: (m, tags).
        """
        rows = np.asarray(scores, np.float64)
        known = np.isfinite(rows[np.arange(len(rows)), self.codes])
        if not known.any():
            return float(np.log(len(self.tags)))
        return log_loss(rows[known] / _temperature(rows, self.codes), self.codes[known])

    def choose(self, scores: NDArray[np.floating]) -> tuple[Decoding, float, list[dict[str, float]]]:
        """The decoding with the largest span F1, its F1, and the F1 of every candidate.

        Args:
            scores: (m, tags) left-out scores.
        """
        some = np.linspace(0, len(self.codes) - 1, min(len(self.codes), MOST_CALIBRATED)).astype(np.int64)
        temperature = _temperature(scores[some], self.codes[some])
        candidates = [Decoding(temperature, kappa, delta) for kappa in KAPPAS for delta in DELTAS]
        f1 = [self.f1(scores, one) for one in candidates]
        best = int(np.argmax(f1))
        tried = [
            {"kappa": one.kappa, "delta": one.delta, "span_f1": value}
            for one, value in zip(candidates, f1, strict=True)
        ]
        return candidates[best], f1[best], tried


def _temperature(scores: NDArray[np.floating], codes: NDArray[np.int64]) -> float:
    """The temperature of the words whose own tag has a score: not minus infinity, as where no other sentence has it.

    A tag that one group alone holds is impossible for the other words of that group; there it counts as no more likely
    than the least likely tag.
    """
    rows = np.asarray(scores, np.float64)
    known = np.isfinite(rows[np.arange(len(codes)), codes])
    if not known.any():
        return 1.0
    rows, codes = rows[known], codes[known]
    finite = np.isfinite(rows)
    least = np.where(finite, rows, np.inf).min(axis=1, keepdims=True)
    return fit_temperature(np.where(finite | ~finite.any(axis=0), rows, least), codes)
