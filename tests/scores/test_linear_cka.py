"""Linear CKA against centred Gram matrices and unbiased estimates."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.scores import label_cka, linear_cka


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def test_cka_is_that_of_centred_grams():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(30, 4)) + 5, rng.normal(size=(30, 50))
    centring = np.eye(30) - 1 / 30
    k, m = centring @ x @ x.T @ centring, centring @ z @ z.T @ centring
    wanted = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(x, z) == pytest.approx(wanted, abs=1e-12)


def unbiased_hsic(k, m):
    """Song et al. 2012, equation 5, with Gram matrices that are not centred."""
    n = len(k)
    k, m, ones = k - np.diag(np.diag(k)), m - np.diag(np.diag(m)), np.ones(n)
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + middle - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3))


def test_debiased_cka_is_that_of_unbiased_estimates():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4)) + 1
    z = x @ rng.normal(size=(4, 20)) + rng.normal(size=(30, 20))
    k, m = x @ x.T, z @ z.T
    wanted = unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))
    assert linear_cka(x, z, debiased=True) == pytest.approx(wanted, abs=1e-12)


def test_debiased_cka_of_what_has_nothing_in_common_is_near_zero():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(20, 100)) + 9, rng.normal(size=(20, 100))) for _ in range(10)]
    assert abs(np.mean([linear_cka(x, z, debiased=True) for x, z in pairs])) < 0.1
    assert min(linear_cka(x, z) for x, z in pairs) > 0.5
    x, y = made(0, spread=0)
    assert abs(label_cka(x, y)) < 0.1
