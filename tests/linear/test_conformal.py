"""Quantiles, intervals and sets of conformal prediction, against their definitions by counting."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from linear_reference import refit

from headstart.errors import ParameterError
from headstart.linear.conformal import (
    chunks_of,
    conformal_p_values,
    conformal_quantile,
    group_weights,
    in_set,
    jackknife_plus,
    least_rows,
    split_interval,
)
from headstart.linear.leave_out import fitted, leave_one_out
from headstart.linear.predictions_without import RidgeWithout, kernel_of
from headstart.linear.spectrum import Spectrum

LEVELS = [0.5, 0.55, 0.7, 0.8, 0.9, 0.95, 0.99]


def place(coverage, n):
    """⌈(1-alpha)(n+1)⌉ in exact arithmetic."""
    return math.ceil(Fraction(str(coverage)) * (n + 1))


@pytest.mark.parametrize("coverage", LEVELS)
def test_the_quantile_is_the_order_statistic_with_the_new_row_counted(coverage):
    for n in range(1, 130):
        values = np.random.default_rng(n).normal(size=(2, n))
        k = place(coverage, n)
        wanted = np.sort(values)[:, k - 1] if k <= n else np.full(2, np.inf)
        np.testing.assert_array_equal(conformal_quantile(values, coverage), wanted)
        np.testing.assert_array_equal(conformal_quantile(values, coverage, weights=np.ones(n)), wanted)
        assert (n >= least_rows(coverage)) == (k <= n)


def test_a_group_counts_as_one_observation():
    values, groups = np.arange(12.0), np.repeat([0, 1, 2, 3], 3)
    weights = group_weights(groups, 12)
    # 0.5 · (4 + 1) = 2.5 groups are reached with the 8th value, in the third group
    assert conformal_quantile(values, 0.5, weights=weights) == 7.0
    assert conformal_quantile(values, 0.9, weights=weights) == np.inf  # four groups promise at most 0.8
    assert conformal_quantile(values, 0.8, weights=weights) == 11.0
    assert conformal_quantile(values, 0.9) == 11.0  # as if the twelve rows were exchangeable


def test_groups_of_one_row_are_rows():
    values = np.random.default_rng(0).normal(size=30)
    assert conformal_quantile(values, 0.8, weights=group_weights(np.arange(30), 30)) == conformal_quantile(values, 0.8)


def by_counting(own, new, weights):
    """p-values as they are defined, one comparison at a time."""
    m, classes = len(new), new.shape[-1]
    out = np.empty((m, classes))
    for i in range(m):
        for c in range(classes):
            theirs = new[i, :, c] if new.ndim == 3 else np.full(len(own), new[i, c])
            no_better = sum(w for s, t, w in zip(own, theirs, weights, strict=True) if s >= t)
            out[i, c] = (1 + no_better) / (1 + sum(weights))
    return out


@pytest.mark.parametrize("grouped", [False, True])
def test_p_values_count_the_rows_that_conform_no_better(grouped):
    rng = np.random.default_rng(0)
    own, new = rng.integers(0, 6, 25) / 5, rng.integers(0, 6, (4, 25, 3)) / 5  # many ties
    codes = rng.integers(0, 8, 25) if grouped else np.arange(25)
    weights = group_weights(codes, 25)
    np.testing.assert_allclose(
        conformal_p_values(own, new[:, 0], weights=weights), by_counting(own, new[:, 0], weights)
    )
    wanted = by_counting(own, new[:, codes], weights)
    np.testing.assert_allclose(conformal_p_values(own, new, weights=weights, fits=codes), wanted, atol=1e-15)


@pytest.mark.parametrize("coverage", LEVELS)
def test_a_set_is_what_the_quantile_lets_in(coverage):
    rng = np.random.default_rng(1)
    for n in (3, 9, 19, 40):
        own, new = rng.integers(0, 30, n) / 30, rng.integers(0, 30, (5, 4)) / 30
        found = in_set(conformal_p_values(own, new), coverage)
        np.testing.assert_array_equal(found, new <= conformal_quantile(own, coverage))


def test_too_few_rows_let_every_label_in():
    assert in_set(conformal_p_values([0.1, 0.2], [[0.3, 9.0]]), 0.8).all()


def test_jackknife_plus_equals_refits():
    """Barber et al. 2021, equation 4, with one refit for each row."""
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(25, 6)), rng.normal(size=(8, 6))
    y = x[:, :1] + rng.normal(size=(25, 1))
    lows, highs = [], []
    for i in range(25):
        coefficients, intercept = refit(np.delete(x, i, 0), np.delete(y, i, 0), 0.4)
        residual = abs(float((y[i] - x[i] @ coefficients - intercept)[0]))
        lows.append((new @ coefficients + intercept)[:, 0] - residual)
        highs.append((new @ coefficients + intercept)[:, 0] + residual)
    n, coverage = 25, 0.8
    low = np.sort(lows, axis=0)[math.floor(Fraction(1, 5) * (n + 1)) - 1]
    high = np.sort(highs, axis=0)[place(coverage, n) - 1]
    spectrum = Spectrum.from_rows(x, y)
    (left,) = leave_one_out(spectrum, x, y, [0.4])
    residuals = y - left.predictions
    without = RidgeWithout(residuals)(fitted(spectrum, new, 0.4), kernel_of(spectrum, x, new, 0.4))
    found = jackknife_plus(without[:, :, 0], residuals[:, 0], coverage)
    np.testing.assert_allclose(found, np.stack([low, high], axis=1), rtol=0, atol=1e-12)


def test_split_intervals_are_symmetric():
    rng = np.random.default_rng(2)
    without, residuals = rng.normal(size=(6, 30)), rng.normal(size=30)
    split = split_interval(without[:, 0], residuals, 0.8)
    np.testing.assert_allclose(split.mean(axis=1), without[:, 0])
    assert split[:, 1] - split[:, 0] == pytest.approx(2 * np.sort(np.abs(residuals))[place(0.8, 30) - 1])


def test_intervals_are_infinite_where_there_are_too_few_rows():
    assert np.isinf(jackknife_plus(np.zeros((1, 5)), np.ones(5), 0.9)).all()
    assert np.isinf(split_interval([0.0], np.ones(5), 0.9)).all()


def test_a_spread_of_its_own_widens_the_interval_of_a_row():
    without, residuals = np.zeros((2, 9)), np.ones(9)
    found = jackknife_plus(without, residuals, 0.8, scale=np.array([[1.0], [3.0]]) * np.ones((2, 9)))
    np.testing.assert_array_equal(found, [[-1, 1], [-3, 3]])


def test_jackknife_plus_covers_where_training_residuals_do_not():
    """METHODS_NEXT S1: n=40, d=30, weak penalty; training residuals cover about 0.3 instead of 0.9."""
    rng = np.random.default_rng(0)
    inside = {"training": 0, "jackknife+": 0}
    for _ in range(60):
        x, beta = rng.normal(size=(41, 30)), rng.normal(size=30) / 5
        y = (x @ beta + rng.normal(size=41))[:, None]
        spectrum = Spectrum.from_rows(x[:40], y[:40])
        (left,) = leave_one_out(spectrum, x[:40], y[:40], [0.05])
        residuals, new = y[:40] - left.predictions, x[40:]
        f = fitted(spectrum, new, 0.05)
        plus = jackknife_plus(
            RidgeWithout(residuals)(f, kernel_of(spectrum, x[:40], new, 0.05))[:, :, 0], residuals[:, 0], 0.9
        )
        naive = split_interval(f[:, 0], (y[:40] - left.fitted)[:, 0], 0.9)
        inside["jackknife+"] += plus[0, 0] <= y[40, 0] <= plus[0, 1]
        inside["training"] += naive[0, 0] <= y[40, 0] <= naive[0, 1]
    assert inside["training"] < 30
    assert inside["jackknife+"] >= 48  # 0.8, what is guaranteed


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conformal_quantile([1.0], 90), "must lie between 0 and 1"),
        (lambda: conformal_quantile([1.0], True), "must lie between 0 and 1"),
        (lambda: conformal_quantile([np.nan], 0.9), "numbers"),
        (lambda: conformal_quantile([1.0], 0.9, weights=[1.0, 1.0]), "1 finite numbers"),
        (lambda: conformal_p_values([0.1], [[np.nan]]), "NaN"),
        (lambda: conformal_p_values([0.1, 0.2], np.zeros((1, 3, 2)), fits=[0]), "shapes"),
    ],
)
def test_invalid_arguments_are_refused_in_a_sentence(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_chunks_cover_all_rows():
    assert [len(range(10)[part]) for part in chunks_of(10, 3, most=9)] == [3, 3, 3, 1]
    assert list(chunks_of(0, 3)) == []
