"""Left-out LDA scores against refits without the row or the group."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.linear.calibration import log_softmax
from headstart.linear.lda_leave_out import left_out_scores, left_out_scores_each
from headstart.linear.leave_out import fitted, leave_one_group_out, leave_one_out
from headstart.linear.optimal_scoring import optimal_scoring
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum


def sample(n, d, classes, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    return rng.normal(size=(n, d)) + rng.normal(size=(classes, d))[codes], codes, np.eye(classes)[codes]


def refitted(x, y, groups, lam):
    scores = np.empty_like(y)
    for group in np.unique(groups):
        out = groups == group
        rest = Spectrum.from_rows(x[~out], y[~out])
        scores[out] = optimal_scoring(rest, lam, rest.target_mean).scores(fitted(rest, x[out], lam))
    return log_softmax(scores)


@pytest.mark.parametrize(("n", "d", "classes"), [(60, 8, 4), (40, 12, 10), (24, 30, 3), (30, 5, 2)])
def test_single_rows_agree_with_refits(n, d, classes):
    x, _, y = sample(n, d, classes)
    spectrum = Spectrum.from_rows(x, y)
    for left_out in leave_one_out(spectrum, x, y, lambda_grid(spectrum)[6::3]):
        scores = log_softmax(left_out_scores(spectrum, left_out, y))
        np.testing.assert_allclose(scores, refitted(x, y, np.arange(n), left_out.lam), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("n", "d", "classes", "size"), [(60, 8, 4, 6), (60, 8, 3, 20), (24, 30, 3, 2)])
def test_groups_agree_with_refits(n, d, classes, size):
    x, _, y = sample(n, d, classes)
    groups = np.arange(n) // size
    spectrum = Spectrum.from_rows(x, y)
    for left_out in leave_one_group_out(spectrum, x, y, groups, lambda_grid(spectrum)[6::3]):
        scores = log_softmax(left_out_scores(spectrum, left_out, y, groups))
        np.testing.assert_allclose(scores, refitted(x, y, groups, left_out.lam), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("empty", [False, True])
def test_several_penalties_at_once_give_the_scores_of_each(size, empty):
    x, _, y = sample(36, 5, 4)
    if empty:  # a class without rows
        y = np.column_stack([y, np.zeros(36)])
    weights = np.random.default_rng(1).uniform(0.2, 3.0, 36)
    spectrum, groups = Spectrum.from_rows(x, y, weights), None if size is None else np.arange(36) // size
    lambdas = lambda_grid(spectrum)[4::4]
    left = leave_one_group_out(
        spectrum, x, y, np.arange(36) if groups is None else groups, lambdas, sample_weight=weights
    )
    several = list(left)
    found = left_out_scores_each(spectrum, several, y, groups, sample_weight=weights)
    each = [left_out_scores(spectrum, one, y, groups, sample_weight=weights) for one in several]
    np.testing.assert_allclose(found, np.stack(each), rtol=1e-10)


def test_groups_of_one_are_single_rows():
    x, _, y = sample(30, 5, 3)
    spectrum = Spectrum.from_rows(x, y)
    (left_out,) = leave_one_out(spectrum, x, y, [0.5])
    alone = left_out_scores(spectrum, left_out, y)
    mixed = left_out_scores(spectrum, left_out, y, np.random.default_rng(0).permutation(30))
    np.testing.assert_allclose(mixed, alone, rtol=1e-12)


def test_a_part_of_the_rows_is_enough():
    x, _, y = sample(60, 8, 4)
    spectrum = Spectrum.from_rows(x, y)
    (whole,) = leave_one_out(spectrum, x, y, [2.0])
    (part,) = leave_one_out(spectrum, x[5:20], y[5:20], [2.0])
    expected = left_out_scores(spectrum, whole, y)[5:20]
    np.testing.assert_allclose(left_out_scores(spectrum, part, y[5:20]), expected, rtol=1e-10)


@pytest.mark.parametrize(("n", "d", "classes"), [(100, 200, 50), (60, 8, 5), (200, 20, 20)])
def test_noise_is_not_known_in_advance(n, d, classes):
    """Labels without signal: no λ may promise a loss below the log of the number of classes, beyond chance."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.arange(n) % classes)
    x, y = rng.normal(size=(n, d)), np.eye(classes)[codes]
    spectrum = Spectrum.from_rows(x, y)
    for left_out in leave_one_out(spectrum, x, y, lambda_grid(spectrum)[4:]):
        posterior = log_softmax(left_out_scores(spectrum, left_out, y))
        assert -posterior[np.arange(n), codes].mean() > 0.95 * np.log(classes)


def test_a_class_of_one_item_gets_the_shares():
    x, codes, y = sample(21, 4, 3)
    codes = np.append(codes, 3)
    y = np.eye(4)[codes]
    x = np.vstack([x, np.ones(4)])
    spectrum = Spectrum.from_rows(x, y)
    (left_out,) = leave_one_out(spectrum, x, y, [1.0])
    scores = left_out_scores(spectrum, left_out, y)
    np.testing.assert_allclose(np.exp(scores[-1]), [7 / 22, 7 / 22, 7 / 22, 1 / 22])
    assert np.isfinite(scores).all()


def test_a_class_without_rows_is_impossible():
    x, _, y = sample(20, 4, 2)
    y = np.column_stack([y, np.zeros(20)])
    spectrum = Spectrum.from_rows(x, y)
    (left_out,) = leave_one_out(spectrum, x, y, [1.0])
    scores = left_out_scores(spectrum, left_out, y)
    assert (scores[:, 2] == -np.inf).all()
    assert np.isfinite(scores[:, :2]).all()


def weighted_refit(x, y, weights, groups, lam):
    scores = np.empty_like(y)
    for group in np.unique(groups):
        out = groups == group
        rest = Spectrum.from_rows(x[~out], y[~out], weights[~out])
        scores[out] = optimal_scoring(rest, lam, rest.target_mean).scores(fitted(rest, x[out], lam))
    return log_softmax(scores)


@pytest.mark.parametrize(("n", "d", "classes"), [(60, 8, 4), (24, 30, 3)])
@pytest.mark.parametrize("size", [1, 4])
def test_weighted_rows_agree_with_weighted_refits(n, d, classes, size):
    x, _, y = sample(n, d, classes)
    weights = np.random.default_rng(1).uniform(0.2, 3.0, n)
    groups = np.arange(n) // size
    spectrum = Spectrum.from_rows(x, y, weights)
    for left_out in leave_one_group_out(spectrum, x, y, groups, lambda_grid(spectrum)[6::3], sample_weight=weights):
        found = log_softmax(left_out_scores(spectrum, left_out, y, groups, sample_weight=weights))
        np.testing.assert_allclose(found, weighted_refit(x, y, weights, groups, left_out.lam), rtol=1e-8, atol=1e-8)


def test_a_weight_of_two_is_a_row_twice():
    x, _, y = sample(30, 5, 3)
    spectrum = Spectrum.from_rows(x, y, np.full(30, 2.0))
    (left_out,) = leave_one_out(spectrum, x, y, [1.0], sample_weight=np.full(30, 2.0))
    found = left_out_scores(spectrum, left_out, y, sample_weight=np.full(30, 2.0))
    twice, pairs = np.repeat(x, 2, axis=0), np.repeat(np.arange(30), 2)
    whole = Spectrum.from_rows(twice, np.repeat(y, 2, axis=0))
    (together,) = leave_one_group_out(whole, twice, np.repeat(y, 2, axis=0), pairs, [1.0])
    expected = left_out_scores(whole, together, np.repeat(y, 2, axis=0), pairs)[::2]
    np.testing.assert_allclose(log_softmax(found), log_softmax(expected), rtol=1e-8, atol=1e-8)
