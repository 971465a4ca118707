"""The quick look of `predict` and `evaluate`: its rate of false alarms, its silence, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.transfer.drifting.batch import LEAST, batch_shift


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 4))
    return headstart.fit((rows, rows[:, 0] + 0.3 * rng.normal(size=300) > 0), baselines="none", verbose=False).model


def test_false_alarms_are_rare_and_shifts_are_found(fitted):
    rng, found = np.random.default_rng(1), []
    for moved in [0.0] * 40 + [1.0] * 3:
        rows = rng.normal(size=(80, 4)) + moved
        found.append(batch_shift(fitted, rows, fitted.outputs(rows)).differs)
    assert sum(found[:40]) <= 3  # 0.4 are expected
    assert all(found[40:])


def test_nothing_is_said_of_few_or_grouped_items_or_without_training_rows(fitted):
    rows = np.random.default_rng(2).normal(size=(LEAST, 4))
    outputs = fitted.outputs(rows)
    assert batch_shift(fitted, rows, outputs) is not None
    assert batch_shift(fitted, rows[1:], outputs[1:]) is None
    assert batch_shift(fitted, rows, outputs, np.arange(LEAST) // 2) is None
    none = headstart.zero_shot(["parcel", "refund"], source="toy", verbose=False)
    assert batch_shift(none, rows, outputs) is None
