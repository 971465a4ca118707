"""The proxy A-distance against refits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.scores import proxy_a_distance


def made(seed, n=25, m=40, d=3, shift=0.8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ np.diag([1, 2, 0.5]) + shift


def brute_a_distance(xs, xt):
    rows = np.concatenate([xs, xt])
    side = np.repeat([-1.0, 1.0], [len(xs), len(xt)])
    weights = np.where(side < 0, 0.5 * len(side) / len(xs), 0.5 * len(side) / len(xt))
    results = []
    for lam in lambda_grid(Spectrum.from_rows(rows, side[:, None], weights)):
        left = np.empty(len(rows))
        for i in range(len(rows)):
            keep = np.arange(len(rows)) != i
            left[i] = Ridge(alpha=lam).fit(rows[keep], side[keep], weights[keep]).predict(rows[i : i + 1])[0]
        squared, wrong = (left - side) ** 2, np.sign(left) != side
        source = side < 0
        results.append((squared[source].mean() + squared[~source].mean(), wrong[source].mean() + wrong[~source].mean()))
    return 2 * (1 - 2 * min(min(results)[1] / 2, 0.5))


@pytest.mark.parametrize("seed", range(3))
def test_proxy_a_distance_is_that_of_refits(seed):
    xs, xt = made(seed)
    found = proxy_a_distance(xs, xt)
    assert found == pytest.approx(brute_a_distance(xs, xt), abs=1e-12)
    assert 0 < found < 2


def test_proxy_a_distance_is_not_that_of_the_larger_domain():
    xs, xt = made(0, n=10, m=300, shift=0.0)
    # guessing the larger domain is right for 97 percent of rows, and yet says nothing
    assert proxy_a_distance(xs, xs[:, ::-1].repeat(30, axis=0)) < 0.8
    assert proxy_a_distance(xs, xt + 50) == 2.0


def test_proxy_a_distance_grows_with_the_shift():
    xs, _ = made(0, n=100)
    other = np.random.default_rng(9).normal(size=(100, 3))
    found = [proxy_a_distance(xs, other + shift) for shift in (0.0, 0.5, 1.0, 3.0)]
    assert found == sorted(found)
    assert found[0] < 0.4
    assert proxy_a_distance(xs, other + 3, max_rows=20) > 1.5
