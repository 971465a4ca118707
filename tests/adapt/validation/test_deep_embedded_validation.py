"""Deep embedded validation: agreement with its formula, written with loops."""

from __future__ import annotations

import numpy as np

from headstart.adapt.validation.deep_embedded_validation import deep_embedded_validation


def test_it_agrees_with_the_formula_of_the_paper():
    rng = np.random.default_rng(0)
    losses, weights = rng.exponential(size=60), rng.exponential(size=60)
    n = len(losses)
    weighted = [w * one for w, one in zip(weights, losses, strict=True)]
    mean, middle = sum(weighted) / n, sum(weights) / n
    covariance = sum((a - mean) * (w - middle) for a, w in zip(weighted, weights, strict=True)) / n
    eta = -covariance / (sum((w - middle) ** 2 for w in weights) / n)
    risk = mean + eta * middle - eta
    np.testing.assert_allclose(deep_embedded_validation(losses, weights).mean(), risk, rtol=1e-12)


def test_the_control_variate_lowers_the_variance_and_keeps_the_mean():
    rng = np.random.default_rng(1)
    plain, controlled = [], []
    for _ in range(300):
        weights = rng.exponential(size=50)
        losses = 1.0 + 0.1 * rng.normal(size=50)
        plain.append((weights * losses).mean())
        controlled.append(deep_embedded_validation(losses, weights).mean())
    assert np.var(controlled) < 0.2 * np.var(plain)
    assert abs(np.mean(controlled) - 1.0) < 0.02


def test_equal_weights_give_the_mean_loss():
    losses = np.array([0.5, 1.5])
    np.testing.assert_array_equal(deep_embedded_validation(losses, np.ones(2)), losses)
