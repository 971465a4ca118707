"""Maps keep their sum from the grid of a layer to the picture."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.explain.bodies.drawn_map import part_map, spread_out
from headstart.explain.bodies.feature_maps import MapLayout
from headstart.explain.bodies.item_parts import ItemParts


@pytest.mark.parametrize(
    ("grid", "size"), [((7, 7), (224, 224)), ((3, 5), (7, 11)), ((1, 1), (4, 9)), ((4, 4), (4, 4))]
)
def test_spreading_keeps_the_sum_and_a_map_of_its_own_size(grid, size):
    values = np.random.default_rng(0).normal(size=grid)
    found = spread_out(values, *size)
    assert found.shape == size
    assert found.sum() == pytest.approx(values.sum(), abs=1e-9)
    if grid == size:
        assert np.allclose(found, values)


def test_a_cell_stays_where_it_is():
    values = np.zeros((4, 4))
    values[1, 2] = 1
    row, column = np.unravel_index(spread_out(values, 40, 40).argmax(), (40, 40))
    assert (10 <= row < 20, 20 <= column < 30) == (True, True)


def test_frames_of_another_layer_keep_their_sum():
    values = np.arange(10.0)
    found = part_map(values, MapLayout("tokens", (1, 10)), ItemParts((), 1, 4, sound=("any",)), 4)
    assert found.shape == (1, 4)
    assert found.sum() == pytest.approx(values.sum())
