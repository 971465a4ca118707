"""Pixels against ``preprocess_input`` of Keras."""

import numpy as np
import pytest
import torch

from headstart.sources.keras_bodies.pixels import preprocess


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_pixels_are_those_of_preprocess_input(tiny, mode):
    found = preprocess(torch.from_numpy(tiny[1]["x"]), mode).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, tiny[1][mode], rtol=1e-5, atol=1e-4)
