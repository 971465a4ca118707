"""Intervals of shares against scipy, brute force and their promised coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from headstart.errors import ParameterError
from headstart.evaluate.intervals.shares import (
    auc_interval,
    effective_size,
    f1_bounds,
    mean_bounds,
    paired_shares,
    share_bounds,
)

Z = norm.ppf(0.975)


@pytest.mark.parametrize(("right", "n"), [(8, 8), (0, 8), (3, 8), (399, 400), (1, 1)])
def test_share_of_items_is_scipys_wilson(right, n):
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    found = share_bounds(np.arange(n) < right)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-14)


def test_effective_size_is_the_design_effect_by_hand():
    hits, groups = np.array([1, 1, 0, 1, 0, 0, 0, 1.0]), np.array(list("aabbbccc"))
    share = hits.mean()
    sums = [sum(h - share for h, g in zip(hits, groups, strict=True) if g == name) for name in "abc"]
    variance = 3 / 2 * sum(s * s for s in sums) / 64
    from scipy.stats import t

    assert effective_size(hits, groups) == pytest.approx(
        min(8, share * (1 - share) / variance) * (Z / t.ppf(0.975, 2)) ** 2
    )


def test_groups_that_move_together_count_as_one_item_each():
    hits = np.repeat(np.arange(30) % 3 > 0, 10)
    low, high = share_bounds(hits, np.repeat(np.arange(30), 10))
    alone = share_bounds(np.arange(30) % 3 > 0)
    assert low == pytest.approx(alone[0], abs=0.02)
    assert high == pytest.approx(alone[1], abs=0.02)
    assert share_bounds(np.ones(300), np.repeat(np.arange(30), 10)) == share_bounds(np.ones(30))
    assert np.isnan(share_bounds(np.ones(5), ["one"] * 5)).all()


def test_shares_of_groups_cover():
    random, held = np.random.default_rng(0), 0
    for _ in range(400):
        rate = random.beta(4, 1, size=15)  # of mean 0.8, one for each group
        hits = random.uniform(size=(15, 8)) < rate[:, None]
        low, high = share_bounds(hits.ravel(), np.repeat(np.arange(15), 8))
        held += low <= 0.8 <= high
    assert 0.92 < held / 400 < 0.985


def test_f1_is_the_transformed_share():
    for correct, total in ((8, 8), (0, 5), (3, 11)):
        share = binomtest(correct, total).proportion_ci(method="wilson")
        expected = [2 * bound / (1 + bound) for bound in (share.low, share.high)]
        assert f1_bounds(correct, total) == pytest.approx(expected, abs=1e-14)
    assert np.isnan(f1_bounds(0, 0)).all()


def test_mean_of_values_adds_distances_like_standard_errors():
    lows, highs = [0.5, 0.7], [0.8, 1.0]
    assert mean_bounds([0.6, 0.9], lows, highs) == pytest.approx(
        (0.75 - math.hypot(0.1, 0.2) / 2, 0.75 + math.hypot(0.2, 0.1) / 2)
    )
    assert mean_bounds([0.6, 0.9], lows, highs, 1.0) == pytest.approx((0.6, 0.9))  # the mean of the bounds
    assert mean_bounds([1.0], [math.nan], [math.nan]) == (0.0, 1.0)
    assert np.isnan(mean_bounds([], [], [])).all()


@pytest.mark.parametrize(("area", "m", "n"), [(1.0, 10, 10), (0.0, 10, 10), (0.7, 5, 30), (0.95, 100, 20)])
def test_area_bounds_solve_newcombes_equation(area, m, n):
    """Against a search over a fine grid of θ for |area - θ| <= z √V(θ)."""
    theta = np.linspace(0, 1, 200_001)
    middle = (m + n) / 2 - 1
    variance = theta * (1 - theta) * (1 + middle * (1 - theta) / (2 - theta) + middle * theta / (1 + theta)) / (m * n)
    inside = theta[np.abs(area - theta) <= Z * np.sqrt(variance) + 1e-15]
    assert auc_interval(area, m, n) == pytest.approx((inside.min(), inside.max()), abs=1e-5)


def test_area_without_positives_has_no_interval():
    assert np.isnan(auc_interval(math.nan, 0, 5)).all()


def newcombe(a, b, c, d):
    """Method 10 of Newcombe (1998) from the four counts, written out."""
    n = a + b + c + d
    (l1, u1), (l2, u2) = (
        (interval.low, interval.high)
        for interval in (binomtest(k, n).proportion_ci(method="wilson") for k in (a + b, a + c))
    )
    p1, p2 = (a + b) / n, (a + c) / n
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    phi = 0 if product == 0 else (max(excess - n / 2, 0) if excess > 0 else excess) / math.sqrt(product)
    low = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    high = math.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    return p1 - p2 - low, p1 - p2 + high


@pytest.mark.parametrize("counts", [(36, 12, 2, 0), (1, 1, 7, 12), (14, 5, 0, 22), (40, 0, 0, 0), (70, 0, 0, 30)])
def test_paired_shares_is_newcombes_method_10(counts):
    a, b, c, d = counts
    left, right = np.repeat([1, 1, 0, 0], [a, b, c, d]), np.repeat([1, 0, 1, 0], [a, b, c, d])
    assert paired_shares(left, right) == pytest.approx(newcombe(*counts), abs=1e-12)


def test_paired_shares_cover():
    random, held = np.random.default_rng(1), 0
    for _ in range(500):
        kind = random.choice(4, size=40, p=[0.85, 0.08, 0.02, 0.05])
        low, high = paired_shares(kind < 2, (kind == 0) | (kind == 2))
        held += low <= 0.06 <= high
    assert 0.92 < held / 500 <= 1


def test_paired_shares_of_groups_are_wider():
    left, right = np.repeat(np.arange(20) < 15, 10), np.repeat(np.arange(20) % 2 == 0, 10)
    plain, grouped = paired_shares(left, right), paired_shares(left, right, np.arange(200) // 10)
    assert grouped[1] - grouped[0] > 2 * (plain[1] - plain[0])
    assert paired_shares(np.ones(40), np.ones(40), np.arange(40) // 4) == paired_shares(np.ones(10), np.ones(10))
    assert np.isnan(paired_shares([1], [0])).all()


def test_paired_shares_refuses_unequal_sides():
    with pytest.raises(ParameterError, match=r"\(3,\) and \(2,\)"):
        paired_shares([1, 0, 1], [1, 0])
