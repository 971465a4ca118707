"""PARC against Spearman's correlation of both matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from headstart.errors import DataError
from headstart.scores import parc


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def test_parc_is_spearman_s_correlation_of_both_matrices():
    for seed, d in ((0, 8), (1, 50)):
        x, y = made(seed, d=d)
        z = PCA(min(32, d)).fit_transform(x)
        z /= z.std(axis=0)
        upper = np.triu_indices(60, 1)
        labels = (1 - np.corrcoef(np.eye(3)[y]))[upper].round(9)  # or rounding breaks ties between equal labels
        wanted = spearmanr((1 - np.corrcoef(z))[upper], labels)[0]
        assert parc(x, y) == pytest.approx(wanted, abs=1e-10)


def test_parc_draws_rows_where_there_are_many():
    x, y = made(0, n=200, spread=3)
    assert parc(x, y, max_rows=100, seed=1) == parc(x, y, max_rows=100, seed=1)
    assert parc(x, y, max_rows=100) == pytest.approx(parc(x, y), abs=0.1)
    with pytest.raises(DataError, match="at least two rows"):
        parc(x[:3], np.arange(3))
