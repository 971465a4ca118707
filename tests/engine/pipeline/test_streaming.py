"""Batches: smaller ones where memory runs out, several at once, and errors of items."""

from __future__ import annotations

import threading
import time
from unittest.mock import Mock

import numpy as np
import pytest

from headstart.engine.capabilities import Runtime
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline import pace
from headstart.engine.pipeline.streaming import prepare_few
from headstart.errors import ItemError, SourceError
from headstart.sources.toy import ToySource
from headstart.types import SourceInfo


class Doubling:
    """Twice a number; runs out of memory on batches of more than ``fits`` items."""

    def __init__(self, fits=1000, modality="image"):
        self.info = SourceInfo("doubling", modality)
        self.fits = fits
        self.batches = []

    def prepare(self, item):
        return item

    def forward(self, prepared):
        self.batches.append(len(prepared))
        if len(prepared) > self.fits:
            raise MemoryError
        return np.array([[2.0 * value] for value in prepared], np.float32)


def test_a_batch_that_does_not_fit_is_halved_and_the_work_goes_on():
    source = Doubling(fits=5)
    found = extract(source, range(100), engine=Engine(batch_size=32))
    np.testing.assert_array_equal(found.rows[:, 0], 2.0 * np.arange(100))
    assert found.notes == (
        "A batch of 32 did not fit into memory; batches of 16 were used instead.",
        "A batch of 16 did not fit into memory; batches of 8 were used instead.",
        "A batch of 8 did not fit into memory; batches of 4 were used instead.",
    )
    assert source.batches[:3] == [32, 16, 8]
    assert max(source.batches[3:]) <= 4


def test_a_single_item_that_does_not_fit_is_one_sentence():
    with pytest.raises(SourceError, match="'doubling' needs more memory for a single item than is free"):
        extract(Doubling(fits=0), range(10), engine=Engine(batch_size=4))


def test_preparing_that_runs_out_of_memory_is_tried_again_one_by_one():
    class Tight(Doubling):
        def __init__(self):
            super().__init__()
            self.tried = set()

        def prepare(self, item):
            if item % 10 == 3 and item not in self.tried:
                self.tried.add(item)
                raise MemoryError
            return item

    found = extract(Tight(), range(40), engine=Engine(batch_size=20))
    np.testing.assert_array_equal(found.rows[:, 0], 2.0 * np.arange(40))
    assert found.notes[0] == "A batch of 20 did not fit into memory; batches of 10 were used instead."


def test_preparing_that_always_runs_out_of_memory_is_one_sentence():
    source = Doubling()
    source.prepare = Mock(side_effect=MemoryError)
    with pytest.raises(SourceError, match="more memory for a single item"):
        extract(source, range(10))


def test_several_batches_run_at_once_where_the_source_can():
    class Parallel(Doubling):
        runtime = Runtime(streams=2)

        def __init__(self):
            super().__init__()
            self.running, self.most, self.lock = 0, 0, threading.Lock()

        def forward(self, prepared):
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
            time.sleep(0.01)
            with self.lock:
                self.running -= 1
            return super().forward(prepared)

    source = Parallel()
    found = extract(source, range(100), engine=Engine(batch_size=8))
    np.testing.assert_array_equal(found.rows[:, 0], 2.0 * np.arange(100))
    assert source.most == 2


def test_an_error_in_one_of_several_streams_ends_the_work():
    source = Doubling()
    source.runtime = Runtime(streams=2)
    source.forward = Mock(side_effect=RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        extract(source, range(1000), engine=Engine(batch_size=8))
    time.sleep(0.1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("headstart-")]


def test_prepare_many_is_used_where_there_is_one():
    class Many(Doubling):
        def prepare_many(self, items):
            return [ItemError(f"{item} is odd.") if item % 2 else item for item in items]

        prepare = Mock(side_effect=AssertionError)

    found = extract(Many(), range(50))
    assert list(found.index) == list(range(0, 50, 2))
    assert found.failures[7] == "7 is odd."


def test_prepared_items_that_are_large_make_batches_small(monkeypatch):
    class Large(Doubling):
        def prepare(self, item):
            return np.full(1000, item, np.float64)

        def forward(self, prepared):
            return super().forward([row[0] for row in prepared])

    monkeypatch.setattr(pace, "WAITING_BYTES", 40_000)
    source = Large()
    extract(source, range(200), engine=Engine(batch_size=50))
    assert max(source.batches) == 5
    assert sum(source.batches) == 200


def test_few_items_are_spread_over_all_and_readable():
    texts = ["" if k % 2 else f"text {k}" for k in range(1000)]
    few = prepare_few(ToySource(), texts)
    assert len(few) == 8
    assert int(few[-1].split()[1]) > 700
    assert prepare_few(ToySource(), ["", ""]) == []


def test_one_position_of_an_item_that_is_not_finite_sets_it_aside():
    class Broken(ToySource):
        def forward(self, prepared):
            rows = super().forward(prepared)
            return [row * np.nan if len(row) == 2 else row for row in rows]

    found = extract(Broken(positions=True), ["a b c", "a b", "a"], engine=Engine(cache=False))
    assert found.offsets.tolist() == [0, 3, 4]
    assert "not finite" in found.failures[1]
