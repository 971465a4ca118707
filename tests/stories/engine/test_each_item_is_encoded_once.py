"""Each content once, ever: hits, duplicates, what is not kept, and processes that are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from functools import cached_property

import numpy as np
import pytest

from headstart.data.media.readers import read_image
from headstart.engine.extract import encode, extract
from headstart.engine.options import Engine
from headstart.engine.pipeline import contents, gathering
from headstart.sources.toy import ToySource

TEXTS = [f"text number {k} of many" for k in range(2000)]
PLAIN = Engine(cache=False)


class Counting(ToySource):
    """A toy that tells what its body ran on."""

    @cached_property
    def seen(self):
        return []

    def forward(self, prepared):
        self.seen.extend(prepared)
        return super().forward(prepared)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


def test_a_second_extraction_encodes_nothing():
    first = extract(Counting(), TEXTS[:300])
    source = Counting()
    second = extract(source, TEXTS[:300])
    assert (first.encoded, first.hits) == (300, 0)
    assert (second.encoded, second.hits) == (0, 300)
    assert source.seen == []
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(first.rows, encode(ToySource(), TEXTS[:300]))


def test_only_what_is_new_is_encoded_and_rows_keep_their_order():
    extract(Counting(), TEXTS[100:])
    source = Counting()
    shuffled = random.Random(0).sample(TEXTS, len(TEXTS))
    found = extract(source, shuffled)
    assert (found.encoded, found.hits) == (100, 1900)
    assert {text.decode() for text in source.seen} == set(TEXTS[:100])
    np.testing.assert_array_equal(found.rows, encode(ToySource(), shuffled))


@pytest.mark.parametrize("engine", [Engine(), PLAIN])
def test_each_content_is_encoded_once(engine):
    source = Counting()
    texts = ["one", "two", "one", "", "two", "one", ""]
    found = extract(source, texts, engine=engine)
    assert sorted(source.seen) == [b"one", b"two"]
    assert found.encoded == 2
    assert list(found.index) == [0, 1, 2, 4, 5]
    assert found.failures == {3: "The text is empty.", 6: "The text is empty."}
    np.testing.assert_array_equal(found.rows, encode(ToySource(), ["one", "two", "one", "two", "one"]))


def test_many_copies_of_a_content_get_its_row(monkeypatch):
    monkeypatch.setattr(gathering, "SLICE_BYTES", 5 * 96 * 4)
    texts = [TEXTS[k % 7] for k in range(100)]
    for source in (Counting(), Counting(positions=True)):
        found = extract(source, texts)
        assert found.encoded == 7
        expected = extract(source, texts[:7], engine=PLAIN)
        rows = expected.rows if expected.offsets is None else expected.rows.reshape(7, 5, 96)
        np.testing.assert_array_equal(found.rows.reshape(100, *rows.shape[1:]), rows[np.arange(100) % 7])


def test_a_damaged_copy_is_set_aside_under_its_own_name(tmp_path):
    class Pictures(ToySource):
        def prepare(self, item):
            return np.asarray(read_image(item)).tobytes()

    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path in paths:
        path.write_bytes(b"no picture")
    found = extract(Pictures(modality="image"), paths)
    assert [path.name in found.failures[k] for k, path in enumerate(paths)] == [True, True]
    assert "one.png" not in found.failures[1]


def test_copies_whose_features_are_not_finite_share_the_reason():
    class Broken(ToySource):
        def forward(self, prepared):
            return super().forward(prepared) * np.nan

    found = extract(Broken(), ["one", "one"], engine=PLAIN)
    assert list(found.failures) == [0, 1]
    assert "not finite" in found.failures[0]
    assert found.failures[0] == found.failures[1]


def test_progress_tells_how_many_were_looked_at(monkeypatch):
    monkeypatch.setitem(contents.CHUNKS, "text", 10)
    heard = []
    extract(Counting(), TEXTS[:35], progress=lambda *step: heard.append(step))
    assert heard[:3] == [(0, 35, "looked at 10 of 35"), (0, 35, "looked at 20 of 35"), (0, 35, "looked at 30 of 35")]
    assert heard[3][:2] == (0, 35)
    assert not heard[3][2].startswith("looked at")


def test_duplicates_of_a_hit_are_hits():
    extract(Counting(), ["one"])
    found = extract(Counting(), ["one", "two", "one", "two"])
    assert (found.hits, found.encoded) == (2, 1)
    np.testing.assert_array_equal(found.rows, encode(ToySource(), ["one", "two", "one", "two"]))


def test_without_the_store_nothing_is_looked_up_or_kept(tmp_path):
    extract(Counting(), ["one", "two"], engine=PLAIN)
    assert not (tmp_path / "cache").exists()
    extract(Counting(), ["one", "two"])
    assert extract(Counting(), ["one", "two"], engine=PLAIN).encoded == 2


def test_a_source_without_a_key_is_never_kept(tmp_path):
    class Passing(Counting):
        def choose(self, *_):
            return None

    assert extract(Passing(), ["one", "two", "one"]).encoded == 3  # an item may be more than what is seen of it
    assert not (tmp_path / "cache").exists()


def test_choose_hears_of_the_engine_the_count_and_real_items():
    heard = []

    class Listening(Counting):
        def choose(self, engine, count, few):
            heard.append((engine.backend, count, few()))
            return super().choose(engine, count, few)

    extract(Listening(), ["one", "", "two"], engine=Engine(backend="torch"))
    assert heard == [("torch", 3, [b"one", b"two"])]


def test_other_bodies_and_other_layers_have_rows_of_their_own():
    rows = extract(ToySource(), TEXTS[:5]).rows
    assert extract(ToySource(seed=1), TEXTS[:5]).hits == 0
    last = extract(ToySource().with_layers("last"), TEXTS[:5])
    assert last.hits == 0
    np.testing.assert_array_equal(last.rows, rows[:, 32:])


def test_rows_of_positions_are_kept_too():
    source = ToySource(positions=True)
    texts = ["one two three", "four", "", "five six"]
    first = extract(source, texts)
    again = extract(source, [*texts[::-1], "seven"])
    assert (again.hits, again.encoded) == (3, 1)
    assert again.offsets.tolist() == [0, 2, 3, 6, 7]
    np.testing.assert_array_equal(again.rows[3:6], first.rows[:3])


def test_what_is_set_aside_is_not_kept_and_tried_again():
    class Moody(ToySource):
        broken = True

        def forward(self, prepared):
            rows = super().forward(prepared)
            if self.broken:
                rows[[text.startswith(b"b") for text in prepared]] = np.nan
            return rows

    first = extract(Moody(), ["bad", "good"])
    assert list(first.failures) == [0]
    Moody.broken = False
    second = extract(Moody(), ["bad", "good"])
    assert second.failures == {}
    assert (second.hits, second.encoded) == (1, 1)


def test_progress_begins_with_what_the_store_has_and_says_how():
    extract(Counting(), TEXTS[:30])
    heard = []
    extract(
        Counting(), [*TEXTS[:40], ""], engine=Engine(batch_size=5),
        progress=lambda done, total, detail: heard.append((done, total, detail)),
    )  # fmt: skip
    assert heard[0] == (30, 41, "30 from the store")
    assert heard[-1][:2] == (41, 41)
    assert heard[-1][2].endswith("/s, 30 from the store, 1 set aside")


def test_a_cache_that_cannot_be_written_is_said_and_the_work_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    found = extract(Counting(), ["one", "two"])
    assert found.encoded == 2
    assert len(found.notes) == 1
    assert str(tmp_path / "file") in found.notes[0]


KILLED = """
import time
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.sources.toy import ToySource

class Slow(ToySource):
    def choose(self, engine, count, few):
        return ToySource().choose(engine, count, few)

    def forward(self, prepared):
        time.sleep(0.01)
        return super().forward(prepared)

def step(done, total, detail):
    print(done, flush=True)

extract(Slow(), [f"text number {k} of many" for k in range(600)], engine=Engine(batch_size=10), progress=step)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX")
def test_a_killed_extraction_goes_on_where_it_was():
    rng = random.Random(0)
    kept = 0
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
        done = int(process.stdout.readline())
        assert done >= kept - 10  # no batch that was through is lost but the one that was being written
        for _ in range(rng.randrange(3, 9)):
            done = int(process.stdout.readline())
        time.sleep(rng.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        kept = done
    found = extract(ToySource(), TEXTS[:600])
    assert found.hits >= kept - 10
    np.testing.assert_array_equal(found.rows, encode(ToySource(), TEXTS[:600]))
