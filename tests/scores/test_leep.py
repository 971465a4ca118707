"""LEEP, NCE and N-LEEP against loops, counts and each other."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from headstart.errors import DataError, ParameterError
from headstart.scores import leep, n_leep, nce


def made(seed, n=50, classes=3, source=7, peak=3.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[:classes] = np.arange(classes)
    logits = peak * rng.normal(size=(n, source)) + 2 * np.eye(source)[y]
    theta = np.exp(logits)
    return theta / theta.sum(axis=1, keepdims=True), y


def brute_leep(theta, y):
    n, source = theta.shape
    total = 0.0
    for i in range(n):
        inner = 0.0
        for z in range(source):
            joint = sum(theta[j, z] for j in range(n) if y[j] == y[i]) / n
            inner += joint / (sum(theta[j, z] for j in range(n)) / n) * theta[i, z]
        total += log(inner)
    return total / n


@pytest.mark.parametrize("seed", range(5))
def test_leep_is_that_of_loops(seed):
    theta, y = made(seed)
    assert leep(theta, y) == pytest.approx(brute_leep(theta, y), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_nce_is_that_of_counts(seed):
    theta, y = made(seed)
    z = theta.argmax(axis=1)
    wanted = -sum((z == label).mean() * entropy(np.bincount(y[z == label])) for label in np.unique(z))
    assert nce(z, y) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_leep_is_at_least_nce_and_the_mean_log_confidence(seed):
    theta, y = made(seed, peak=seed / 4)
    assert 0 >= leep(theta, y) >= nce(theta.argmax(axis=1), y) + np.log(theta.max(axis=1)).mean() - 1e-12


def test_both_agree_where_the_source_is_certain():
    z, y = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 0, 2, 2])
    assert leep(np.eye(4)[z], y) == pytest.approx(nce(z, y), abs=1e-12)


def test_rows_that_are_no_probabilities_are_refused():
    with pytest.raises(DataError, match="Row 1 has the least value -1 and the sum 1; apply a softmax"):
        leep([[0.5, 0.5], [2.0, -1.0]], [0, 1])
    with pytest.raises(DataError, match="sum 3"):
        leep([[1.0, 2.0], [2.0, 1.0]], [0, 1])
    with pytest.raises(ParameterError, match="'source_labels'"):
        nce([0.5, 1.0], [0, 1])


def test_float32_probabilities_are_taken():
    theta, y = made(0)
    assert leep(theta.astype(np.float32), y) == pytest.approx(leep(theta, y), abs=1e-6)


def test_n_leep_is_leep_of_sklearn_s_mixture():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    x = rng.normal(size=(120, 5)) * [5, 3, 1, 1, 0.1] + 2 * y[:, None]
    energy = np.cumsum(PCA().fit(x).explained_variance_ratio_)
    z = PCA(int(np.argmax(energy >= 0.8)) + 1).fit_transform(x)
    posterior = GaussianMixture(10, covariance_type="diag", random_state=4).fit(z / z.std(axis=0)[0])
    # principal components are free in their signs, which the start of a mixture does not see
    wanted = leep(posterior.predict_proba(z / z.std(axis=0)[0]), y)
    found = n_leep(x, y, seed=4)
    assert found == n_leep(x, y, seed=4)
    assert found == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_n_leep_of_features_that_decide_the_class_is_near_zero(covariance):
    y = np.repeat([0, 1, 2], 40)
    x = 20 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(120, 3))
    assert n_leep(x, y, covariance=covariance, components=3) > -1e-3
    assert n_leep(x, np.random.default_rng(1).permutation(y), covariance=covariance) < -0.5


def test_n_leep_of_duplicates_needs_no_convergence():
    assert n_leep(np.repeat(np.eye(2), 10, axis=0), np.repeat([0, 1], 10)) == pytest.approx(0, abs=1e-6)
