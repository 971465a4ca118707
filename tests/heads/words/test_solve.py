"""The choice of layers, neighbours and decoding by left-out span F1."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.decode.spans import TagSet
from headstart.heads.annotating.time_limit import TimeLimit
from headstart.heads.words.decoding import CountsApart, JudgedWords, shares_of, span_f1, transitions
from headstart.heads.words.solve import _counts_apart, solve_words
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.types import Block

TAGS = TagSet(("PER",))


def sentences(*, noise: float, shifted: bool, seed: int = 0) -> LabelledWords:
    """Sixty sentences of five words; a name's row, or with ``shifted`` the row before it, shows that it is one."""
    rng = np.random.default_rng(seed)
    codes, offsets = np.zeros(300, np.int64), np.arange(0, 301, 5)
    for start in offsets[:-1]:
        if rng.random() < 0.7:
            place = start + rng.integers(1, 4)
            codes[place : place + 2] = 1, 2
    seen = np.roll(codes, -1) if shifted else codes
    rows = np.concatenate([rng.normal(size=(300, 3)), np.eye(3)[seen] + rng.normal(0, noise, (300, 3))], axis=1)
    blocks = (Block("noise", 3), Block("names", 3))
    return LabelledWords(rows, offsets, blocks, codes, np.arange(60), TAGS)


def test_the_block_that_shows_the_spans_is_chosen():
    solved = solve_words(sentences(noise=0.1, shifted=False))
    assert solved.head.blocks == ("names",)
    assert solved.left_out > 0.95


def test_after_the_time_limit_the_last_block_is_taken():
    limit = TimeLimit(lambda: True)
    solved = solve_words(sentences(noise=0.1, shifted=True), limit=limit)
    assert (solved.head.blocks, solved.head.context) == (("names",), 0)
    assert [one["features"] for one in solved.record["layers"]] == [Columns(("names",)).name]
    assert "best of those that were is kept" in limit.notes[0]


def test_neighbours_are_read_where_they_show_the_spans():
    solved = solve_words(sentences(noise=0.1, shifted=True))
    assert solved.head.context == 1
    assert solved.left_out > 0.9


def test_the_order_of_the_sentences_changes_nothing():
    words = sentences(noise=0.4, shifted=False)
    order = np.random.default_rng(5).permutation(60)
    chunk = words.chunk(order)
    moved = LabelledWords(
        words.rows[chunk.words], words.offsets, words.blocks, words.codes[chunk.words], words.groups[order], TAGS
    )
    one, other = solve_words(words), solve_words(moved)
    assert one.left_out == pytest.approx(other.left_out)
    np.testing.assert_allclose(one.head.weight, other.head.weight, rtol=1e-6)


def test_given_columns_are_taken():
    solved = solve_words(sentences(noise=0.1, shifted=False), columns=Columns(("noise",)))
    assert solved.head.blocks == ("noise",)
    assert solved.record["layers"] == []


def test_a_type_without_training_spans_is_never_marked():
    words = sentences(noise=0.1, shifted=False)
    tags = TagSet(("PER", "LOC"))
    more = LabelledWords(words.rows, words.offsets, words.blocks, words.codes, words.groups, tags)
    solved = solve_words(more)
    assert np.isfinite(solved.head.bias).all()
    marks = solved.head.mark(words.rows[:, 3:], words.offsets)
    assert {span.label for spans in marks for span in spans} == {"PER"}


def test_a_larger_weight_on_o_marks_fewer_spans_and_the_choice_has_the_best_f1():
    words = sentences(noise=0.8, shifted=False)
    steps = transitions(TAGS, words.codes, words.offsets)
    judge = JudgedWords(TAGS, words.codes, words.offsets, shares_of(TAGS, words.codes), *steps)
    scores = words.rows[:, 3:] * 2
    chosen, f1, tried = judge.choose(scores)
    assert f1 == max(one["span_f1"] for one in tried)
    assert f1 == judge.f1(scores, chosen)


def test_span_f1_counts_exact_spans():
    truth, found = np.array([1, 2, 0, 1, 2, 1]), np.array([1, 2, 0, 1, 0, 1])
    assert span_f1(TAGS, truth, found) == pytest.approx(2 * 2 / 6)
    assert span_f1(TAGS, np.zeros(3, int), np.zeros(3, int)) == 0


def test_separable_tags_get_a_temperature_of_the_size_of_the_scores():
    """A fault: minus infinity for a tag without training words was a number, which set the unit of the temperature."""
    words = sentences(noise=0.01, shifted=False)
    tags = TagSet(("PER", "LOC"))  # no word is in a place
    more = LabelledWords(words.rows, words.offsets, words.blocks, words.codes, words.groups, tags)
    solved = solve_words(more)
    assert 1e-3 < solved.record["temperature"] < 1e6  # LDA scores of separable tags are large
    assert len({one["span_f1"] for one in solved.record["decodings"] if not one["kappa"]}) == 1
    scores = [span.score for spans in solved.head.mark(words.rows[:, 3:], words.offsets) for span in spans]
    assert min(scores) > 0.9


def test_tags_that_rows_do_not_show_get_probabilities_near_their_share():
    words = sentences(noise=0.1, shifted=False)
    noise = LabelledWords(words.rows[:, :3], words.offsets, words.blocks[:1], words.codes, words.groups, TAGS)
    solved = solve_words(noise)
    assert solved.left_out < 0.5
    emissions = solved.head.emissions(noise.rows, noise.offsets)
    assert np.abs(emissions - emissions[:, :1]).max() < 20


def test_a_sample_holds_two_groups_also_where_codes_of_groups_are_missing(monkeypatch):
    monkeypatch.setattr("headstart.heads.words.solve.MOST_SAMPLED", 1)
    monkeypatch.setattr("headstart.heads.words.solve.MOST_JUDGED", 30)
    words = sentences(noise=0.1, shifted=False)
    part = words.take(np.arange(20, 60))
    assert part.groups.min() == 20
    assert solve_words(part).left_out > 0.5


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_a_tag_that_one_sentence_alone_holds_leaves_the_other_words_of_it_in_the_temperature(count):
    """A fault: such a tag is impossible for some words only, and few sentences ended in an error about scores."""
    words = sentences(noise=0.3, shifted=False).take(np.arange(count))
    tags = TagSet(("PER", "LOC"))
    codes = words.codes.copy()
    codes[words.offsets[0] : words.offsets[0] + 3] = 0, 3, 4
    few = LabelledWords(words.rows, words.offsets, words.blocks, codes, words.groups, tags)
    solved = solve_words(few)
    assert np.isfinite(solved.head.bias).all()
    assert np.isfinite(solved.record["temperature"])


def test_the_tags_of_a_judged_sentence_are_not_counted_where_it_is_judged():
    words = sentences(noise=0.3, shifted=False)
    grouped = LabelledWords(words.rows, words.offsets, words.blocks, words.codes, np.arange(60) // 4, TAGS)
    judged = np.arange(8, 40)
    parts = _counts_apart(grouped, judged)
    assert sorted(np.concatenate([part.words for part in parts]).tolist()) == list(range(32 * 5))
    for part in parts:
        own = np.unique(part.words // 5) + 8
        rest = np.setdiff1d(np.arange(60), own)
        assert not set(grouped.groups[own]) & set(grouped.groups[rest])
        np.testing.assert_allclose(part.shares, shares_of(TAGS, grouped.codes.reshape(60, 5)[rest].ravel()))


def test_counts_of_one_part_equal_to_those_of_all_change_nothing():
    words = sentences(noise=0.8, shifted=False)
    shares, steps = shares_of(TAGS, words.codes), transitions(TAGS, words.codes, words.offsets)
    half = CountsApart(np.arange(150), words.offsets[:31], shares, *steps)
    other = CountsApart(np.arange(150, 300), words.offsets[:31], shares, *steps)
    plain = JudgedWords(TAGS, words.codes, words.offsets, shares, *steps)
    parts = JudgedWords(TAGS, words.codes, words.offsets, shares, *steps, (other, half))
    assert plain.choose(words.rows[:, 3:])[1:] == parts.choose(words.rows[:, 3:])[1:]
