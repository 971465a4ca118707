"""The maximum mean discrepancy against double loops, and its p-values."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.scores import maximum_mean_discrepancy


def made(seed, n=25, m=40, d=3, shift=0.8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ np.diag([1, 2, 0.5]) + shift


def kernel(a, b, h):
    return np.exp(-((a - b) ** 2).sum() / (2 * h * h))


def test_discrepancy_is_that_of_double_loops():
    xs, xt = made(1)
    pooled = np.concatenate([xs, xt])
    pairs = [np.linalg.norm(pooled[i] - pooled[j]) for i in range(len(pooled)) for j in range(i)]
    h = np.median(pairs)
    n, m = len(xs), len(xt)
    wanted = sum(kernel(xs[i], xs[j], h) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    wanted += sum(kernel(xt[i], xt[j], h) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    wanted -= 2 * np.mean([kernel(a, b, h) for a in xs for b in xt])
    found = maximum_mean_discrepancy(xs, xt)
    assert found.bandwidth == pytest.approx(h, rel=1e-12)
    assert found.squared == pytest.approx(wanted, abs=1e-12)


def test_discrepancy_is_unbiased_and_its_p_values_are_uniform_where_domains_are_the_same():
    rng = np.random.default_rng(0)
    found = [
        maximum_mean_discrepancy(rng.normal(size=(20, 2)), rng.normal(size=(15, 2)), permutations=99, seed=i)
        for i in range(100)
    ]
    squared = np.array([f.squared for f in found])
    assert abs(squared.mean()) < 3 * squared.std() / 10
    assert min(squared) < 0
    p = np.array([f.p_value for f in found])
    assert 0.3 < (p <= 0.5).mean() < 0.7
    assert (p <= 0.05).mean() < 0.15


def test_a_shift_has_the_least_p_value_that_there_is():
    xs, xt = made(2, shift=5.0)
    assert maximum_mean_discrepancy(xs, xt, permutations=199).p_value == 1 / 200
    part = maximum_mean_discrepancy(xs, xt, max_rows=10, bandwidth=2.0)
    assert part.bandwidth == 2.0
    assert part.squared > 0.5
