"""Layers without weights by their formulas."""

import numpy as np
import pytest
import torch

from headstart.sources.keras_bodies.layers import make_layer


@pytest.mark.parametrize(
    ("kind", "wanted"), [("Add", 10), ("Multiply", 30), ("Maximum", 5), ("Average", 10 / 3), ("Concatenate", None)]
)
@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 2, 2)])
def test_layers_that_join_read_all_their_inputs(kind, wanted, shape):
    """Kind: three inputs, of which none is dropped."""
    found = make_layer(kind, {}, shape)(*(torch.full(shape, value) for value in (2.0, 3.0, 5.0)))
    if wanted is None:
        assert found.shape == (1, 3, *shape[2:])
        assert found.flatten(2).amax(2).tolist() == [[2, 3, 5]] if len(shape) == 4 else found.tolist() == [[2, 3, 5]]
    else:
        np.testing.assert_allclose(found, np.full(shape, wanted), rtol=1e-6)


def test_a_difference_keeps_its_order():
    assert make_layer("Subtract", {}, (1, 1))(torch.tensor([[2.0]]), torch.tensor([[5.0]])).item() == -3


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 9.0, 16.0], "axis": [-1]}),
        ("Normalization", {"mean": 1.0, "variance": 4.0, "axis": None}),
        ("Rescaling", {"scale": 0.5, "offset": -1.0}),
        ("Rescaling", {"scale": [0.5, 0.25, 2.0], "offset": [1.0, 2.0, 3.0]}),
    ],
)
def test_numbers_of_the_configuration_are_applied_to_the_last_axis_of_maps_and_rows(kind, settings, rows):
    """By Keras' formulas, channels last."""
    x = np.random.default_rng(0).normal(size=(2, 3) if rows else (2, 5, 4, 3)).astype(np.float32)
    if kind == "Normalization":
        wanted = (x - np.array(settings["mean"])) / np.sqrt(settings["variance"])
    else:
        wanted = x * np.array(settings["scale"]) + np.array(settings["offset"])
    first = torch.from_numpy(x if rows else x.transpose(0, 3, 1, 2))
    found = make_layer(kind, settings, first.shape)(first)
    np.testing.assert_allclose(found.numpy(), wanted if rows else wanted.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)
