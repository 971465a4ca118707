"""Reservoir sampling."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.data.reservoir import ReservoirSampling
from headstart.errors import ParameterError


def test_every_item_and_every_pair_is_kept_equally_often():
    """4,000 streams of 12 items into 4 places: singles are kept with probability 1/3, pairs with 4·3 / (12·11)."""
    rounds, n, size = 4000, 12, 4
    together = np.zeros((n, n))
    for seed in range(rounds):
        memory = ReservoirSampling(size, seed)
        memory.extend(range(n))
        kept = np.zeros(n)
        kept[list(memory.items)] = 1
        assert kept.sum() == size
        together += np.outer(kept, kept)
    share = together / rounds
    singles, pairs = share.diagonal(), share[~np.eye(n, dtype=bool)]
    assert np.abs(singles - 1 / 3).max() < 4 * np.sqrt(1 / 3 * 2 / 3 / rounds)
    assert np.abs(pairs - 1 / 11).max() < 4 * np.sqrt(1 / 11 * 10 / 11 / rounds)


def test_size_order_and_seed():
    few, none = ReservoirSampling(5, seed=1), ReservoirSampling(0)
    few.extend("abc")
    none.extend("abc")
    assert (few.items, none.items, none.seen) == (("a", "b", "c"), (), 3)
    one, other = ReservoirSampling(3, seed=2), ReservoirSampling(3, seed=2)
    one.extend(range(50))
    other.extend(range(20))
    other.extend(range(20, 50))
    assert one.items == other.items
    with pytest.raises(ParameterError, match="'size' parameter of ReservoirSampling"):
        ReservoirSampling(-1)
