"""A random field on frozen rows: it begins at the closed-form head, and keeps the epoch with the least loss."""

from __future__ import annotations

import numpy as np

from headstart.decode.spans import TagSet
from headstart.heads.words.head import WordsHead
from headstart.heads.words.word_rows import LabelledWords
from headstart.tune.training.settings import Training
from headstart.tune.words.frozen_rows import train_on_rows
from headstart.types import Block

TAGS = TagSet(("PER",))
ZERO = WordsHead(("PER",), ("a",), np.zeros((3, 3)), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
SETTINGS = Training(epochs=20, learning_rate=0.1, batch_size=8, precision="fp32")


def alternating(count, seed, noise=1.5):
    """Sentences O B O B: the order shows the tags, the rows hardly do."""
    rng = np.random.default_rng(seed)
    codes = np.tile([0, 1, 0, 1], count)
    rows = np.eye(3)[codes] * 10 + rng.normal(0, 10 * noise, (4 * count, 3))
    return LabelledWords(rows, np.arange(0, 4 * count + 1, 4), (Block("a", 3),), codes, np.arange(count), TAGS)


def test_transitions_are_learnt_where_rows_are_not_enough():
    words, fresh = alternating(60, 0), alternating(40, 1)
    trained, _ = train_on_rows(words, ZERO, training=SETTINGS)
    found = [[(span.start, span.end) for span in spans] for spans in trained.mark(fresh.rows, fresh.offsets)]
    assert np.mean([spans == [(1, 2), (3, 4)] for spans in found]) > 0.9
    assert trained.steps[0, 1] > trained.steps[0, 0]


def test_the_start_is_kept_where_training_makes_it_worse():
    """Labels of the training sentences say nothing about those of the validation."""
    valid = alternating(10, 2)
    right = WordsHead(("PER",), ("a",), np.eye(3), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
    wrong = LabelledWords(valid.rows, valid.offsets, valid.blocks, np.zeros(40, np.int64), valid.groups, TAGS)
    kept, outcome = train_on_rows(wrong, right, valid=alternating(10, 2, noise=0.01), training=SETTINGS)
    assert outcome.kept_epoch == 0
    np.testing.assert_allclose(kept.weight, right.weight, rtol=1e-6)


def test_the_same_seed_gives_the_same_head():
    words = alternating(20, 0)
    one, other = (train_on_rows(words, ZERO, training=SETTINGS, seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(one.weight, other.weight)


def test_the_loss_at_the_start_is_that_of_the_head_without_dropout():
    """A fault that would compare epochs with a start that lacks a third of its columns."""
    words = alternating(20, 0)
    right = WordsHead(("PER",), ("a",), np.eye(3), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
    starts = []
    for dropped in (0.0, 0.5):
        settings = Training(epochs=1, learning_rate=1e-3, batch_size=8, precision="fp32", dropout=dropped)
        starts.append(train_on_rows(words, right, valid=words, training=settings)[1].start_loss)
    assert starts[0] == starts[1]
