"""Bounds for several models at once: how often the best of them seems better by chance, and whether gains are found."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.evaluate.intervals.bootstrap import paired_difference
from headstart.evaluate.intervals.simultaneous import simultaneous_differences

ITEMS = 60


def found_better(models, *, gain=0.0, groups=None, repeats=200):
    """How often the lower bound of the best of correlated models is above 0; and the same without the correction."""
    random = np.random.default_rng([7, models, groups is not None])
    together = alone = 0
    for _ in range(repeats):
        shared, own = random.normal(size=ITEMS), random.normal(size=(models, ITEMS))
        if groups is not None:
            shared, own = shared[groups], own[:, groups]
        losses = np.sqrt(0.7) * shared + np.sqrt(0.3) * own - gain
        found = simultaneous_differences(np.zeros(ITEMS), losses, groups=groups, resamples=200, level=0.6)
        best = int(found.values.argmax())
        together += found.lows[best] > 0
        alone += paired_difference(np.zeros(ITEMS), losses[best], groups=groups, resamples=200, level=0.6)[1] > 0
    return together / repeats, alone / repeats


@pytest.mark.parametrize("models", [1, 5, 9])
def test_the_best_of_several_is_better_by_chance_as_rarely_as_stated(models):
    """Kind: the best candidate was tested on the items that chose it, as if it had been the only one."""
    together, alone = found_better(models)
    assert 0.12 <= together <= 0.25
    assert models == 1 or alone > 0.35
    assert found_better(models, gain=0.5, repeats=40)[0] > 0.95


def test_groups_are_drawn_as_one():
    assert 0.12 <= found_better(5, groups=np.arange(ITEMS) // 3)[0] <= 0.25


def test_skewed_losses_hardly_raise_the_rate():
    """A few large losses, which most resamples lack: a percentile interval of one model has 30% of them above 0."""
    random, hits, repeats = np.random.default_rng(0), 0, 100
    for _ in range(repeats):
        losses = np.exp(0.8 * random.normal(size=ITEMS) + 0.6 * random.normal(size=(9, ITEMS))) - np.exp(0.5)
        found = simultaneous_differences(np.zeros(ITEMS), losses, resamples=200, level=0.6)
        hits += found.lows[found.values.argmax()] > 0
    assert hits / repeats <= 0.3


def test_a_standard_error_is_that_of_the_items_or_groups():
    """One model of symmetric values: the bounds are those of Student's interval."""
    values = np.random.default_rng(0).normal(size=400)
    low, high = simultaneous_differences(values, [np.zeros(400)], level=0.95).of(0)[1:]
    half = 1.966 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    twice = simultaneous_differences(np.repeat(values, 2), [np.zeros(800)], groups=np.arange(800) // 2)
    assert twice.of(0)[1:] == pytest.approx((low, high), rel=1e-9)


def test_equal_models_and_single_groups():
    found = simultaneous_differences(np.arange(9.0), [np.arange(9.0), np.zeros(9)])
    assert found.of(0) == (0.0, 0.0, 0.0)
    assert found.lows[1] < 4.0 < found.highs[1]
    noise = np.random.default_rng(0).normal(size=30)
    assert simultaneous_differences(noise + 0.4, [noise + 0.3]).of(0) == pytest.approx((0.1, 0.1, 0.1))
    assert np.isnan(simultaneous_differences([1.0, 2.0], [[0.0, 0.0]], groups=["a", "a"]).of(0)[1])


@pytest.mark.parametrize("models", [[], [[1.0]], [[1.0, 2.0], [1.0]]])
def test_lengths_have_to_agree(models):
    with pytest.raises(ParameterError, match="must be of one length"):
        simultaneous_differences([1.0, 2.0], models)
