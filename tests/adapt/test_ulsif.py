"""uLSIF: the closed-form leave-one-out error against refits, and weights near the true ratio."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.adapt import ULSIF
from headstart.adapt.ulsif import left_out_error
from headstart.errors import DataError


@pytest.mark.parametrize(("n", "m"), [(7, 9), (9, 7), (8, 8)])
@pytest.mark.parametrize("lam", [1e-3, 1.0])
def test_the_left_out_error_is_that_of_refits(n, m, lam):
    rng = np.random.default_rng(0)
    source, target = rng.random((n, 4)), rng.random((m, 4))
    k = min(n, m)
    squares, ratios = [], []
    for i in range(k):
        own, other = np.delete(source, i, axis=0), np.delete(target, i, axis=0)
        theta = np.linalg.solve(own.T @ own / (n - 1) + lam * np.eye(4), other.mean(axis=0)).clip(0)
        squares.append((source[i] @ theta) ** 2)
        ratios.append(target[i] @ theta)
    assert left_out_error(source, target, lam) == pytest.approx(
        np.mean(squares) / 2 - np.mean(ratios), rel=1e-8, abs=1e-12
    )


def test_the_weights_are_near_the_true_ratio():
    rng = np.random.default_rng(0)
    xs, xt = rng.normal(size=(500, 1)), 0.6 + 0.8 * rng.normal(size=(500, 1))
    found = ULSIF().fit(xs, xt)
    truth = np.exp(-((xs[:, 0] - 0.6) ** 2) / (2 * 0.64) + xs[:, 0] ** 2 / 2) / 0.8
    assert np.corrcoef(found.weights, truth)[0, 1] > 0.9
    assert abs(np.average(xs[:, 0], weights=found.weights) - 0.6) < 0.2
    assert found.lam in found.lambdas


def test_domains_without_overlap_are_refused():
    rng = np.random.default_rng(0)
    xs = np.r_[rng.normal(size=(99, 2)), [[8.0, 8.0]]]
    with pytest.raises(DataError, match="label target rows"):
        ULSIF().fit(xs, 8 + 0.1 * rng.normal(size=(50, 2)))
