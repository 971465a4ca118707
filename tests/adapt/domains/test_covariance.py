"""Shrunk covariances: agreement with scikit-learn; powers."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import domains
from sklearn.covariance import ledoit_wolf_shrinkage

from headstart.adapt.domains.covariance import ledoit_wolf, power


def test_ledoit_wolf_agrees_with_scikit_learn():
    xs, _, xt = domains()
    for rows in (xs, xt, xs[:3], np.random.default_rng(1).normal(size=(8, 20))):
        z = rows - rows.mean(axis=0)
        own = ledoit_wolf(z, np.full(len(z), 1 / len(z)), z.shape[1])
        assert own == pytest.approx(ledoit_wolf_shrinkage(rows), abs=1e-12)


def test_powers_multiply_to_the_matrix():
    matrix = np.cov(domains()[0].T)
    np.testing.assert_allclose(power(matrix, 0.5) @ power(matrix, 0.5), matrix, atol=1e-12)
    np.testing.assert_allclose(power(matrix, -0.5) @ matrix @ power(matrix, -0.5), np.eye(4), atol=1e-10)
