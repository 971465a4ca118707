"""Batches and memory: smaller ones where memory runs out, several at once, and rows for positions."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from headstart import rows as rows_module
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline import gathering
from headstart.engine.pipeline import pace as batches
from headstart.engine.pipeline.memory import available_memory
from headstart.engine.pipeline.pace import Pace, running_order
from headstart.engine.pipeline.streaming import prepare_few
from headstart.errors import ItemError, SourceError
from headstart.rows import RowView, take_rows
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
        "A batch of 32 did not fit into memory; it went on with batches of 16.",
        "A batch of 16 did not fit into memory; it went on with batches of 8.",
        "A batch of 8 did not fit into memory; it went on with batches of 4.",
    )
    assert source.batches[:3] == [32, 16, 8]
    assert max(source.batches[3:]) <= 4


def test_a_single_item_that_does_not_fit_is_one_sentence():
    with pytest.raises(SourceError, match="'doubling' needs more memory for a single item than there is"):
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
    assert found.notes[0] == "A batch of 20 did not fit into memory; it went on with batches of 10."


def test_preparing_that_always_runs_out_of_memory_is_one_sentence():
    source = Doubling()
    source.prepare = Mock(side_effect=MemoryError)
    with pytest.raises(SourceError, match="more memory for a single item"):
        extract(source, range(10))


def test_several_batches_run_at_once_where_the_source_can():
    class Parallel(Doubling):
        streams = 2

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
    source.streams = 2
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

    monkeypatch.setattr(batches, "WAITING_BYTES", 40_000)
    source = Large()
    extract(source, range(200), engine=Engine(batch_size=50))
    assert max(source.batches) == 5
    assert sum(source.batches) == 200


def test_the_first_batch_is_bounded_by_what_is_free(monkeypatch):
    monkeypatch.setattr(batches, "available_memory", lambda: 256 * 2**20)
    assert Pace("image", 10_000).size == 8
    assert Pace("image", 10_000, streams=2).size == 4
    monkeypatch.setattr(batches, "available_memory", lambda: None)
    assert Pace("image", 10_000).size == batches.BATCH_SIZES["image"]
    assert Pace("image", 10_000, wanted=500).size == 500


def test_little_work_still_comes_in_several_batches():
    assert Pace("text", 448).size == 112
    assert Pace("text", 20).size <= batches.BATCH_SIZES["text"]


def test_texts_run_longest_first_and_pictures_as_they_are():
    assert running_order(["a", "ccc", "bb", None], np.array([0, 1, 3]), "text").tolist() == [1, 0, 3]
    assert running_order(["a", "ccc"], np.arange(2), "image").tolist() == [0, 1]


def test_few_items_are_spread_over_all_and_readable():
    texts = ["" if k % 2 else f"text {k}" for k in range(1000)]
    few = prepare_few(ToySource(), texts)
    assert len(few) == 8
    assert int(few[-1].split()[1]) > 700
    assert prepare_few(ToySource(), ["", ""]) == []


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
    monkeypatch.setattr(gathering, "MOVED_BYTES", 5 * 96 * 4)
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


def test_one_position_of_an_item_that_is_not_finite_sets_it_aside():
    class Broken(ToySource):
        def forward(self, prepared):
            rows = super().forward(prepared)
            return [row * np.nan if len(row) == 2 else row for row in rows]

    found = extract(Broken(positions=True), ["a b c", "a b", "a"], engine=Engine(cache=False))
    assert found.offsets.tolist() == [0, 3, 4]
    assert "not finite" in found.failures[1]


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 8000 kB\nMemAvailable: 4000 kB\n"}


def test_available_memory_is_what_is_free(tmp_path):
    assert available_memory(plant(tmp_path, MEMINFO)) == 4000 * 1024


def test_the_limit_of_a_container_counts(tmp_path):
    group = "sys/fs/cgroup/box"
    plant(tmp_path, MEMINFO | {"proc/self/cgroup": "0::/box/inner\n", f"{group}/inner/memory.max": "max\n"})
    plant(tmp_path, {f"{group}/memory.max": "1000000\n", f"{group}/memory.current": "900000\n"})
    assert available_memory(tmp_path) == 100_000
    plant(tmp_path, {f"{group}/memory.stat": "anon 5\ninactive_file 300000\n"})
    assert available_memory(tmp_path) == 400_000


def test_the_limit_of_an_older_container_counts(tmp_path):
    folder = "sys/fs/cgroup/memory"
    plant(tmp_path, MEMINFO | {f"{folder}/memory.limit_in_bytes": "3000000", f"{folder}/memory.usage_in_bytes": "1"})
    assert available_memory(tmp_path) == 2_999_999


def test_a_full_container_leaves_one_byte_and_an_unknown_system_nothing(tmp_path):
    assert available_memory(tmp_path) is None
    folder = "sys/fs/cgroup/memory"
    plant(tmp_path, {f"{folder}/memory.limit_in_bytes": "5", f"{folder}/memory.usage_in_bytes": "9"})
    assert available_memory(tmp_path) == 1
