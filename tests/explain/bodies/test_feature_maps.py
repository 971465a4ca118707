"""Which output of a body its rows are the mean of, for several kinds of bodies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from map_models import random_body, squares
from torch import nn

from headstart.explain.bodies.feature_maps import mean_of, record
from headstart.explain.bodies.item_parts import ItemParts, item_parts
from headstart.sources.bodies.trainable import Trainable


@pytest.mark.parametrize("architecture", ["test_resnet", "test_efficientnet", "test_vit"])
def test_every_block_that_is_a_mean_is_found(architecture):
    source = random_body(architecture)
    parts = item_parts(source, squares(2)[0][0])
    with torch.no_grad():
        found = record(source.trainable(), parts.prepared)
    means = [mean_of(rows, found, parts) for rows in found.rows]
    assert all(mean is not None for mean in means[:-1])
    # the last block of a transformer is its class token
    assert (means[-1] is None) == (architecture == "test_vit")
    for rows, mean in zip(found.rows, means, strict=True):
        if mean is not None:
            place, layout = mean
            assert torch.allclose(layout.positions(found.outputs[place]).mean(dim=1), rows, atol=1e-5)


def test_what_a_layer_gave_is_kept_although_the_next_one_works_in_place():
    body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True)).eval()
    plain = Trainable(body, lambda m, x: [m(x).mean((2, 3))], torch.stack, (), "array")
    picture = torch.randn(3, 6, 6)
    found = record(plain, [picture])
    assert (found.outputs["0", 0] < 0).any()
    place, layout = mean_of(found.rows[0], found, ItemParts((picture,), 6, 6))
    assert place == ("1", 0)
    assert layout.grid == (6, 6)


def test_a_map_wins_over_what_pooling_made_of_it():
    body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1))
    plain = Trainable(body, lambda m, x: [m(x).flatten(1)], torch.stack, (), "array")
    picture = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 6, 6)).astype(np.float32))
    found = record(plain, [picture])
    assert mean_of(found.rows[0], found, ItemParts((picture,), 6, 6))[0] == ("0", 0)
