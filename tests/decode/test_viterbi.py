"""Paths of tags: Viterbi and span probabilities against all paths written out."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.decode.spans import TagSet
from headstart.decode.viterbi import Chain, best_paths, span_probabilities


def scores_of_all_paths(emissions, chain):
    """Every path with its score, by brute force."""
    size = emissions.shape[1]
    for path in product(range(size), repeat=len(emissions)):
        score = chain.first[path[0]] + chain.last[path[-1]]
        score += sum(emissions[t, tag] for t, tag in enumerate(path))
        yield path, score + sum(chain.steps[a, b] for a, b in pairwise(path))


@pytest.mark.parametrize("seed", range(20))
def test_the_best_path_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    lengths, size = rng.integers(1, 6, 4), int(rng.integers(2, 5))
    steps = rng.normal(size=(size, size))
    steps[rng.random((size, size)) < 0.2] = -np.inf
    steps[:, 0] = 0  # some path is always allowed
    chain = Chain(np.append(0, rng.normal(size=size - 1)), steps, np.append(0, rng.normal(size=size - 1)))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    emissions = rng.normal(size=(offsets[-1], size))
    found = best_paths(emissions, offsets, chain)
    for a, b in pairwise(offsets):
        best = max(scores_of_all_paths(emissions[a:b], chain), key=lambda one: one[1])[0]
        assert tuple(found[a:b]) == best


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_span_probabilities_are_sums_over_all_paths(scheme):
    rng = np.random.default_rng(3)
    tags = TagSet(("A",) if scheme == "BIOES" else ("A", "B"), scheme)
    first, steps = rng.normal(size=len(tags)), rng.normal(size=(len(tags), len(tags)))
    chain = Chain.of_grammar(tags, first, steps)
    offsets = np.array([0, 4, 4, 9, 10])  # one sentence has no words
    emissions = rng.normal(size=(10, len(tags)))
    codes = best_paths(emissions, offsets, chain)
    found = span_probabilities(emissions, offsets, chain, tags, codes)
    assert sum(map(len, found)) > 2
    for (a, b), values in zip(pairwise(offsets), found, strict=True):
        spans = tags.spans(codes[a:b])
        assert len(values) == len(spans)
        if a == b:
            continue
        paths = [(tags.spans(path), np.exp(s)) for path, s in scores_of_all_paths(emissions[a:b], chain) if s > -np.inf]
        total = sum(share for _, share in paths)
        for span, value in zip(spans, values, strict=True):
            assert value == pytest.approx(sum(share for own, share in paths if span in own) / total, abs=1e-12)


@given(st.integers(0, 10_000), st.sampled_from(["IOB2", "BIOES", "IOB1"]))
def test_no_path_holds_a_pair_that_the_scheme_forbids(seed, scheme):
    rng = np.random.default_rng(seed)
    tags = TagSet(("A", "B"), scheme)
    offsets = np.array([0, 6, 7])
    found = best_paths(rng.normal(size=(7, len(tags))) * 5, offsets, Chain.of_grammar(tags))
    for a, b in pairwise(offsets):
        assert tags.start_allowed[found[a]]
        assert tags.end_allowed[found[b - 1]]
        assert all(tags.allowed[one, other] for one, other in pairwise(found[a:b]))


def test_without_transitions_the_best_path_takes_the_best_tag_of_each_word():
    emissions = np.random.default_rng(0).normal(size=(50, 3))
    free = Chain(np.zeros(3), np.zeros((3, 3)), np.zeros(3))
    assert (best_paths(emissions, np.array([0, 20, 50]), free) == emissions.argmax(axis=1)).all()


def test_batches_do_not_change_a_path(monkeypatch):
    rng = np.random.default_rng(1)
    tags = TagSet(("A",))
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 8, 30))])
    emissions = rng.normal(size=(offsets[-1], 3))
    together = best_paths(emissions, offsets, Chain.of_grammar(tags))
    monkeypatch.setattr("headstart.decode.viterbi.NUMBERS_AT_ONCE", 1)
    assert (best_paths(emissions, offsets, Chain.of_grammar(tags)) == together).all()
