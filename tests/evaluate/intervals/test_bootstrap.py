"""Intervals against closed forms, plain loops and their promised coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from headstart.errors import ParameterError
from headstart.evaluate import metrics
from headstart.evaluate.intervals import bootstrap as intervals
from headstart.evaluate.intervals.bootstrap import bootstrap, paired_difference


def mean_of(values):
    return lambda weights: (weights @ values) / weights.sum(axis=-1)


def test_bootstrap_is_the_plain_loop_in_distribution():
    random = np.random.default_rng(0)
    proba, y = random.dirichlet(np.ones(3), 80), random.integers(0, 3, 80)
    low, high = bootstrap(lambda w: metrics.macro_f1(proba, y, w), 80, resamples=4000)
    draws = [metrics.macro_f1(proba[i], y[i]) for i in random.integers(0, 80, (4000, 80))]
    np.testing.assert_allclose((low, high), np.quantile(draws, [0.025, 0.975]), atol=0.01)


def test_bootstrap_is_exactly_the_loop_over_its_own_multiplicities():
    values, seen = np.random.default_rng(1).normal(size=30), []

    def statistic(weights):
        seen.append(weights)
        return np.column_stack([weights @ values / 30, weights @ values**2 / 30])

    low, high = bootstrap(statistic, 30, resamples=500, seed=3, level=0.9)
    times = np.concatenate(seen).astype(int)
    assert times.shape == (500, 30)
    assert (times.sum(axis=1) == 30).all()
    chosen = [np.repeat(values, row) for row in times]
    loops = np.array([(c.mean(), (c**2).mean()) for c in chosen])
    tail = norm.cdf(np.sqrt(30 / 29) * t.ppf(0.05, 29))  # Hesterberg (2015), section 4
    np.testing.assert_allclose((low, high), np.quantile(loops, [tail, 1 - tail], axis=0), rtol=1e-12)


def test_resamples_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    values = np.random.default_rng(1).normal(size=30)
    whole = bootstrap(mean_of(values), 30, resamples=50)
    monkeypatch.setattr(intervals, "_BLOCK_VALUES", 30 * 7)
    np.testing.assert_array_equal(bootstrap(mean_of(values), 30, resamples=50), whole)


def test_bootstrap_of_a_mean_is_near_the_normal_interval():
    values = np.random.default_rng(2).normal(size=400)
    bounds = bootstrap(mean_of(values), 400, resamples=4000)
    expected = values.mean() + norm.ppf([0.025, 0.975]) * values.std() / 20
    np.testing.assert_allclose(bounds, expected, atol=0.006)


def test_bootstrap_covers():
    random = np.random.default_rng(3)
    samples = random.exponential(size=(300, 60))
    held = [
        low <= 1 <= high
        for low, high in (bootstrap(mean_of(s), 60, resamples=400, seed=i) for i, s in enumerate(samples))
    ]
    # 93% is what the percentile bootstrap reaches on 60 exponential values; 3.5 standard errors around it.
    assert 0.88 < np.mean(held) < 0.98


def clustered(random, groups=40, size=5):
    return (random.normal(size=(groups, 1)) + 0.3 * random.normal(size=(groups, size))).ravel()


def test_cluster_bootstrap_covers_where_the_plain_one_does_not():
    random, names = np.random.default_rng(4), np.repeat(np.arange(40), 5)
    plain, cluster = [], []
    for seed in range(200):
        values = clustered(random)
        for held, groups in ((plain, None), (cluster, names)):
            low, high = bootstrap(mean_of(values), 200, groups=groups, resamples=300, seed=seed)
            held.append(low <= 0 <= high)
    assert 0.88 < np.mean(cluster) < 0.99
    assert np.mean(plain) < 0.8


def test_few_clusters_are_covered_too():
    """Plain percentiles of eight groups cover about 0.88 of the time; expanded ones come near 0.95."""
    random, names = np.random.default_rng(5), np.repeat(np.arange(8), 5)
    held = []
    for seed in range(300):
        low, high = bootstrap(mean_of(clustered(random, 8)), 40, groups=names, resamples=400, seed=seed)
        held.append(low <= 0 <= high)
    assert 0.91 < np.mean(held) < 0.99


def test_groups_are_drawn_whole_and_named_freely():
    names, seen = np.array(["b", "a", "b", "c", "a", "b"]), []
    bootstrap(lambda w: seen.append(w) or w.sum(axis=1), 6, groups=names, resamples=50)
    weights = np.concatenate(seen)
    assert (weights[:, [0, 0, 1]] == weights[:, [2, 5, 4]]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()


def test_one_unit_tells_nothing():
    one_item = bootstrap(mean_of(np.ones(1)), 1, resamples=10)
    one_group = bootstrap(mean_of(np.arange(5.0)), 5, groups=["a"] * 5, resamples=10)
    assert np.isnan([*one_item, *one_group]).all()


def test_undefined_resamples_are_left_out():
    def statistic(weights):
        value = weights[:, 0]
        return np.column_stack([np.where(value > 0, value, np.nan), np.full_like(value, np.nan)])

    low, high = bootstrap(statistic, 10, resamples=300)
    assert low[0] == 1
    assert high[0] >= 2
    assert np.isnan([low[1], high[1]]).all()


def test_same_seed_same_interval_whatever_the_block(monkeypatch):
    values = np.random.default_rng(5).normal(size=50)
    whole = bootstrap(mean_of(values), 50, resamples=100, seed=1)
    assert whole == bootstrap(mean_of(values), 50, resamples=100, seed=1)
    assert whole != bootstrap(mean_of(values), 50, resamples=100, seed=2)
    monkeypatch.setattr(intervals, "_BLOCK_VALUES", 50 * 30)  # 4 blocks, the last one short
    shapes = []
    bounds = bootstrap(lambda w: shapes.append(w.shape) or mean_of(values)(w), 50, resamples=100, seed=1)
    assert shapes == [(30, 50), (30, 50), (30, 50), (10, 50)]
    np.testing.assert_allclose(bounds, whole, atol=0.1)


@pytest.mark.parametrize(
    "settings", [{"resamples": 0}, {"level": 0}, {"level": 1}, {"groups": [1, 2]}, {"resamples": 2.5}]
)
def test_bootstrap_refuses(settings):
    with pytest.raises(ParameterError):
        bootstrap(mean_of(np.ones(5)), 5, **settings)


def test_pairing_narrows():
    random = np.random.default_rng(6)
    hard = random.normal(size=200)
    a, b = hard + 0.2 + 0.1 * random.normal(size=200), hard + 0.1 * random.normal(size=200)
    value, low, high = paired_difference(a, b)
    assert value == pytest.approx((a - b).mean(), abs=1e-15)
    assert 0.15 < low < value < high < 0.25
    np.testing.assert_allclose(high - low, 2 * 1.96 * (a - b).std() / math.sqrt(200), rtol=0.1)
    assert paired_difference(b, a) == pytest.approx((-value, -high, -low), abs=1e-3)


def test_paired_difference_refuses_unequal_sides():
    with pytest.raises(ParameterError, match=r"\(3,\) and \(2,\)"):
        paired_difference([1, 2, 3], [1, 2])
