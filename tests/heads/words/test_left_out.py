"""Left-out scores of words against refits without their sentences."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.decode.spans import TagSet
from headstart.heads.words.context import with_neighbours
from headstart.heads.words.left_out import SolvedWords
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.linear.moments import Moments
from headstart.linear.optimal_scoring import optimal_scoring
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum
from headstart.types import Block

BLOCKS = (Block("a", 2), Block("b", 3), Block("shape", 1, numbers=True))
TAGS = TagSet(("PER",))


@pytest.fixture(scope="module")
def words():
    """Twelve sentences in seven groups."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 6, 12)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.concatenate(
        [TAGS.codes([], n) if k % 3 else np.array([1, 2, 0, 1, 0])[:n] for k, n in enumerate(lengths)]
    )
    rows = rng.normal(size=(offsets[-1], 6)) + np.eye(3)[codes] @ rng.normal(size=(3, 6)) * 2
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 6, 3])
    return LabelledWords(rows, offsets, BLOCKS, codes, groups, TAGS)


@pytest.mark.parametrize("columns", [Columns(("a", "b")), Columns(("b",), 1)])
def test_scores_are_those_of_a_fit_without_the_group(words, columns):
    """The columns are standardised over all words, which no tag enters; the fit itself leaves the group out."""
    solved = SolvedWords.of(words, columns)
    places = np.array([*(range(2) if "a" in columns.blocks else ()), 2, 3, 4, 5])
    x = with_neighbours(words.rows[:, places].astype(np.float32), words.offsets, columns.context) - solved.fit.shift
    x, y = x / solved.fit.scale, np.eye(3)[words.codes]
    owner = np.repeat(words.groups, np.diff(words.offsets))
    lam = 2.0
    lda, ridge = solved.left_out([lam], np.arange(len(words)))
    assert (lda.kind, ridge.kind) == ("lda", "ridge") or (ridge.kind, lda.kind) == ("lda", "ridge")
    found = {one.kind: one.scores for one in (lda, ridge)}
    for group in range(7):
        own = owner == group
        rest = Spectrum.from_moments(Moments.from_rows(x[~own], y[~own]))
        weight, bias = ridge_coefficients(rest, lam)
        wanted = x[own] @ weight + bias
        np.testing.assert_allclose(found["ridge"][own], wanted, atol=1e-5)
        scoring = optimal_scoring(rest, lam, rest.target_mean)
        np.testing.assert_allclose(
            found["lda"][own] - found["lda"][own][:, :1],
            (scores := scoring.scores(wanted)) - scores[:, :1],
            atol=1e-4,
        )


def test_a_part_of_the_groups_has_the_same_scores(words):
    solved = SolvedWords.of(words, Columns(("a",)))
    some = np.flatnonzero(np.isin(words.groups, [1, 6]))
    everything = {one.kind: one.scores for one in solved.left_out([1.0], np.arange(12))}
    chunk = words.chunk(some)
    for one in solved.left_out([1.0], some):
        np.testing.assert_allclose(one.scores, everything[one.kind][chunk.words], atol=1e-6)


def test_small_chunks_change_nothing(words, monkeypatch):
    whole = [one.scores for one in SolvedWords.of(words, Columns(("a",), 1)).left_out([1.0], np.arange(12))]
    monkeypatch.setattr("headstart.heads.words.word_rows.NUMBERS_AT_ONCE", 1)
    assert len(list(words.chunks(Columns(("a",), 1)))) == 7  # a group is never cut
    parts = [one.scores for one in SolvedWords.of(words, Columns(("a",), 1)).left_out([1.0], np.arange(12))]
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_map_of_rows_gives_the_scores_of_the_fit_on_all(words):
    solved = SolvedWords.of(words, Columns(("a", "b")))
    weight, bias = solved.fit.weights("ridge", 1.0)
    x = (words.rows - solved.fit.shift) / solved.fit.scale
    own, intercept = ridge_coefficients(solved.spectrum, 1.0)
    np.testing.assert_allclose(words.rows @ weight + bias, x @ own + intercept, atol=1e-8)


def test_a_constant_column_is_left_as_it_is():
    rows = np.array([[1.0, 7.0, 0.0]] * 3 + [[2.0, 7.0, 0.0]] * 3)
    blocks = (Block("a", 3),)
    words = LabelledWords(rows, np.array([0, 3, 6]), blocks, np.array([0, 0, 0, 1, 0, 1]), np.arange(2), TAGS)
    assert SolvedWords.of(words, Columns(("a",))).fit.scale.tolist() == [0.5, 1.0, 1.0]
