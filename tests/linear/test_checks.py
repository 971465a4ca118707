"""Kind: numbers of any size. The square of a float32 above 1e19 is infinite, and so would its row's length be."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.feature_map import FeatureMap
from headstart.heads.knn import KNearestNeighbours
from headstart.heads.nearest_mean import NearestMean
from headstart.heads.out_of_distribution import neighbour_distance
from headstart.linear.checks import unit_rows
from headstart.scores import nearest_neighbours

SIZES = [1e-30, 1.0, 1e19, 1e25, 3e37]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [*SIZES, 1e-42])
def test_rows_of_any_size_have_the_length_1(dtype, size):
    rows = (np.random.default_rng(0).normal(size=(5, 40)) * size).astype(dtype)
    rows[2] = 0
    unit = unit_rows(rows)
    assert unit.dtype == dtype
    assert np.linalg.norm(unit.astype(np.float64), axis=1) == pytest.approx([1, 1, 0, 1, 1], rel=1e-3)


@pytest.mark.parametrize("size", [1e-300, 1e200, 1e307])
def test_rows_of_doubles_of_any_size_have_the_length_1(size):
    assert unit_rows(np.array([[3.0, -4.0]]) * size) == pytest.approx(np.array([[0.6, -0.8]]))


def test_whole_numbers_are_taken_as_floats():
    assert unit_rows(np.array([[3, 4]])).tolist() == [[0.6, 0.8]]


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_by_cosine_does_not_depend_on_the_size_of_rows(size):
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 20)
    plain = (rng.normal(size=(40, 6)) + 2 * y[:, None]).astype(np.float32)
    large = (plain * np.float32(size)).astype(np.float32)

    def answers(rows):
        return (
            FeatureMap("all", ((0, 6),), "unit_norm")(rows),
            KNearestNeighbours(kind="classification").fit(rows, y).predict_proba(rows),
            NearestMean(metric="cosine").fit(rows, y).predict_proba(rows),
            neighbour_distance(rows, rows[:5], k=3),
            nearest_neighbours(rows, y).losses,
        )

    for one, other in zip(answers(plain), answers(large), strict=True):
        assert np.asarray(other) == pytest.approx(np.asarray(one), abs=2e-3)
