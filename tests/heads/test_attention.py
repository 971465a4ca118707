"""The head that attends to blocks or tokens."""

import numpy as np
import pytest
from sklearn.base import clone

from headstart.errors import DataError, ParameterError
from headstart.heads.attention import ATTENTION, AttentionHead
from headstart.types import Task


def make_tokens(n=90, seed=0):
    """The class stands in one token of four, at a place that differs, beside a mark that says so."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    tokens = rng.normal(size=(n, 4, 10)) * 0.3
    place = rng.integers(4, size=n)
    tokens[np.arange(n), place, y] += 2
    tokens[np.arange(n), place, 9] += 2
    return tokens, np.array(["x", "y", "z"])[y], place


def test_it_learns_where_to_look():
    tokens, y, _ = make_tokens()
    head = AttentionHead().fit(tokens, y)
    new, truth, at = make_tokens(seed=1)
    assert head.score(new, truth) > 0.95
    assert (head.attention(new).argmax(axis=1) == at).mean() > 0.8
    assert head.predict_proba(new).sum(axis=1) == pytest.approx(1)


def test_masked_tokens_do_not_count():
    tokens, y, _ = make_tokens()
    mask = np.ones((90, 4), bool)
    padded = np.concatenate([tokens, 50 + 0 * tokens[:, :2]], axis=1)
    whole = np.concatenate([mask, ~mask[:, :2]], axis=1)
    head = AttentionHead(steps=50).fit(tokens, y)
    assert np.allclose(head.decision_function(padded, whole), head.decision_function(tokens), atol=1e-12)
    assert not head.attention(padded, whole)[:, 4:].any()


def test_it_is_the_same_for_a_seed():
    tokens, y, _ = make_tokens()
    first, second = (AttentionHead(steps=30, seed=3).fit(tokens, y) for _ in range(2))
    other = AttentionHead(steps=30, seed=4).fit(tokens, y)
    assert np.array_equal(first.decision_function(tokens), second.decision_function(tokens))
    assert not np.array_equal(first.weight_, other.weight_)


def test_blocks_of_rows_are_tokens_of_their_own():
    tokens, y, _ = make_tokens()
    rows = np.hstack([tokens[:, 0, :7], tokens[:, 1]])
    head = AttentionHead((7, 10), steps=30).fit(rows, y)
    assert head.attention(rows).shape == (90, 2)
    assert clone(head).get_params()["widths"] == (7, 10)


def test_what_does_not_fit_is_refused():
    tokens, y, _ = make_tokens()
    with pytest.raises(ParameterError, match=r"rows \(n, 17\)"):
        AttentionHead((7, 10)).fit(tokens[:, 0], y)
    with pytest.raises(DataError, match="finite"):
        AttentionHead().fit(np.full((3, 2), np.nan), [0, 1, 1])
    with pytest.raises(DataError, match="two classes"):
        AttentionHead().fit(np.eye(2), [1, 1])
    head = AttentionHead(steps=1).fit(tokens, y)
    with pytest.raises(ParameterError, match="10 columns"):
        head.predict(tokens[:, :, :9])
    with pytest.raises(ParameterError, match="mask"):
        head.predict(tokens, np.zeros((90, 4), bool))


def test_auto_leaves_it_out_and_says_why():
    assert "--fusion attention" in ATTENTION.skipped(Task("classification", ("a", "b")), n=9, d=3)
