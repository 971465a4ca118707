"""Forecasts: their covariances against simulation, and the coverage of their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluate.curves.forecast import DrawNoise, Series, forecast, item_noise
from headstart.evaluate.curves.power_law import fit_power_law


def test_the_noise_of_nested_draws_is_that_of_a_simulation():
    # the error of a subsample is the mean of its rows' parts: variance t/m, shared rows give the covariance
    rng, n, sizes, draws = np.random.default_rng(0), 64, (8, 16, 32, 64), (4, 4, 2, 1)
    means = []
    for _ in range(4000):
        parts = rng.normal(size=n)
        orders = [rng.permutation(n) for _ in range(4)]
        pairs = zip(sizes, draws, strict=True)
        means.append([np.mean([parts[order[:m]].mean() for order in orders[:r]]) for m, r in pairs])
    expected = DrawNoise(1.0, 1.0).covariance(np.array(sizes, float), np.array(draws))
    assert np.cov(np.array(means).T) == pytest.approx(expected, rel=0.15, abs=1e-3)


def test_the_power_of_the_draw_noise_is_found():
    sizes, draws = np.array([20.0, 40.0, 80.0, 160.0, 320.0]), np.array([6, 6, 6, 6, 1])
    spreads = 3.0 * sizes**-1.5 * (1 - sizes / 320)
    spreads[-1] = np.nan
    found = DrawNoise.fitted(sizes, draws, spreads)
    assert (found.scale, found.power) == pytest.approx((3.0, 1.5))
    assert DrawNoise(2.0, 1.0).of_gain(320, 320) == pytest.approx(np.sqrt(2 / 320 - 2 / 640))


def test_the_noise_of_items_is_that_of_resampling_them():
    rng = np.random.default_rng(0)
    errors = (rng.random((3, 400)) < [[0.4], [0.3], [0.2]]) * 1.0
    errors[1] = np.maximum(errors[1], errors[2])
    _, found = item_noise(errors, None)
    weights = rng.multinomial(400, np.full(400, 1 / 400), size=20_000)
    assert found == pytest.approx(np.cov((weights @ errors.T / 400).T), rel=0.05, abs=2e-5)


def test_items_of_a_unit_count_as_one_observation():
    rng = np.random.default_rng(0)
    by_unit = (rng.random((2, 40)) < 0.3) * 1.0
    _, alone = item_noise(by_unit, None)
    _, repeated = item_noise(np.repeat(by_unit, 10, axis=1), np.repeat(np.arange(40), 10))
    assert repeated == pytest.approx(alone)


def test_a_class_without_a_mistake_still_has_noise():
    _, noise = item_noise(np.zeros((2, 30)), None)
    assert (noise.diagonal() > 0).all()


@pytest.mark.parametrize(("floor", "exponent"), [(0.0, 0.3), (0.08, 0.6), (0.05, 1.2)])
def test_the_interval_of_the_gain_covers_in_simulation(floor, exponent):
    rng, n, items, t = np.random.default_rng(1), 400, 600, 0.02
    sizes, draws = np.array([25.0, 50.0, 100.0, 200.0, 400.0]), np.array([6, 6, 6, 6, 1])
    law = floor + 0.3 * (sizes / 25) ** -exponent
    true = law[-1] - floor - 0.3 * (800 / 25) ** -exponent
    drawn = DrawNoise(t, 1.0)
    noise = drawn.covariance(sizes, draws)
    hits, widths, trials = 0, [], 120
    for trial in range(trials):
        # an item is wrong at a size if its difficulty, partly shared by all sizes, is above the law
        means = law + rng.multivariate_normal(np.zeros(5), noise)
        shared, own = rng.normal(size=items), rng.normal(size=(5, items))
        rank = np.argsort(np.argsort(np.sqrt(0.8) * shared + np.sqrt(0.2) * own, axis=1), axis=1)
        errors = (rank < means[:, None] * items) * 1.0
        _, of_items = item_noise(errors, None)
        series = Series(sizes, means + rng.multivariate_normal(np.zeros(5), of_items), of_items + noise, drawn)
        one = forecast(series, fit_power_law(sizes, series.errors, series.covariance, seed=trial), n, labels=n)
        realised = true + rng.normal(scale=drawn.of_gain(n, n))
        hits += one.low <= realised <= one.high
        widths.append(one.high - one.low)
    assert hits >= 0.88 * trials
    assert np.median(widths) < 0.12  # and is no wider than what it has to tell
