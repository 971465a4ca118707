"""Rows by position: copied only where they are few, in a file where they fill the memory."""

from __future__ import annotations

import numpy as np

from headstart import rows as rows_module
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline import gathering
from headstart.rows import RowView, take_rows
from headstart.sources.toy import ToySource


def test_each_position_has_a_row():
    texts = ["one two three", "", "four", "five six"]
    found = extract(ToySource().with_layers("blocks", positions=True), texts, engine=Engine(cache=False))
    assert found.offsets.tolist() == [0, 3, 4, 6]
    assert found.offsets.dtype == np.int64
    assert list(found.index) == [0, 2, 3]
    words = extract(ToySource(), ["one", "two", "three", "four", "five", "six"], engine=Engine(cache=False))
    np.testing.assert_array_equal(found.rows, words.rows)


def test_positions_that_fill_the_memory_live_in_a_file(monkeypatch):
    monkeypatch.setattr(gathering, "MEMORY_BYTES", 2000)
    monkeypatch.setattr(gathering, "SLICE_BYTES", 5 * 96 * 4)
    texts = [" ".join(f"w{k}" for k in range(1 + n % 4)) for n in range(60)]
    found = extract(ToySource(positions=True), texts, engine=Engine(cache=False, batch_size=7))
    assert isinstance(found.rows, np.memmap)
    counts = [1 + n % 4 for n in range(60)]
    assert np.diff(found.offsets).tolist() == counts
    whole = extract(ToySource(), texts[3].split(), engine=Engine(cache=False)).rows
    np.testing.assert_array_equal(found.rows[found.offsets[3] : found.offsets[4]], whole)


def test_rows_in_memory_are_copied_only_where_they_are_few(monkeypatch):
    rows, index = np.arange(40.0).reshape(10, 4), np.array([7, 2, 5])
    assert isinstance(take_rows(rows, index), np.ndarray)
    monkeypatch.setattr(rows_module, "COPIED_BYTES", 3 * 32 - 1)
    view = take_rows(rows, index)
    assert isinstance(view, RowView)
    np.testing.assert_array_equal(view[:], rows[index])
    np.testing.assert_array_equal(take_rows(view, np.array([2, 0]))[:], rows[[5, 7]])
    assert isinstance(take_rows(rows, index[:2]), np.ndarray)
