"""The extraction pipeline: order, failures, memory, interruption."""

import threading
import time

import numpy as np
import pytest

from headstart.engine.extract import encode, extract
from headstart.engine.options import Engine
from headstart.engine.pipeline import gathering, pace
from headstart.errors import DataError, ItemError, ParameterError
from headstart.sources.toy import ToySource
from headstart.types import SourceInfo


class Counting:
    """Encodes a number as itself, and counts what it was asked for."""

    def __init__(self, modality="image", bad=()):
        self.info = SourceInfo("counting", modality)
        self.prepared = []
        self.batches = []
        self.bad = bad

    def prepare(self, item):
        self.prepared.append(item)
        if item in self.bad:
            raise ItemError(f"{item} is bad.")
        return item

    def forward(self, prepared):
        self.batches.append(len(prepared))
        return np.array([[float(len(p) if isinstance(p, str) else p)] * 2 for p in prepared], np.float32)


def test_rows_come_in_the_order_of_the_items():
    rows = extract(Counting(), list(range(100)), engine=Engine(batch_size=7)).rows
    np.testing.assert_array_equal(rows[:, 0], np.arange(100))
    assert rows.dtype == np.float32


def test_texts_run_longest_first_and_come_back_in_order():
    source = Counting("text")
    texts = ["a" * k for k in (3, 1, 5, 2, 4)]
    rows = extract(source, texts, engine=Engine(batch_size=2)).rows
    assert list(rows[:, 0]) == [3, 1, 5, 2, 4]
    assert len(source.prepared[0]) >= 4


def test_each_item_is_prepared_once():
    source = Counting()
    extract(source, list(range(50)), engine=Engine(batch_size=8))
    assert sorted(source.prepared) == list(range(50))


def test_failures_are_set_aside_with_their_reason():
    result = extract(Counting(bad={2, 5}), list(range(8)), engine=Engine(batch_size=3))
    assert result.failures == {2: "2 is bad.", 5: "5 is bad."}
    assert list(result.index) == [0, 1, 3, 4, 6, 7]
    assert list(result.rows[:, 0]) == [0, 1, 3, 4, 6, 7]


def test_all_failing_gives_no_rows():
    result = extract(Counting(bad={0, 1}), [0, 1])
    assert len(result.rows) == 0
    assert len(result.failures) == 2


def test_on_error_raise_names_the_item():
    with pytest.raises(ItemError, match="Item 3 cannot be encoded: 3 is bad"):
        extract(Counting(bad={3}), list(range(8)), on_error="raise")


def test_features_that_are_not_finite_are_set_aside():
    result = extract(Counting(), [1.0, np.nan, 3.0])
    assert list(result.index) == [0, 2]
    assert "not finite" in result.failures[1]


def test_no_items_and_bad_parameters():
    with pytest.raises(DataError, match="no items"):
        extract(Counting(), [])
    with pytest.raises(ParameterError, match="batch_size"):
        extract(Counting(), [1], engine=Engine(batch_size=0))
    with pytest.raises(ParameterError, match="on_error"):
        extract(Counting(), [1], on_error="skip")
    with pytest.raises(ParameterError, match="workers=4 without 'ray'"):
        Engine(workers=4)


def test_progress_ends_at_the_total():
    calls = []
    engine = Engine(batch_size=4)
    extract(Counting(bad={1}), list(range(10)), engine=engine, progress=lambda *heard: calls.append(heard[:2]))
    assert calls == [(0, 10), (4, 10), (8, 10), (10, 10)]


def test_large_rows_live_in_a_file(monkeypatch):
    monkeypatch.setattr(gathering, "MEMORY_BYTES", 100)
    result = extract(Counting(bad={4}), list(range(200)), engine=Engine(batch_size=32))
    assert isinstance(result.rows, np.memmap)
    assert list(result.rows[:, 0]) == [k for k in range(200) if k != 4]


def test_many_rows_move_together_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(gathering, "SLICE_BYTES", 7 * 8)
    bad = {0, 1, 13, 57, 58, 199}
    result = extract(Counting(bad=bad), list(range(200)), engine=Engine(batch_size=32))
    assert list(result.rows[:, 0]) == [k for k in range(200) if k not in bad]


def test_the_window_is_bounded():
    source = Counting()
    seen = []
    source.forward = lambda prepared: (seen.append(len(source.prepared)), np.zeros((len(prepared), 1), np.float32))[1]
    extract(source, list(range(1000)), engine=Engine(batch_size=10))
    assert seen[0] <= 10 * (pace.BATCHES_AHEAD + 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_stops_the_threads(error):
    source = Counting()

    def slow(item):
        time.sleep(0.02)
        source.prepared.append(item)
        return item

    def interrupt(prepared):
        raise error

    source.prepare, source.forward = slow, interrupt
    with pytest.raises(error):
        extract(source, list(range(10_000)), engine=Engine(batch_size=8))
    time.sleep(0.1)
    count = len(source.prepared)
    time.sleep(0.1)
    assert len(source.prepared) == count
    assert not [t for t in threading.enumerate() if t.name.startswith("headstart-prepare")]


def test_encode_is_extract_that_raises():
    np.testing.assert_array_equal(encode(ToySource(), ["a", "b"]), extract(ToySource(), ["a", "b"]).rows)
    with pytest.raises(ItemError, match="Item 1"):
        encode(ToySource(), ["a", ""])
