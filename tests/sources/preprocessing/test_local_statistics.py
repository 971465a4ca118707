"""Local statistics against a loop over windows."""

from __future__ import annotations

import numpy as np

from headstart.sources.preprocessing.local_statistics import cell_means, local_statistics


def test_mean_and_variance_of_the_surroundings() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 11, 3)).astype(np.uint8)
    found = local_statistics(pixels, 1, side=3)
    around = pixels[3:6, 4:7].reshape(-1, 3) / 255
    np.testing.assert_allclose(found[4, 5], [*pixels[4, 5] / 255, *around.mean(0), *around.var(0)], atol=1e-6)


def test_cells_at_the_border_have_the_pixels_that_exist() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7, 2)).astype(np.float32)
    found = cell_means(values, 4)
    assert found.shape == (2, 2, 2)
    np.testing.assert_allclose(found[1, 1], values[4:, 4:].mean((0, 1)), atol=1e-6)
