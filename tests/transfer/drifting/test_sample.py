"""Which items of a fit new ones are compared with."""

from __future__ import annotations

import numpy as np

import headstart
from headstart.transfer.drifting.sample import Sample, bounded, kept_reference


def test_the_reference_is_the_training_items_as_the_head_sees_them():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3)) * [1, 10, 100]
    model = headstart.fit((rows, rows[:, 0] > 0), baselines="none", verbose=False).model
    found = kept_reference(model)
    np.testing.assert_allclose(found.rows, model.head.feature_map(rows)[: found.count])
    assert np.bincount(found.y).sum() == found.count == len(found.outputs)
    few = kept_reference(model, 20)
    assert few.count == 20
    assert {tuple(row) for row in few.rows} <= {tuple(row) for row in found.rows}


def test_groups_of_the_fit_stay_together():
    rng = np.random.default_rng(0)
    import pandas as pd

    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("pqr"))
    frame["label"], frame["who"] = np.where(frame["p"] > 0, "a", "b"), [f"s{k // 4}" for k in range(80)]
    model = headstart.fit(frame, label="label", group_col="who", baselines="none", verbose=False).model
    found = kept_reference(model)
    assert found.named
    assert len(np.unique(found.units)) == 20


def test_bounded_samples_hold_whole_units():
    found = bounded(Sample(np.zeros((40, 1)), units=np.arange(40) // 4), 18, 0)
    assert found.count == 16
    assert (np.bincount(found.units)[np.unique(found.units)] == 4).all()
