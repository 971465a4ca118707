"""The randomisation check tells a map that depends on the model from one that does not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import headstart
from headstart.attributions import TextShare, TextShares
from headstart.errors import ParameterError
from headstart.explain.checking.completeness import relative_gap
from headstart.explain.checking.randomisation import randomisation_check, randomised, rank_correlation
from headstart.explain.leave_one_word_out import LEAVE_ONE_WORD_OUT

DATA = (
    [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)],
    ["+", "+", "-", "-"] * 6,
)


@pytest.fixture(scope="module")
def model():
    return headstart.fit(DATA, source="toy", heads=["ridge"], baselines="none", verbose=False).model


@dataclass(frozen=True)
class LongWords:
    """A map that shows the length of words, whatever the model is."""

    name: str = "long_words"
    title: str = "Long words"
    modalities: frozenset = frozenset({"text"})
    needs: frozenset = frozenset()

    def __call__(self, query):
        found = LEAVE_ONE_WORD_OUT(query)
        spans = tuple(TextShare(s.text, s.start, s.stop, float(len(s.text))) for s in found.shown.spans)
        return replace(found, shown=TextShares(found.shown.text, spans))


def test_a_map_of_the_model_changes_with_its_head_and_its_body(model):
    items = [f"{a} {b} {c} film of luck" for a in ("good", "bad") for b in ("fun", "awful") for c in ("a", "the", "my")]
    for part in ("head", "body"):
        found = randomisation_check(model, items, "leave_one_word_out", part)
        assert abs(np.nanmean(found)) < 0.3


def test_a_map_that_ignores_the_model_is_found_out(model):
    found = randomisation_check(model, ["a good film of luck", "awful fun"], LongWords())
    assert found.tolist() == pytest.approx([1.0, 1.0])


def test_a_random_head_keeps_the_spread_of_its_weights(model):
    other = randomised(model, "head", 3).head.weight
    assert np.allclose(other.std(axis=0), model.head.weight.std(axis=0), rtol=0.2)
    assert np.array_equal(randomised(model, "head", 3).head.weight, other)


def test_what_has_no_body_or_no_linear_head_is_refused():
    rows = np.random.default_rng(0).standard_normal((30, 2))
    model = headstart.fit((rows, list("ab") * 15), heads=["knn"], baselines="none", verbose=False).model
    with pytest.raises(ParameterError, match="no body"):
        randomised(model, "body")
    with pytest.raises(ParameterError, match="linear head"):
        randomised(model, "head")


def test_ranks_are_compared():
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 4.0, 1.0])) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(np.zeros(3), np.arange(3.0)))
    with pytest.raises(ParameterError, match="one shape"):
        rank_correlation(np.zeros(3), np.zeros(4))


def test_a_method_without_a_sum_has_no_gap(model):
    assert np.isnan(relative_gap(model.explain("a good film").attributions[0]))
