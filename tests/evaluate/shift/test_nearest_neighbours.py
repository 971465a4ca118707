"""Distances to the fifth neighbour against plain loops, and the number of far items by chance."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluate.shift.nearest_neighbours import far_p_value, neighbour_distances


def test_distances_and_p_values_are_those_of_loops():
    rng = np.random.default_rng(0)
    reference, new, groups = rng.normal(size=(30, 3)), rng.normal(size=(7, 3)) * 2, np.arange(30) // 2
    spread = np.concatenate([reference, new]).std(axis=0)
    x, z = reference / spread, new / spread
    own = [np.sort([np.linalg.norm(x[i] - x[j]) for j in range(30) if groups[i] != groups[j]])[4] for i in range(30)]
    fresh = [np.sort(np.linalg.norm(z[i] - x, axis=1))[4] for i in range(7)]
    found = neighbour_distances(reference, new, groups)
    np.testing.assert_allclose(found.values, np.array(fresh) / np.median(own))
    np.testing.assert_allclose(found.p_values, [(1 + (np.array(own) >= one).sum()) / 31 for one in fresh])


def test_fewer_neighbours_than_five():
    assert np.isfinite(neighbour_distances(np.arange(6.0).reshape(3, 2), np.zeros((2, 2))).values).all()


def test_the_number_of_far_items_holds_its_level():
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(300):
        # columns that are rarely other than 0, as the corner pixels of digits
        rows = rng.normal(size=(250, 20)) * (rng.random((250, 20)) < np.repeat([0.01, 0.5], [18, 2]))
        found = neighbour_distances(rows[:150], rows[150:])
        p_values.append(found.p_value)
    assert np.mean(np.array(p_values) <= 0.05) < 0.085
    assert far_p_value(0, 10, 1000) == 1.0
    assert far_p_value(3, 10, 20) == 1.0
    assert far_p_value(8, 10, 1000) == pytest.approx(0, abs=1e-9)
