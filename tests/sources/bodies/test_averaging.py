"""Means over the parts of items: arrays and tensors agree with a loop."""

import numpy as np
import pytest
import torch

from headstart.sources.bodies.averaging import item_means, item_rows

COUNTS = [2, 1, 4]


@pytest.mark.parametrize("weights", [None, np.array([3, 1, 2, 5, 4, 1, 1], np.float32)], ids=["equal", "weighted"])
def test_both_are_the_means_of_a_loop(weights):
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    parts = np.split(np.arange(7), np.cumsum(COUNTS)[:-1])
    shares = np.ones(7) if weights is None else weights
    wanted = np.stack([np.average(rows[part], axis=0, weights=shares[part]) for part in parts])
    np.testing.assert_allclose(item_rows(rows, COUNTS, weights), wanted, rtol=1e-5)
    given = None if weights is None else torch.from_numpy(weights)
    (found,) = item_means([torch.from_numpy(rows)], torch.tensor(COUNTS), given)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5)


def test_the_row_of_an_item_of_one_part_is_that_part_to_the_bit():
    rows = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
    found = item_rows(rows, COUNTS, np.full(7, 0.1, np.float32))
    np.testing.assert_array_equal(found[1], rows[2])
