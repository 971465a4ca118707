"""Drift of the mean: the rate of false alarms, the formula, what counts as drift and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from headstart.linear.mean_drift import LEAST_ROWS, mean_drift
from headstart.linear.moments import Moments

CENTRES = np.random.default_rng(9).normal(size=(4, 30)) * 2


def classes(rng, n, shares=(0.25, 0.25, 0.25, 0.25), tails=None):
    """Rows in four classes, normal or with heavy tails, and their one-hot labels."""
    y = rng.choice(4, size=n, p=shares)
    noise = rng.normal(size=(n, 30)) if tails is None else rng.standard_t(tails, size=(n, 30))
    return CENTRES[y] + noise * np.geomspace(2, 0.1, 30), np.eye(4)[y]


@pytest.mark.parametrize("tails", [None, 5])
@pytest.mark.parametrize("n", [10, 60])
def test_a_clean_sample_raises_an_alarm_at_the_stated_rate(n, tails):
    """Monte Carlo: of 400 samples without a drift, about 20 have p < .05, and p is uniform."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        fit = Moments.from_rows(*classes(rng, 800, tails=tails))
        found += [mean_drift(fit, *classes(rng, n, tails=tails)).p_value for _ in range(20)]
    assert 0.015 < np.mean(np.array(found) < 0.05) < 0.09
    assert np.mean(np.array(found) < 0.001) < 0.02
    assert 0.4 < np.mean(found) < 0.6


def test_in_all_directions_it_is_the_test_of_hotelling():
    """Agreement: with all directions, T² by hand and the F distribution of scipy."""
    rng = np.random.default_rng(1)
    x, new = rng.normal(size=(300, 3)) * (1.0, 1.01, 0.99), rng.normal(size=(20, 3)) + 0.2
    found = mean_drift(Moments.from_rows(x, np.ones((300, 1))), new)
    moved = new.mean(0) - x.mean(0)
    squares = moved @ np.linalg.solve(np.cov(x.T), moved) / (1 / 20 + 1 / 300)
    assert found.directions == 3
    np.testing.assert_allclose(found.distance, np.sqrt(squares * (1 / 20 + 1 / 300) / 3))
    np.testing.assert_allclose(found.p_value, stats.f.sf(squares * (299 - 2) / (3 * 299), 3, 297), rtol=1e-6)


def test_another_place_is_found_and_another_mix_of_classes_is_none():
    rng = np.random.default_rng(2)
    fit = Moments.from_rows(*classes(rng, 800))
    rows, labels = classes(rng, 40)
    assert mean_drift(fit, rows + 0.8, labels).differs
    rows, labels = classes(rng, 40, shares=(0.97, 0.01, 0.01, 0.01))
    assert not mean_drift(fit, rows, labels).differs
    assert mean_drift(fit, rows).differs  # without labels, it cannot be told from a drift


def test_new_classes_are_left_out_and_few_rows_say_nothing():
    rng = np.random.default_rng(3)
    fit = Moments.from_rows(*classes(rng, 800)).with_targets(5)
    rows, labels = classes(rng, 20)
    labels = np.pad(labels, ((0, 0), (0, 1)))
    new = np.concatenate([rows, rows + 100]), np.concatenate([labels, np.tile(np.eye(5)[4], (20, 1))])
    assert mean_drift(fit, *new) == mean_drift(fit, rows, labels)
    assert mean_drift(fit, rows[: LEAST_ROWS - 1], labels[: LEAST_ROWS - 1]) is None
    assert mean_drift(Moments.from_rows(rows, labels), rows, labels) is None


def test_rows_of_one_patient_are_one_observation():
    rng = np.random.default_rng(4)
    fit = Moments.from_rows(*classes(rng, 800))
    rows, labels = classes(rng, 10)
    again, units = np.repeat(rows, 8, axis=0), np.repeat(np.arange(10), 8)
    assert mean_drift(fit, again, np.repeat(labels, 8, axis=0), units=units).p_value == pytest.approx(
        mean_drift(fit, rows, labels).p_value
    )
