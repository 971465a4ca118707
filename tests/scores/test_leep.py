"""LEEP against loops, and beside NCE."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.scores import leep, nce


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


@pytest.mark.parametrize("seed", range(20))
def test_leep_is_at_least_nce_and_the_mean_log_confidence(seed):
    theta, y = made(seed, peak=seed / 4)
    assert 0 >= leep(theta, y) >= nce(theta.argmax(axis=1), y) + np.log(theta.max(axis=1)).mean() - 1e-12


def test_both_agree_where_the_source_is_certain():
    z, y = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 0, 2, 2])
    assert leep(np.eye(4)[z], y) == pytest.approx(nce(z, y), abs=1e-12)


def test_rows_that_are_no_probabilities_are_refused():
    with pytest.raises(DataError, match="Row 1 has the minimum -1 and the sum 1; apply a softmax first"):
        leep([[0.5, 0.5], [2.0, -1.0]], [0, 1])
    with pytest.raises(DataError, match="sum 3"):
        leep([[1.0, 2.0], [2.0, 1.0]], [0, 1])
    with pytest.raises(ParameterError, match="'source_labels'"):
        nce([0.5, 1.0], [0, 1])


def test_float32_probabilities_are_taken():
    theta, y = made(0)
    assert leep(theta.astype(np.float32), y) == pytest.approx(leep(theta, y), abs=1e-6)
