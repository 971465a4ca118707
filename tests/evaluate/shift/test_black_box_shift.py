"""Mean outputs of two samples, compared by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluate.shift.black_box_shift import output_shifts


def test_it_equals_the_sum_over_outputs():
    rng = np.random.default_rng(0)
    outputs, side = np.column_stack([rng.random((20, 3)), np.ones(20)]), rng.random(20) < 0.3
    expected = sum(
        (outputs[side, k].mean() - outputs[~side, k].mean()) ** 2 / outputs[:, k].var() for k in range(3)
    )  # the last column never varies
    assert output_shifts(outputs, side[:, None] * 1.0)[0] == pytest.approx(expected)
