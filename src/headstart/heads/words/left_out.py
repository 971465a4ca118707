"""Scores of the tags of words from the ridge and LDA fits without their sentence, exactly, for every λ.

Words of one sentence are not independent, so leaving out single words would flatter a fit; the group is the sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.linear.lda_leave_out import left_out_scores
from headstart.linear.leave_out import leave_one_group_out
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import optimal_scoring
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum

__all__ = ["KINDS", "LeftOutScores", "SolvedWords", "StandardisedFit"]

Array = NDArray[np.float64]
KINDS = ("lda", "ridge")
FLAT = 1e-6  # a column whose standard deviation is at most this share of its mean is constant up to rounding


@dataclass(frozen=True, eq=False)
class LeftOutScores:
    """Scores of the words of some sentences, each from the fit without its group.

    Attributes:
        kind: ``"lda"`` or ``"ridge"``.
        lam: the penalty λ.
        scores: (m, tags) float32, the words of the sentences one after the other.

    Examples:
        >>> LeftOutScores("ridge", 1.0, np.zeros((2, 3), np.float32)).scores.shape
        (2, 3)
    """

    kind: str
    lam: float
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StandardisedFit:
    """The spectrum of standardised rows, from which the fit of any kind and penalty follows.

    Columns are standardised by the mean and the deviation over all words, which no tag enters: some columns of a
    transformer are a hundred times larger than the rest.

    Attributes:
        shift: (d,) means.
        scale: (d,) standard deviations; 1 for a constant column.
        spectrum: of the standardised rows, with the tags as one-hot targets.

    Examples:
        >>> fit = StandardisedFit.of(Moments.from_rows(np.array([[0.0], [2.0]]), np.eye(2)))
        >>> fit.weights("ridge", 2.0)
        (array([[-0.25,  0.25]]), array([0.75, 0.25]))
    """

    shift: Array
    scale: Array
    spectrum: Spectrum

    @classmethod
    def of(cls, moments: Moments) -> Self:
        """Decompose the moments of word rows with one-hot targets."""
        deviation = np.sqrt(np.maximum(moments.scatter.diagonal() / moments.w, 0.0))
        scale = np.where(
            deviation > FLAT * np.maximum(np.abs(moments.mean), deviation.max(initial=0.0)), deviation, 1.0
        )
        return cls(moments.mean, scale, Spectrum.from_moments(moments.rescaled(moments.mean, scale)))

    def weights(self, kind: str, lam: float) -> tuple[Array, Array]:
        """The map from word rows to the scores of a kind of fit, W (d, tags) and b (tags,).

        Args:
            kind: ``"lda"`` or ``"ridge"``.
            lam: the penalty λ.
        """
        weight, bias = ridge_coefficients(self.spectrum, lam)
        if kind == "lda":
            scoring = optimal_scoring(self.spectrum, lam, self.spectrum.target_mean)
            weight, bias = scoring.coefficients(weight, bias)
        weight = weight / self.scale[:, None]
        return weight, bias - self.shift @ weight


@dataclass(frozen=True, eq=False)
class SolvedWords:
    """Labelled words with the spectrum of their rows.

    Attributes:
        words: the labelled words.
        columns: what is read of a word.
        moments: of their rows, with the tags as one-hot targets.
        fit: the spectrum of the standardised rows.

    Examples:
        >>> from headstart.decode.spans import TagSet
        >>> from headstart.types import Block
        >>> rows, codes = np.array([[0.0], [1.0], [0.2], [1.2]]), np.array([0, 1, 0, 1])
        >>> offsets, groups = np.array([0, 2, 4]), np.array([0, 1])
        >>> words = LabelledWords(rows, offsets, (Block("a", 1),), codes, groups, TagSet(("PER",)))
        >>> solved = SolvedWords.of(words, Columns(("a",)))
        >>> [found.scores.argmax(axis=1).tolist() for found in solved.left_out([1.0], np.arange(2))]
        [[0, 1, 0, 1], [0, 1, 0, 1]]
    """

    words: LabelledWords
    columns: Columns
    moments: Moments
    fit: StandardisedFit

    @classmethod
    def of(cls, words: LabelledWords, columns: Columns) -> Self:
        """Sum the moments of all words, chunk by chunk, and decompose them."""
        moments = words.moments(columns)
        return cls(words, columns, moments, StandardisedFit.of(moments))

    @property
    def spectrum(self) -> Spectrum:
        """Of the standardised rows, with the tags as one-hot targets."""
        return self.fit.spectrum

    @cached_property
    def lambdas(self) -> Array:
        """Penalties from 1e-5 to 10 times the number of words, which is the mean eigenvalue, eight in all."""
        return np.asarray(self.spectrum.weight * 10.0 ** np.linspace(-5, 1, 8))

    def left_out(self, lambdas: list[float], sentences: NDArray[np.int64]) -> Iterator[LeftOutScores]:
        """For each kind and λ, the scores of the words of some sentences by the fit without their group.

        Args:
            lambdas: penalties above 0.
            sentences: ascending positions of the sentences of complete groups.
        """
        words = self.words
        place = np.concatenate([[0], np.cumsum(np.diff(words.offsets)[sentences])])
        starts = dict(zip(sentences.tolist(), place[:-1].tolist(), strict=True))
        size = len(words.tags)
        found = {
            (kind, lam): np.empty((int(place[-1]), size), np.float32) for kind in KINDS for lam in range(len(lambdas))
        }
        for chunk in words.chunks(self.columns, sentences):
            x = (words.read(self.columns, chunk) - self.fit.shift) / self.fit.scale
            y = words.one_hot(chunk)
            groups = np.repeat(words.groups[chunk.sentences], np.diff(chunk.offsets))
            own = zip(chunk.sentences.tolist(), np.diff(chunk.offsets).tolist(), strict=True)
            to = np.concatenate([np.arange(starts[k], starts[k] + count) for k, count in own])
            for number, one in enumerate(leave_one_group_out(self.spectrum, x, y, groups, lambdas)):
                found["ridge", number][to] = one.predictions
                found["lda", number][to] = left_out_scores(self.spectrum, one, y, groups)
        for (kind, number), scores in found.items():
            yield LeftOutScores(kind, lambdas[number], scores)
