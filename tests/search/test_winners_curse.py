"""The expected maximum of k equals."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.search.winners_curse import expected_maximum


@pytest.mark.parametrize("k", [2, 10, 300])
def test_it_is_the_mean_of_simulated_maxima(k):
    drawn = np.random.default_rng(0).normal(size=(20_000, k)).max(axis=1)
    assert abs(expected_maximum(k) - drawn.mean()) < 4 * drawn.std() / np.sqrt(len(drawn))


def test_it_has_the_closed_forms_of_two_and_three():
    assert abs(expected_maximum(2) - 1 / np.sqrt(np.pi)) < 1e-9
    assert abs(expected_maximum(3) - 1.5 / np.sqrt(np.pi)) < 1e-9
