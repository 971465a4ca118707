"""Resizing of maps equals torch's."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.sources.preprocessing.bilinear import at_grid


@pytest.mark.parametrize("size", [(14, 20), (7, 10), (9, 31)])
def test_a_finer_grid_is_torch_bilinear(size: tuple[int, int]) -> None:
    import torch
    from torch.nn.functional import interpolate

    found = np.random.default_rng(0).normal(size=(7, 10, 3)).astype(np.float32)
    tensor = torch.from_numpy(found).permute(2, 0, 1)[None]
    wanted = interpolate(tensor, size=size, mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(at_grid(found, size), wanted, atol=1e-5)
    part = (slice(1, 4), slice(2, 9))
    np.testing.assert_allclose(at_grid(found, size, part), wanted[part], atol=1e-5)


def test_a_coarser_grid_is_the_mean_over_cells() -> None:
    found = np.random.default_rng(0).normal(size=(8, 12, 2)).astype(np.float32)
    wanted = found.reshape(2, 4, 3, 4, 2).mean((1, 3))
    np.testing.assert_allclose(at_grid(found, (2, 3)), wanted, atol=1e-5)
