"""Single groups against the reference: which are named, and how often one is named wrongly."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluate.shift.group_tests import group_shifts
from headstart.evaluate.shift.maximum_mean_discrepancy import gaussian_kernel, mmd_of_kernel
from headstart.evaluate.shift.pooled import pooled_rows


def grouped(rng, groups, size=6, moved=()):
    return np.concatenate([rng.normal(size=(size, 3)) + rng.normal(size=3) + 5 * (k in moved) for k in range(groups)])


def test_groups_of_the_reference_say_how_much_groups_differ():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(40), 6)
    pooled = pooled_rows(grouped(rng, 40), grouped(rng, 3, moved=(2,)))
    kernel = gaussian_kernel(pooled)
    found = {one.name: one for one in group_shifts(kernel, pooled.new, list("a" * 6 + "b" * 6 + "c" * 6), codes)}
    assert found["c"].p_value == pytest.approx(1 / 41)
    assert min(found["a"].p_value, found["b"].p_value) > 0.05
    members = np.r_[np.arange(240), np.arange(252, 258)]
    side = (np.arange(246) >= 240)[:, None] * 1.0
    assert found["c"].mmd == pytest.approx(mmd_of_kernel(kernel[np.ix_(members, members)], side)[0])
    # taken as single items, groups that differ as groups do look shifted
    alone = group_shifts(kernel, pooled.new, ["a"] * 6 + ["b"] * 6 + ["c"] * 6, permutations=99)
    assert alone[0].p_holm == pytest.approx(0.03)


def test_groups_of_one_or_two_items_are_not_tested():
    pooled = pooled_rows(np.random.default_rng(0).normal(size=(10, 2)), np.zeros((3, 2)))
    assert group_shifts(gaussian_kernel(pooled), pooled.new, ["a", "a", "b"]) == ()
