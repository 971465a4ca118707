"""Gradients at the layers of a body, for bodies with layers that a picture passes unchanged or dies in."""

from __future__ import annotations

import torch

from headstart.explain.bodies.feature_maps import MapLayout, Recorded
from headstart.explain.bodies.map_gradients import _gradients


def test_rows_that_no_parameter_made_are_left_out():
    """Kind: a body whose first block only rescales the picture, as those of Keras, has gradients at the others."""
    picture = torch.ones(1, 3, 4, 4)
    maps = torch.nn.Conv2d(3, 2, 1)(picture)
    found = Recorded([picture.mean((2, 3)), maps.mean((2, 3))], {("scale", 0): picture, ("conv", 0): maps}, None)
    towards, layout = [torch.ones(1, 3), torch.tensor([[1.0, -2.0]])], MapLayout("channels first", (4, 4))
    of_picture, of_maps = _gradients(found, towards, [(("scale", 0), layout), (("conv", 0), layout)])
    assert not of_picture.any()
    assert torch.allclose(of_maps[0, :, 0, 0], torch.tensor([1.0, -2.0]) / 16)


def test_a_body_without_any_gradient_has_zeros():
    picture = torch.ones(1, 3, 4, 4)
    found = Recorded([picture.mean((2, 3))], {("scale", 0): picture}, None)
    (gradient,) = _gradients(found, [torch.ones(1, 3)], [(("scale", 0), MapLayout("channels first", (4, 4)))])
    assert not gradient.any()
