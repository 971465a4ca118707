"""I-optimal design: exact against refits with each candidate added, and spread by construction."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.linear import Moments
from headstart.linear.optimal_design import VarianceFactor, greedy_design


def variances(x: np.ndarray, z: np.ndarray, lam: float) -> np.ndarray:
    """Predictive variances at z by brute force: the inverse of the penalised normal equations with an intercept."""
    design = np.column_stack([np.ones(len(x)), x])
    penalty = lam * np.eye(design.shape[1])
    penalty[0, 0] = 0
    inverse = np.linalg.inv(design.T @ design + penalty)
    new = np.column_stack([np.ones(len(z)), z])
    return np.einsum("ij,jk,ik->i", new, inverse, new)


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 5)) + 3, rng.normal(size=(30, 5)) * [3, 1, 1, 0.3, 0.1] + 3


def factor(x: np.ndarray, lam: float) -> VarianceFactor:
    return VarianceFactor.of(Moments.from_rows(x, np.zeros((len(x), 1))), lam)


def test_the_factor_gives_the_variances_of_the_normal_equations(rows):
    x, pool = rows
    phi = factor(x, 0.7)(pool)
    assert (phi**2).sum(axis=1) == pytest.approx(variances(x, pool, 0.7), rel=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_choice_is_the_best_of_all_refits(rows, weighted):
    x, pool = rows
    lam, rng = 0.7, np.random.default_rng(1)
    weights = rng.random(30) if weighted else np.ones(30)
    prefer = rng.random(30) if weighted else np.ones(30)
    found = greedy_design(factor(x, lam)(pool), 6, weights=weights, preference=prefer)
    known, left = x, list(range(30))
    for chosen, fall in zip(found.index, found.reduction, strict=True):
        now = np.average(variances(known, pool, lam), weights=weights)
        falls = [now - np.average(variances(np.vstack([known, pool[i]]), pool, lam), weights=weights) for i in left]
        assert left[int(np.argmax(falls * prefer[left]))] == chosen
        assert fall == pytest.approx(falls[left.index(chosen)], rel=1e-8)
        known = np.vstack([known, pool[chosen]])
        left.remove(chosen)
    assert found.before * (1 - found.share) == pytest.approx(
        np.average(variances(known, pool, lam), weights=weights), rel=1e-8
    )


def test_reference_rows_may_be_others_than_the_candidates(rows):
    x, pool = rows
    of = factor(x, 0.7)
    found = greedy_design(of(pool[:10]), 1, reference=of(pool[10:]))
    falls = [
        variances(x, pool[10:], 0.7).mean() - variances(np.vstack([x, row]), pool[10:], 0.7).mean() for row in pool[:10]
    ]
    assert found.index[0] == int(np.argmax(falls))
    assert found.reduction[0] == pytest.approx(max(falls))


def test_a_copy_of_a_chosen_row_is_worth_less_than_what_is_new(rows):
    x, pool = rows
    of = factor(x[:2], 1e-3)
    copies = np.vstack([np.repeat(pool[:1], 10, axis=0), pool[1:4]])
    chosen = greedy_design(of(copies), 4, reference=of(pool[:4])).index
    assert sum(i < 10 for i in chosen) == 1


def test_limits_close_a_group_that_was_chosen_often_enough(rows):
    x, pool = rows
    groups = np.arange(30) // 10
    found = greedy_design(factor(x, 0.7)(pool), 30, limits=[(groups, 2)])
    assert np.bincount(groups[found.index]).tolist() == [2, 2, 2]


def test_what_does_not_fit_is_refused(rows):
    x, pool = rows
    with pytest.raises(ParameterError, match="lam"):
        factor(x, 0.0)
    with pytest.raises(ParameterError, match="weights"):
        greedy_design(pool, 1, weights=[1.0])
    with pytest.raises(ParameterError, match="preference"):
        greedy_design(pool, 1, preference=-np.ones(30))
    with pytest.raises(ParameterError, match="count"):
        greedy_design(pool, 0)
