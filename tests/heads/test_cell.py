"""Trained cells: kinds of tasks, equal seeds, and inputs that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.heads.cell import CellHead

ROWS = np.random.default_rng(0).normal(size=(60, 6))


def test_each_kind_of_task_is_learnt():
    y = (ROWS[:, 0] > 0).astype(int)
    several = np.column_stack([y, ROWS[:, 1] > 0]).astype(int)
    value = ROWS[:, :1] * 3 + 7
    plain = {"width": 8, "decay": 0.0, "steps": 200}
    assert (CellHead(**plain).fit(ROWS, y).predict(ROWS) == y).mean() > 0.9
    assert (CellHead(kind="multilabel", **plain).fit(ROWS, several).predict(ROWS) == several).mean() > 0.85
    found = CellHead(kind="regression", **plain).fit(ROWS, value).predict(ROWS)
    assert np.corrcoef(found, value[:, 0])[0, 1] > 0.95
    assert abs(found.mean() - 7) < 1


def test_equal_seeds_give_equal_heads():
    y = (ROWS[:, 0] > 0).astype(int)
    made = [
        CellHead("0:gate 0:attention", [2, 4], width=4, steps=5, seed=seed).fit(ROWS, y).decision_function(ROWS)
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.allclose(made[0], made[2])


@pytest.mark.parametrize("cell", ["", "relu", "0:dropout", "1:relu", "0:relu 0:relu 0:relu 0:relu", "0:relu -1:skip"])
def test_a_cell_that_cannot_be_is_refused(cell):
    with pytest.raises(ParameterError):
        CellHead(cell).fit(ROWS, np.arange(60) % 2)


def test_rows_of_another_width_and_nan_are_refused():
    head = CellHead(width=4, steps=2).fit(ROWS, np.arange(60) % 2)
    with pytest.raises(ParameterError, match="was fitted on 6 columns"):
        head.decision_function(ROWS[:, :5])
    with pytest.raises(ParameterError, match=r"takes rows \(n, 7\)"):
        CellHead(widths=[3, 4]).fit(ROWS, np.arange(60) % 2)
    with pytest.raises(DataError, match="finite rows"):
        head.decision_function(np.full((1, 6), np.nan))
    with pytest.raises(DataError, match="at least two classes"):
        CellHead().fit(ROWS, np.zeros(60))
