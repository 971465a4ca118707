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
