"""Means over the parts of items: arrays and tensors agree with a loop."""

import numpy as np
import torch

from headstart.sources.bodies.averaging import item_means, item_rows


def test_both_are_the_means_of_a_loop():
    rows, counts = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32), [2, 1, 4]
    wanted = np.stack([rows[:2].mean(0), rows[2], rows[3:].mean(0)])
    np.testing.assert_allclose(item_rows(rows, counts), wanted, rtol=1e-6)
    (found,) = item_means([torch.from_numpy(rows)], torch.tensor(counts))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
