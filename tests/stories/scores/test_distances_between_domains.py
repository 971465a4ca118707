"""Distances between domains against refits, loops and matrix roots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.linear_model import Ridge

from headstart.errors import DataError, ParameterError
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.scores import frechet_distance, maximum_mean_discrepancy, proxy_a_distance


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


def test_frechet_distance_is_that_of_a_matrix_root():
    xs, xt = made(3)
    cs, ct = np.cov(xs.T), np.cov(xt.T)
    wanted = ((xs.mean(axis=0) - xt.mean(axis=0)) ** 2).sum() + np.trace(cs + ct - 2 * np.real(sqrtm(cs @ ct)))
    assert frechet_distance(xs, xt) == pytest.approx(wanted, rel=1e-11)
    assert frechet_distance(xt, xs) == pytest.approx(wanted, rel=1e-11)


def test_frechet_distance_of_fewer_rows_than_features():
    rng = np.random.default_rng(0)
    xs, xt = rng.normal(size=(6, 20)), rng.normal(size=(8, 20))
    values, vectors = np.linalg.eigh(np.cov(xs.T))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ np.cov(xt.T) @ root), 0)).sum()
    wanted = ((xs.mean(axis=0) - xt.mean(axis=0)) ** 2).sum() + np.trace(np.cov(xs.T) + np.cov(xt.T)) - 2 * shared
    assert frechet_distance(xs, xt) == pytest.approx(wanted, rel=1e-6)  # roots of rounding, 1e-16, are 1e-8
    assert frechet_distance(xs, xs) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("distance", [proxy_a_distance, maximum_mean_discrepancy, frechet_distance])
def test_bad_domains_are_refused_and_good_ones_are_left_as_they_are(distance):
    xs, xt = made(0)
    kept = xs.copy(), xt.copy()
    distance(xs, xt)
    distance(xs.astype(np.float32), xt.astype(np.float32))
    assert (xs == kept[0]).all()
    assert (xt == kept[1]).all()
    with pytest.raises(ParameterError, match=r"'xt' parameter of .* must be an array \(n, 3\)"):
        distance(xs, xt[:, :2])
    with pytest.raises(DataError, match="needs 2 rows or more"):
        distance(xs[:1], xt)
    with pytest.raises(DataError, match="Row 2 of the features holds a NaN"):
        distance(np.where(np.arange(25)[:, None] == 2, np.nan, xs), xt)


def test_domains_without_any_spread():
    same = np.ones((5, 2))
    assert proxy_a_distance(same, same) == 0.0
    assert proxy_a_distance(same, 2 * same) == 2.0
    assert frechet_distance(same, 2 * same) == 2.0
    with pytest.raises(DataError, match="half of all pairs are the same"):
        maximum_mean_discrepancy(same, same)
