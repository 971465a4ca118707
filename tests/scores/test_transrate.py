"""TransRate against determinants."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.scores import transrate


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def rate(z, epsilon):
    n, d = z.shape
    return 0.5 * np.log(np.linalg.det(np.eye(d) + z.T @ z / (n * epsilon)))


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 30)])
def test_transrate_is_that_of_determinants(n, d):
    x, y = made(n, n, d)
    z = x - x.mean(axis=0)
    z /= np.sqrt((z**2).sum() / n)
    wanted = rate(z, 1e-4) - sum((y == c).mean() * rate(z[y == c], 1e-4) for c in range(3))
    assert transrate(x, y) == pytest.approx(wanted, abs=1e-9)
    assert transrate(5 * x + 3, y) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_transrate_is_never_negative_also_where_classes_are_unequal(seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [5, 95])
    x = rng.normal(size=(100, 4)) * np.where(y == 0, 0.01, 1)[:, None]
    assert transrate(x, y) >= 0
    z = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0).sum())
    # with equal weights, as published, rare and narrow classes change the score by as much as it is
    assert rate(z, 1e-4) - (rate(z[y == 0], 1e-4) + rate(z[y == 1], 1e-4)) / 2 > 3 * transrate(x, y)
