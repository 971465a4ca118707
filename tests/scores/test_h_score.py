"""The H-score against canonical correlations and dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from headstart.linear.spectrum import Spectrum
from headstart.scores import h_score
from headstart.scores.h_score import ledoit_wolf_share


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def canonical(x, y, classes):
    """Sum of squared canonical correlations by orthonormal bases of both column spaces."""
    q_x = np.linalg.qr(x - x.mean(axis=0))[0]
    one_hot = np.eye(classes)[y]
    q_y = np.linalg.svd(one_hot - one_hot.mean(axis=0), full_matrices=False)[0][:, : classes - 1]
    return (np.linalg.svd(q_x.T @ q_y, compute_uv=False) ** 2).sum()


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_h_score_is_the_sum_of_squared_canonical_correlations(classes):
    x, y = made(classes, classes=classes)
    assert h_score(x, y, shrinkage=0) == pytest.approx(canonical(x, y, classes), abs=1e-10)


def test_plain_h_score_saturates_where_rows_are_few_and_the_shrunk_one_does_not():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 50)), np.tile([0, 1, 2], 10)
    assert h_score(x, y, shrinkage=0) == pytest.approx(2, abs=1e-10)
    assert h_score(x, y) < 0.5


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 40)])
def test_shrunk_h_score_is_that_of_dense_matrices(n, d):
    x, y = made(d, n, d)
    centred = x - x.mean(axis=0)
    shrunk, share = ledoit_wolf(centred, assume_centered=True)
    means = np.stack([centred[y == c].mean(axis=0) for c in range(3)])[y]
    wanted = np.trace(np.linalg.solve(shrunk, (1 - share) * means.T @ means / n))
    assert ledoit_wolf_share(Spectrum.from_rows(x, np.zeros((n, 1))), x) == pytest.approx(share, abs=1e-12)
    assert h_score(x, y) == pytest.approx(wanted, abs=1e-10)
