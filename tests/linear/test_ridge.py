from __future__ import annotations

import numpy as np
import pytest
from linear_reference import assert_agrees, refit, rows
from sklearn.linear_model import Ridge

from headstart.errors import ParameterError
from headstart.linear.leave_out import fitted
from headstart.linear.ridge import gcv, lambda_grid, ridge_coefficients
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


def test_wrong_input_is_one_sentence():
    spectrum = Spectrum.from_rows(np.eye(3), np.eye(3))
    with pytest.raises(ParameterError, match="of 0 or more"):
        ridge_coefficients(spectrum, -1)
    with pytest.raises(ParameterError, match="finite"):
        ridge_coefficients(spectrum, np.inf)
    with pytest.raises(ParameterError, match="above 0"):
        gcv(spectrum, [0.0])
    with pytest.raises(ParameterError, match="'count'"):
        lambda_grid(spectrum, count=0)
