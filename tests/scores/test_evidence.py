"""Gaussian evidence against densities and direct maximisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from headstart.errors import DataError
from headstart.scores import gaussian_evidence, logme


def made(seed, n, d, rank=None, classes=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[:classes] = np.arange(classes)
    x = rng.normal(size=(n, d)) + rng.normal(size=(classes, d))[y]
    if rank is not None:
        x = x[:, :rank] @ rng.normal(size=(rank, d))
    return x, y


def density(x, y, alpha, beta, intercept):
    """ln p(y) by the dense covariance; a flat intercept is taken out by a basis orthogonal to the constant."""
    n = len(x)
    if intercept:
        basis = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1].T
        x, y = basis @ x, basis @ y
    return multivariate_normal.logpdf(y, cov=x @ x.T / alpha + np.eye(len(y)) / beta)


SHAPES = [(40, 5, None), (30, 30, None), (20, 60, None), (40, 12, 4)]


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d", "rank"), SHAPES)
def test_the_evidence_is_the_density_at_the_precisions_found(n, d, rank, intercept):
    x, y = made(n + d, n, d, rank)
    targets = np.eye(3)[y]
    found = gaussian_evidence(x, targets, intercept=intercept)
    for column in range(3):
        alpha, beta = found.alpha[column], found.beta[column]
        if beta / alpha > 1e9:  # the dense covariance has no digits left there
            continue
        wanted = density(x, targets[:, column], alpha, beta, intercept)
        assert found.log_evidence[column] == pytest.approx(wanted, abs=1e-10 * max(1, abs(wanted)) * 10)


@pytest.mark.parametrize("intercept", [True, False])
def test_no_other_precisions_have_more_evidence(intercept):
    x, y = made(1, 50, 6)
    target = (y == 1).astype(float)
    found = gaussian_evidence(x, target[:, None], intercept=intercept)
    best = max(
        -minimize(lambda u: -density(x, target, *np.exp(u), intercept), start, method="Nelder-Mead",
                  options={"xatol": 1e-8, "fatol": 1e-12}).fun
        for start in ([0.0, 0.0], [3.0, 1.0], [-2.0, 2.0])
    )  # fmt: skip
    assert found.log_evidence[0] == pytest.approx(best, abs=1e-7)
    assert found.log_evidence[0] >= best - 1e-10


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "d", "rank"), SHAPES)
def test_zero_columns_rotations_and_scale_change_nothing(n, d, rank, intercept):
    x, y = made(7 * n + d, n, d, rank)
    wanted = logme(x, y, intercept=intercept)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
    assert logme(np.hstack([x, np.zeros((n, 400))]), y, intercept=intercept) == pytest.approx(wanted, abs=1e-10)
    assert logme(x @ rotation, y, intercept=intercept) == pytest.approx(wanted, abs=1e-10)
    assert logme(1000 * x, y, intercept=intercept) == pytest.approx(wanted, abs=1e-10)


def test_an_intercept_makes_a_shift_irrelevant():
    x, y = made(4, 50, 4)
    assert logme(x + 100, y) == pytest.approx(logme(x, y), abs=1e-9)
    assert abs(logme(x + 100, y, intercept=False) - logme(x, y, intercept=False)) > 1e-3


def test_values_and_exact_fits_have_a_finite_evidence():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    linear, noise = x @ rng.normal(size=(4, 1)), rng.normal(size=(30, 1))
    assert np.isfinite(logme(x, linear))
    assert logme(x, linear) > logme(x, linear + noise) > logme(x, 10 * noise)
    assert np.isfinite(logme(np.ones((30, 4)), noise))


def test_a_constant_target_is_refused():
    with pytest.raises(DataError, match="Target 1 does not"):
        gaussian_evidence(np.eye(4), np.array([[1, 0.1], [2, 0.1], [3, 0.1], [4, 0.1]]))
