"""MMD against its definition, pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from headstart.evaluate.shift.maximum_mean_discrepancy import WIDTHS, gaussian_kernel, mmd_of_kernel
from headstart.evaluate.shift.pooled import pooled_rows


def brute(x, y, kernel):
    def mean(pairs):
        return np.mean([kernel(a, b) for a, b in pairs])

    within = [mean([(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]) for z in (x, y)]
    return sum(within) - 2 * mean([(a, b) for a in x for b in y])


def test_it_equals_the_loops_over_all_pairs():
    rng = np.random.default_rng(0)
    reference, new = rng.normal(size=(9, 4)), rng.normal(size=(6, 4)) + 0.7
    both = np.concatenate([reference, new])
    scaled = (both - both.mean(axis=0)) / both.std(axis=0)
    median = np.median([((a - b) ** 2).sum() for a, b in combinations(scaled, 2)])

    def kernel(a, b):
        return np.mean([np.exp(-((a - b) ** 2).sum() / (2 * width * median)) for width in WIDTHS])

    pooled = pooled_rows(reference, new)
    side = np.array([0, 1] * 7 + [0], float)
    found = mmd_of_kernel(gaussian_kernel(pooled), np.stack([pooled.new * 1.0, side], axis=1))
    assert found[0] == pytest.approx(brute(scaled[:9], scaled[9:], kernel), abs=1e-12)
    assert found[1] == pytest.approx(brute(scaled[side == 0], scaled[side == 1], kernel), abs=1e-12)


def test_equal_rows_have_no_discrepancy():
    pooled = pooled_rows(np.ones((3, 2)), np.ones((4, 2)))
    assert mmd_of_kernel(gaussian_kernel(pooled), pooled.new[:, None] * 1.0)[0] == pytest.approx(0, abs=1e-12)
