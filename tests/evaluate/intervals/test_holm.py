"""Holm's correction against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.evaluate.intervals.holm import holm


def test_it_is_the_step_down_loop():
    p_values = np.random.default_rng(0).random(9) / 4
    largest, expected = 0.0, {}
    for rank, k in enumerate(sorted(range(9), key=lambda k: p_values[k])):
        largest = max(largest, min(1.0, (9 - rank) * p_values[k]))
        expected[k] = largest
    np.testing.assert_allclose(holm(p_values), [expected[k] for k in range(9)])
    assert holm([]).shape == (0,)


def test_no_probability_is_refused():
    with pytest.raises(ParameterError, match="between 0 and 1"):
        holm([0.2, 1.2])
