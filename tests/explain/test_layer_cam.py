"""LayerCAM: one grid is the weighted map itself; several are joined in one range."""

from __future__ import annotations

import numpy as np
from map_models import picture_model, squares

from headstart.explain.bodies.drawn_map import spread_out
from headstart.explain.bodies.map_gradients import layer_slopes
from headstart.explain.bodies.map_reading import map_reading
from headstart.explain.explain import ask
from headstart.explain.layer_cam import LayerCam


def test_of_one_grid_it_is_the_map_weighted_by_positive_gradients():
    model, item = picture_model(layers="last"), squares()[0][0]
    query = ask(model, item)
    ((slopes,),) = layer_slopes(query, map_reading(query))
    weighted = np.maximum((np.maximum(slopes.gradient, 0) * slopes.values).sum(axis=1), 0)
    found = model.explain(item, method=LayerCam(grids=1)).attributions[0].shown.values
    expected = spread_out(weighted.reshape(slopes.layout.grid), *found.shape)
    assert np.allclose(found, np.tanh(2 * expected / expected.max()), atol=1e-9)


def test_several_grids_are_joined_between_zero_and_one():
    found = picture_model(layers="last").explain(squares()[0][0], method="layer_cam")["layer_cam"]
    assert found.unit == "share of the largest"
    assert 0 <= found.shown.values.min() <= found.shown.values.max() <= 1
    assert found.notes[0].count("'") >= 4  # at least two layers are named
