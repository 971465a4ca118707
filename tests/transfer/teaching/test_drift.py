"""`drift_of` in an evaluation: it is said of items from another place, and not of those like the training items."""

from __future__ import annotations

import numpy as np
from small_models import clusters, solved

import headstart
from headstart.transfer.teaching.drift import drift_of
from headstart.types import Dataset


def test_an_evaluation_warns_of_items_from_another_place():
    rows, labels = clusters(120)
    model = solved(rows[:80], labels[:80])
    near = headstart.evaluate(model, (rows[80:], labels[80:]), verbose=False)
    far = headstart.evaluate(model, (rows[80:] + 4, labels[80:]), verbose=False)
    assert not near.drift.differs
    assert far.drift.differs
    assert far.record["drift"]["p_value"] < 0.001
    assert far.drift.sentence in far.record["warnings"]
    assert near.drift.sentence not in near.record["warnings"]


def test_a_regression_is_compared_without_its_values_and_a_model_without_moments_says_nothing():
    rows, _ = clusters(120)
    values = rows @ np.ones(4)
    model = solved(rows[:80], values[:80], head="ridge", kind="regression")
    data = Dataset(rows[80:] + 4, tuple(map(str, range(40))), "vector", model.task, values[80:, None])
    assert drift_of(model, data, data.items).differs
    assert drift_of(solved(rows[:80], ["ant", "bee"] * 40, head="naive_bayes"), data, data.items) is None
