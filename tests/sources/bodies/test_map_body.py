"""Outputs of blocks as maps."""

from __future__ import annotations

import pytest

from headstart.errors import SourceError
from headstart.sources.bodies.map_body import to_map


def test_channels_last_and_patches_become_maps() -> None:
    import torch

    last = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert torch.equal(to_map(last, channels_first=False)[0, :, 1, 2], last[0, 1, 2])
    tokens = torch.arange(14.0).reshape(1, 7, 2)
    assert torch.equal(to_map(tokens, prefix=1, size=(32, 48))[0, :, 1, 2], tokens[0, 6])


def test_tokens_that_are_no_grid_are_refused() -> None:
    import torch

    with pytest.raises(SourceError, match="one token for each square patch"):
        to_map(torch.zeros(1, 7, 2), size=(32, 32))
