"""Deletion and insertion curves: the areas by hand, and what a perfect and a reversed map give."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.errors import ParameterError
from headstart.explain.checking.curves import curve_areas, paired_gain, text_keeper
from headstart.explain.explain import ask
from headstart.explain.leave_one_word_out import text_parts

DATA = (
    [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)],
    ["+", "+", "-", "-"] * 6,
)


class Counting:
    """A query whose quantity is the sum of the parts that are there."""

    def __init__(self, worth):
        self.worth = np.asarray(worth)

    def values_of_items(self, items):
        return np.array([self.worth[list(item)].sum() for item in items])


def keep(mask):
    return tuple(np.flatnonzero(mask).tolist())


def test_the_areas_are_means_over_the_steps():
    worth = np.array([4.0, 1.0, 2.0])
    areas = curve_areas(Counting(worth), worth, keep)
    # removed: none, 4, 4+2; there: 4, 4+2, all
    assert areas.deletion == pytest.approx((7 + 3 + 1) / 3)
    assert areas.insertion == pytest.approx((4 + 6 + 7) / 3)
    # on average a third of the worth is there with one part, two thirds with two
    assert areas.random == pytest.approx((7 / 3 + 14 / 3 + 7) / 3, abs=1.0)


def test_a_good_map_beats_random_and_a_reversed_one_does_not():
    rng = np.random.default_rng(0)
    worth = rng.random((40, 12))
    for sign in (1, -1):
        areas = [curve_areas(Counting(one), sign * one, keep, seed=k) for k, one in enumerate(worth)]
        gain = paired_gain(np.array([one.random - one.deletion for one in areas]))
        assert np.sign(gain.low) == np.sign(gain.high) == sign


def test_many_parts_are_removed_in_steps():
    seen = []

    def note(mask):
        seen.append(int(mask.sum()))
        return keep(mask)

    curve_areas(Counting(np.ones(100)), np.arange(100.0), note, steps=5, orders=1)
    assert set(seen) == {1, 26, 50, 75, 100}


def test_the_words_of_a_text_are_kept_and_removed():
    model = headstart.fit(DATA, source="toy", heads=["ridge"], baselines="none", verbose=False).model
    text, spans, _ = text_parts(model.source, "a good, good film")
    found = text_keeper(text, spans)
    assert found(np.ones(len(spans), bool)) == text
    assert found(np.arange(len(spans)) == 4) == "film"
    values = model.explain(text, method="leave_one_word_out").attributions[0].shown.values
    areas = curve_areas(ask(model, text), values, found)
    assert areas.deletion < areas.random < areas.insertion


def test_one_part_or_one_pair_is_too_little():
    with pytest.raises(ParameterError, match="at least two parts"):
        curve_areas(Counting([1.0]), np.ones(1), keep)
    with pytest.raises(ParameterError, match="at least two differences"):
        paired_gain(np.ones(1))
