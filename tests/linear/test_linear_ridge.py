from __future__ import annotations

import numpy as np
import pytest
from linear_reference import assert_agrees, refit, rows
from sklearn.linear_model import Ridge

from headstart.errors import DataError, ParameterError
from headstart.linear.leave_out import fitted
from headstart.linear.moments import Moments
from headstart.linear.prior_mean import prior_mean_ridge
from headstart.linear.ridge import gcv, lambda_grid, ridge_coefficients, ridge_path
from headstart.linear.spectrum import Spectrum

CASES = [(60, 9, "plain"), (12, 40, "plain"), (30, 30, "plain"), (50, 9, "deficient"), (60, 9, "scaled")]
LAMBDAS = [1e-4, 1e-2, 1.0, 1e2, 1e6, 1e12]


def weights_for(n, weighted):
    return np.random.default_rng(1).uniform(0.2, 4, n) if weighted else np.ones(n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
@pytest.mark.parametrize("lam", LAMBDAS)
def test_coefficients_equal_refit_and_scikit_learn(n, d, kind, lam, weighted):
    x, y = rows(0, n, d, kind=kind)
    w = weights_for(n, weighted)
    spectrum = Spectrum.from_rows(x, y, w)
    found, intercept = ridge_coefficients(spectrum, lam)
    wanted, wanted_intercept = refit(x, y, lam, w)
    predictions = x @ wanted + wanted_intercept
    assert_agrees(fitted(spectrum, x, lam), predictions)
    assert_agrees(x @ found + intercept, predictions)
    assert_agrees(found * lam, wanted * lam)
    model = Ridge(alpha=lam, solver="svd").fit(x, y, sample_weight=w)
    assert_agrees(x @ found + intercept, model.predict(x))


@pytest.mark.parametrize(("n", "d", "kind"), CASES)
def test_no_penalty_is_least_squares_of_least_norm(n, d, kind):
    x, y = rows(1, n, d, kind=kind)
    found, _ = ridge_coefficients(Spectrum.from_rows(x, y), 0.0)
    wanted = np.linalg.pinv(x - x.mean(0), rcond=1e-10) @ (y - y.mean(0))
    assert_agrees(found, wanted)


def test_the_path_is_each_solution():
    x, y = rows(2, 30, 5)
    spectrum = Spectrum.from_rows(x, y)
    for (lam, found, intercept), wanted in zip(ridge_path(spectrum, [0.1, 10]), [0.1, 10], strict=True):
        assert lam == wanted
        assert_agrees(found, ridge_coefficients(spectrum, wanted)[0], 0)
        assert_agrees(intercept, ridge_coefficients(spectrum, wanted)[1], 0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
@pytest.mark.parametrize("lam", [1e-2, 1.0, 1e4])
def test_gcv_is_its_definition(n, d, kind, lam, weighted):
    x, y = rows(3, n, d, kind=kind)
    w = weights_for(n, weighted)
    coefficients, intercept = refit(x, y, lam, w)
    residual = np.sqrt(w)[:, None] * (y - x @ coefficients - intercept)
    centred = np.sqrt(w)[:, None] * (x - np.average(x, axis=0, weights=w))
    s2 = np.linalg.svd(centred, compute_uv=False) ** 2
    wanted = n * (residual**2).sum(axis=0) / (n - 1 - (s2 / (s2 + lam)).sum()) ** 2
    assert_agrees(gcv(Spectrum.from_rows(x, y, w), [lam])[0], wanted)


def test_the_grid_follows_the_scale_of_the_rows():
    x, y = rows(4, 30, 5)
    grid = lambda_grid(Spectrum.from_rows(x, y))
    mean = ((x - x.mean(0)) ** 2).sum() / 5
    assert grid.shape == (17,)
    assert_agrees(grid / mean, np.logspace(-6, 2, 17), 1e-13)
    assert_agrees(lambda_grid(Spectrum.from_rows(10 * x, y)), 100 * grid, 1e-13)
    assert (lambda_grid(Spectrum.from_rows(np.ones((4, 2)), np.eye(4))) > 0).all()
    assert_agrees(lambda_grid(Spectrum.from_rows(x, y), count=1), [mean * 1e-2], 1e-13)


@pytest.mark.parametrize("lam", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
def test_prior_mean_is_ridge_on_what_the_prior_leaves(n, d, kind, lam):
    x, y = rows(5, n, d, kind=kind)
    w = weights_for(n, weighted=True)
    prior = np.random.default_rng(6).normal(size=(d, 2))
    spectrum = Spectrum.from_rows(x, y, w)
    found, intercept = prior_mean_ridge(spectrum, lam, prior)
    rest, rest_intercept = ridge_coefficients(Spectrum.from_rows(x, y - x @ prior, w), lam)
    assert_agrees(found, rest + prior)
    assert_agrees(intercept, rest_intercept)
    assert_agrees(found, refit(x, y, lam, w, prior)[0])
    assert_agrees(prior_mean_ridge(Moments.from_rows(x, y, w), lam, prior)[0], found)


def test_prior_mean_at_its_ends():
    x, y = rows(7, 12, 30)
    spectrum = Spectrum.from_rows(x, y)
    prior = np.random.default_rng(8).normal(size=(30, 2))
    assert_agrees(prior_mean_ridge(spectrum, 1e16, prior)[0], prior)
    assert_agrees(prior_mean_ridge(spectrum, 0.5, np.zeros((30, 2)))[0], ridge_coefficients(spectrum, 0.5)[0], 1e-14)
    # with no penalty the targets are met, and what the rows do not see stays at the prior
    found, intercept = prior_mean_ridge(spectrum, 0.0, prior)
    assert_agrees(x @ found + intercept, y)
    away = np.eye(30) - spectrum.vectors @ spectrum.vectors.T
    assert_agrees(away @ found, away @ prior)


def test_wrong_input_is_one_sentence():
    spectrum = Spectrum.from_rows(np.eye(3), np.eye(3))
    with pytest.raises(ParameterError, match="of 0 or more"):
        ridge_coefficients(spectrum, -1)
    with pytest.raises(ParameterError, match="finite"):
        ridge_path(spectrum, [1.0, np.inf])
    with pytest.raises(ParameterError, match="above 0"):
        gcv(spectrum, [0.0])
    with pytest.raises(ParameterError, match="'count'"):
        lambda_grid(spectrum, count=0)
    with pytest.raises(ParameterError, match="prior of 3 rows"):
        prior_mean_ridge(spectrum, 1.0, np.ones((2, 3)))
    with pytest.raises(DataError, match="finite prior"):
        prior_mean_ridge(spectrum, 1.0, np.full((3, 3), np.nan))
