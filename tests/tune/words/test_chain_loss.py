"""The loss of a chain against all of its paths."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from headstart.decode.spans import TagSet
from headstart.tune.words.chain_loss import chain_losses, forbidden_scores


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_that_of_brute_force(seed):
    generator = torch.Generator().manual_seed(seed)
    lengths, size = [3, 1, 4], 3
    emissions = torch.randn(8, size, generator=generator, dtype=torch.float64)
    first, steps = torch.randn(size, generator=generator), torch.randn(size, size, generator=generator)
    codes = torch.randint(size, (8,), generator=generator)
    found = chain_losses(emissions, codes, lengths, first, steps)
    start = 0
    for loss, length in zip(found.tolist(), lengths, strict=True):
        own, tags = emissions[start : start + length].numpy(), codes[start : start + length].tolist()

        def score(path, own=own):
            return float(
                first[path[0]]
                + sum(own[t][k] for t, k in enumerate(path))
                + sum(steps[a, b] for a, b in pairwise(path))
            )

        total = np.log(sum(np.exp(score(path)) for path in product(range(size), repeat=length)))
        assert loss == pytest.approx(total - score(tags), abs=1e-5)
        start += length


def test_forbidden_paths_take_no_share():
    first, steps = forbidden_scores(TagSet(("A",)))
    emissions = torch.zeros(2, 3, requires_grad=True)
    # of O O, O B, B O, B B, B I each has a fifth
    loss = chain_losses(emissions, torch.tensor([1, 2]), [2], first, steps)
    assert loss.item() == pytest.approx(np.log(5), abs=1e-5)
    loss.sum().backward()
    assert torch.isfinite(emissions.grad).all()
