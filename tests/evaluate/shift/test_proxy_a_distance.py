"""Left-out predictions of the domain classifier against refits."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluate.shift.pooled import pooled_rows
from headstart.evaluate.shift.proxy_a_distance import PENALTIES, left_out_domain_scores, proxy_a_distance


def refitted(rows, side, units, penalty):
    """Predictions of ridge fits, with an intercept that is not penalised, without each unit."""
    found = np.empty(len(side))
    x = np.column_stack([np.ones(len(rows)), rows])
    ridge = np.diag([0.0] + [penalty] * rows.shape[1])
    for unit in np.unique(units):
        out = units == unit
        weights = np.linalg.solve(x[~out].T @ x[~out] + ridge, x[~out].T @ side[~out])
        found[out] = x[out] @ weights
    return found


@pytest.mark.parametrize("groups", [None, (np.arange(24) // 3, np.arange(12) // 2)])
def test_left_out_predictions_are_those_of_refits(groups):
    rng = np.random.default_rng(0)
    pooled = pooled_rows(rng.normal(size=(24, 5)), rng.normal(size=(12, 5)) + 1, groups=groups)
    units = np.arange(36) if pooled.units is None else pooled.units
    mixed = (units % 2).astype(float)
    sides = np.stack([pooled.new * 1.0, mixed], axis=1)
    scores, losses = left_out_domain_scores(pooled, sides)
    mean = np.mean(np.linalg.svd(pooled.rows, compute_uv=False) ** 2)
    for side, score, loss in zip(sides.T, scores.T, losses, strict=True):
        candidates = [refitted(pooled.rows, side, units, mean * penalty) for penalty in PENALTIES]
        best = min(candidates, key=lambda one: np.mean((one - side) ** 2))
        np.testing.assert_allclose(score, best, atol=1e-10)
        assert loss == pytest.approx(np.mean((best - side) ** 2))


def test_it_is_0_without_a_shift_and_2_where_every_row_can_be_told():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 6))
    none, all_told = (
        proxy_a_distance(pooled_rows(rows[:250], rows[250:])),
        proxy_a_distance(pooled_rows(rows[:250], rows[250:] + 8)),
    )
    assert none.low == 0
    assert none.value < 0.4
    assert all_told.value == 2
    assert 1.7 < all_told.low < 2
    assert all_told.error == 0
