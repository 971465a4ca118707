"""Nonconformity scores, against their definitions for one label at a time."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.linear.conformity import aps, lac, ordinal_aps, raps

P = np.random.default_rng(0).dirichlet(np.ones(6), size=(7, 3))
U = np.random.default_rng(1).uniform(size=(7, 3))


def test_lac_is_the_missing_probability():
    np.testing.assert_array_equal(lac(P), 1 - P)


@pytest.mark.parametrize(("penalty", "rank"), [(0.0, 5), (0.1, 2)])
def test_aps_and_raps_sum_the_more_probable_labels(penalty, rank):
    found = raps(P, U, penalty=penalty, rank=rank)
    for place in np.ndindex(P.shape):
        row, u = P[place[:2]], U[place[:2]]
        above = row > row[place[2]]
        wanted = row[above].sum() + u * row[place[2]] + penalty * max(above.sum() + 1 - rank, 0)
        assert found[place] == pytest.approx(wanted, abs=1e-15)
    if not penalty:
        np.testing.assert_array_equal(found, aps(P, U))


def test_ordinal_sets_have_no_gaps_and_grow_with_the_level():
    score = ordinal_aps(P, U).reshape(-1, 6)
    for level in np.linspace(0, 1, 30):
        for row in score <= level:
            chosen = np.flatnonzero(row)
            assert len(chosen) == 0 or np.array_equal(chosen, np.arange(chosen[0], chosen[-1] + 1))
    assert score.max() <= 1 + 1e-12


def test_ordinal_scores_equal_the_greedy_run_of_one_row():
    row = np.array([0.3, 0.1, 0.6, 0.0])
    np.testing.assert_allclose(ordinal_aps(row, 0.5), [0.85, 0.65, 0.3, 1.0])
