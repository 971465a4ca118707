"""Effective sample size and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.adapt.domains.weights import checked_weights, effective_size
from headstart.errors import DataError


def test_the_effective_size_is_that_of_the_variance_of_a_mean():
    weights = np.array([1.0, 2.0, 3.0])
    shares = weights / weights.sum()
    assert effective_size(weights) == pytest.approx(1 / (shares**2).sum())
    assert effective_size(np.zeros(2)) == 0


def test_weights_on_too_few_rows_are_refused():
    raw = np.r_[1.0, np.zeros(10)]
    with pytest.raises(DataError, match="amount to 1 of 11"):
        checked_weights(raw, 1.0, "KMM")
    assert effective_size(checked_weights(np.r_[1.0, np.full(10, 0.01)], 0.5, "KMM")) > 1.1
