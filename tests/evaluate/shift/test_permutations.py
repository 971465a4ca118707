"""Random assignments, and p-values that hold their level whatever the statistics."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.evaluate.shift.permutations import assignments, permutation_p_values


def test_units_are_reassigned_whole_and_keep_their_number():
    new, units = np.array([0, 0, 0, 0, 1, 1, 1], bool), np.array([0, 0, 1, 2, 3, 3, 4])
    sides = assignments(new, units=units, count=50)
    assert (sides[:, 0] == new).all()
    for unit in range(5):
        assert (sides[units == unit] == sides[units == unit][0]).all()
    first = np.unique(units, return_index=True)[1]
    assert (sides[first].sum(axis=0) == 2).all()
    assert len(np.unique(sides, axis=1).T) == 10  # all 5 choose 2 assignments occur


def test_a_unit_in_both_samples_is_refused():
    with pytest.raises(ParameterError, match="one lies in both"):
        assignments(np.array([False, True]), units=np.array([0, 0]))


def test_p_values_are_those_of_counting():
    values = np.random.default_rng(0).integers(0, 6, size=(40, 3)).astype(float)
    each, together = permutation_p_values(values)
    counted = np.array([[(values[:, k] >= values[b, k]).mean() for k in range(3)] for b in range(40)])
    np.testing.assert_allclose(each, counted[0])
    assert together == pytest.approx(np.mean(counted.min(axis=1) <= counted[0].min()))


def test_rounding_does_not_tell_equal_statistics_apart():
    values = np.full((20, 1), 0.1 + 0.2)
    values[0] = 0.3
    assert permutation_p_values(values)[1] == 1.0


def test_the_corrected_p_value_holds_its_level():
    rng = np.random.default_rng(1)
    common = rng.normal(size=(400, 100, 1))  # correlated statistics, all assignments alike
    found = [permutation_p_values(one + rng.normal(size=(100, 4)))[1] for one in common]
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.085  # 0.05 ± 3 standard errors
