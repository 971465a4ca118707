"""Rows that grow without encoding anything twice."""

from __future__ import annotations

import numpy as np
from rank_sources import Blurred, labelled_rows

from headstart.engine.options import Engine
from headstart.transfer.ranking.growing_rows import GrowingRows


def test_rows_grow_without_encoding_anything_twice():
    rows, _ = labelled_rows(30)
    source = Blurred(bad_item=float(rows[4, -1]))
    growing = GrowingRows(source, rows, Engine(cache=False))
    first = growing.grow(np.arange(0, 30, 3))
    every = growing.grow(np.arange(30))
    assert len(source.seen) == 29
    assert list(growing.failures) == [4]
    np.testing.assert_array_equal(every, np.delete(np.arange(30), 4))
    np.testing.assert_array_equal(growing.rows(first)[:], source.forward(rows[first]))
    found = growing.extraction()
    np.testing.assert_array_equal(found.rows, source.forward(rows[every]))
    assert found.failures == {4: "This row is not liked."}
