"""GBC against dense covariances, and where published code is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from headstart.scores import gbc
from headstart.scores.gbc import bhattacharyya_distances


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def bhattacharyya(mu1, mu2, cov1, cov2):
    """The textbook distance of two Gaussians by dense covariances."""
    middle = (cov1 + cov2) / 2
    logs = [np.linalg.slogdet(cov)[1] for cov in (middle, cov1, cov2)]
    return (mu1 - mu2) @ np.linalg.solve(middle, mu1 - mu2) / 8 + 0.5 * (logs[0] - 0.5 * logs[1] - 0.5 * logs[2])


@pytest.mark.parametrize("covariance", ["spherical", "diagonal"])
@pytest.mark.parametrize("components", [3, 64])
def test_gbc_is_that_of_dense_covariances(covariance, components):
    x, y = made(1)
    z = PCA(min(components, 8)).fit_transform(x)
    means = [z[y == c].mean(axis=0) for c in range(3)]
    variances = [np.maximum(z[y == c].var(axis=0), 1e-4 * (z**2).mean()) for c in range(3)]
    if covariance == "spherical":
        variances = [np.full(z.shape[1], v.mean()) for v in variances]
    wanted = -sum(
        np.exp(-bhattacharyya(means[i], means[j], np.diag(variances[i]), np.diag(variances[j])))
        for i in range(3)
        for j in range(3)
        if i != j
    )
    assert gbc(x, y, covariance=covariance, components=components) == pytest.approx(wanted, abs=1e-10)
    assert gbc(100 * x, y, covariance=covariance, components=components) == pytest.approx(wanted, abs=1e-10)


def test_the_spherical_distance_has_the_factor_d_that_published_code_lacks():
    rng = np.random.default_rng(0)
    mu1, mu2 = np.zeros(64), 0.1 * rng.normal(size=64)
    v1, v2 = 1.0, 1.6
    middle = (v1 + v2) / 2
    exact = bhattacharyya(mu1, mu2, v1 * np.eye(64), v2 * np.eye(64))
    found = bhattacharyya_distances(np.stack([mu1, mu2]), np.repeat([[v1], [v2]], 64, axis=1))
    assert found[0, 1] == pytest.approx(exact, abs=1e-12)
    without = ((mu1 - mu2) ** 2).sum() / middle / 8 + 0.5 * (np.log(middle) - 0.5 * np.log(v1) - 0.5 * np.log(v2))
    assert exact > 5 * without
