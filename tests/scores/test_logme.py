"""LogME: the paper's formula, and where published code is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

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


def test_the_formula_of_the_paper_with_the_rank():
    x, y = made(2, 60, 10)
    target = (y == 0).astype(float)
    found = gaussian_evidence(x, target[:, None], intercept=False)
    a, b = found.alpha[0], found.beta[0]
    mean = np.linalg.solve(a * np.eye(10) + b * x.T @ x, b * x.T @ target)
    sigma = np.linalg.eigvalsh(x.T @ x)
    wanted = 5 * np.log(a) + 30 * np.log(b) - 0.5 * np.log(a + b * sigma).sum() - 30 * np.log(2 * np.pi)
    wanted -= b / 2 * ((target - x @ mean) ** 2).sum() + a / 2 * (mean**2).sum()
    assert found.log_evidence[0] == pytest.approx(wanted, rel=1e-11)
    # at the maximum MacKay's equations hold
    assert found.gamma[0] == pytest.approx((sigma / (sigma + a / b)).sum(), rel=1e-9)
    assert a == pytest.approx(found.gamma[0] / (mean**2).sum(), rel=1e-5)


def published(x, y):
    """LogME as in the public fixed-point code, with D where the rank belongs."""
    n, d = x.shape
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    sigma, evidences = s**2, []
    for c in range(y.max() + 1):
        target = (y == c).astype(float)
        x2 = (u.T @ target) ** 2
        rest = (target**2).sum() - x2.sum()
        alpha = beta = 1.0
        for _ in range(11):
            t = alpha / beta
            gamma = (sigma / (sigma + t)).sum()
            m2, r2 = (sigma * x2 / (t + sigma) ** 2).sum(), (x2 / (1 + sigma / t) ** 2).sum() + rest
            alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (r2 + 1e-5)
        evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta) - 0.5 * np.log(alpha + beta * sigma).sum()
        evidences.append((evidence - beta / 2 * r2 - alpha / 2 * m2 - n / 2 * np.log(2 * np.pi)) / n)
    return float(np.mean(evidences))


def test_where_the_published_code_is_wrong_by_far_this_is_exact():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 200)), rng.integers(3, size=60)
    found = gaussian_evidence(x, np.eye(3)[y], intercept=False)
    exact = [density(x, np.eye(3)[y][:, c], found.alpha[c], found.beta[c], intercept=False) / 60 for c in range(3)]
    assert logme(x, y, intercept=False) == pytest.approx(np.mean(exact), abs=1e-10)
    assert published(x, y) > np.mean(exact) + 3


def test_the_published_code_agrees_where_the_features_have_full_column_rank():
    x, y = made(3, 80, 5)
    # it stops early and adds 1e-5 to its denominators
    assert logme(x, y, intercept=False) == pytest.approx(published(x, y), abs=1e-3)


def test_zero_columns_move_the_published_score():
    x, y = made(5, 100, 20)
    assert abs(published(np.hstack([x, np.zeros((100, 400))]), y) - published(x, y)) > 1
