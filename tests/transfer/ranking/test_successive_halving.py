"""The samples of successive halving."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from headstart.transfer.ranking.successive_halving import samples


def test_samples_are_nested_stratified_and_leave_groups_whole():
    y, units = np.arange(3000) % 3, np.arange(3000) // 6
    among = np.arange(0, 2400)
    found = samples(y, "classification", units, among, 0)
    assert [len(sample) for sample in found] == pytest.approx([300, 600, 1200, 2400], rel=0.03)
    for small, large in pairwise(found):
        assert set(small) < set(large)
    for sample in found:
        assert np.bincount(y[sample]).min() > len(sample) / 3.3
        assert set(np.unique(np.bincount(units[sample]))) <= {0, 6}
    assert [len(s) for s in samples(y[:1000], "classification", units[:1000], np.arange(1000), 0)] == [1000]
    many = np.arange(3000) % 100
    assert [len(s) for s in samples(many, "classification", np.arange(3000), np.arange(3000), 0)] == [1500, 3000]
