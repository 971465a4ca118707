"""The Fréchet distance against scipy's matrix square root, and its covariances against scikit-learn."""

from __future__ import annotations

import numpy as np
from scipy.linalg import sqrtm
from sklearn.covariance import LedoitWolf

from headstart.evaluate.shift.frechet_distance import frechet_distances, shrunken_covariances
from headstart.evaluate.shift.pooled import pooled_rows


def test_each_subset_has_the_covariance_of_ledoit_and_wolf():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5))
    weights = (rng.random((40, 3)) < 0.4) * 1.0
    means, found = shrunken_covariances(rows, weights)
    for side, mean, covariance in zip(weights.T, means, found, strict=True):
        expected = LedoitWolf().fit(rows[side == 1])
        np.testing.assert_allclose(mean, expected.location_, atol=1e-12)
        np.testing.assert_allclose(covariance, expected.covariance_, atol=1e-10)


def test_it_equals_the_formula_with_a_matrix_square_root():
    rng = np.random.default_rng(1)
    pooled = pooled_rows(rng.normal(size=(30, 4)), rng.normal(size=(20, 4)) * 2 + 1)
    # all directions count here, so a rotation of the columns changes nothing
    one, two = (LedoitWolf().fit(pooled.rows[side]) for side in (~pooled.new, pooled.new))
    root = sqrtm(one.covariance_ @ two.covariance_)
    expected = ((one.location_ - two.location_) ** 2).sum()
    expected += np.trace(one.covariance_ + two.covariance_ - 2 * root.real)
    np.testing.assert_allclose(frechet_distances(pooled, pooled.new[:, None] * 1.0), expected, rtol=1e-9)


def test_more_columns_than_rows():
    rng = np.random.default_rng(2)
    pooled = pooled_rows(rng.normal(size=(12, 50)), rng.normal(size=(8, 50)) + 1)
    mixed = np.tile([0.0, 1.0], 10)
    found = frechet_distances(pooled, np.stack([pooled.new * 1.0, mixed], axis=1))
    assert found[0] > found[1] > 0
