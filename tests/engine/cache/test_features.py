"""The feature store: what was put comes back, whatever happens to its folder; and nothing of it stops the work."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headstart.engine.cache import features as store
from headstart.engine.cache import row_database
from headstart.engine.cache.features import FeatureStore, open_store, stored_rows
from headstart.engine.cache.folder import cache_entries, remove_entry
from headstart.errors import ParameterError

FLOATS = st.sampled_from([np.float32, np.float64])


def key(item: int) -> bytes:
    return item.to_bytes(16, "little")


def keys(*items: int) -> list[bytes]:
    return [key(item) for item in items]


def rows(*items: int, width: int = 5) -> np.ndarray:
    return np.stack([np.random.default_rng(item).normal(size=width) for item in items]).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store"


def test_rows_come_back_in_the_order_of_the_keys(folder):
    with FeatureStore(folder) as one:
        one.put(keys(1, 2, 3), rows(1, 2, 3))
        found, got = one.get([*keys(3, 9), None, *keys(1, 3)])
    assert found.tolist() == [True, False, False, True, True]
    assert np.array_equal(got, rows(3, 1, 3))
    assert got.dtype == np.float32
    with FeatureStore(folder) as again:
        assert again.count() == 3
        assert np.array_equal(again.get(keys(2))[1], rows(2))
        assert again.notes == []


def test_keys_may_be_an_array(folder):
    names = np.frombuffer(b"".join(keys(1, 2)), np.uint8).reshape(2, 16)
    with FeatureStore(folder) as one:
        one.put(names, rows(1, 2))
        assert np.array_equal(one.get(names[::-1])[1], rows(2, 1))
        found, got = one.get(names[:0])
    assert (len(found), len(got)) == (0, 0)


def test_more_keys_than_one_transaction_reads(folder, monkeypatch):
    monkeypatch.setattr(store, "WINDOW", 7)
    some = range(0, 50, 2)
    with FeatureStore(folder) as one:
        one.put(keys(*some), rows(*some))
        found, got = one.get(keys(*range(50)))
    assert np.array_equal(np.flatnonzero(found), some)
    assert np.array_equal(got, rows(*some))


@settings(max_examples=30, deadline=None)
@given(data=st.data(), dtype=FLOATS, width=st.integers(0, 9), count=st.integers(1, 8), several=st.booleans())
def test_any_rows_come_back_bit_for_bit(tmp_path_factory, data, dtype, width, count, several):
    if several:
        lengths = data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
        values = [data.draw(hnp.arrays(dtype, (length, width))) for length in lengths]
    else:
        values = data.draw(hnp.arrays(dtype, (count, width)))
    with FeatureStore(tmp_path_factory.mktemp("any") / "store") as one:
        one.put(keys(*range(count)), values)
        found, got = one.get(keys(*range(count)))
    assert found.all()
    assert len(got) == count
    for before, after in zip(values, got, strict=True):
        assert (before.shape, before.dtype, before.tobytes()) == (after.shape, after.dtype, after.tobytes())


def test_large_puts_and_large_items(folder):
    with FeatureStore(folder) as one:
        one.put(keys(*range(40)), rows(*range(40), width=50_000))
        one.put(keys(99), [rows(99, width=1_000_000)])
        assert one.notes == []
        assert np.array_equal(one.get(keys(*range(40)))[1], rows(*range(40), width=50_000))
        assert np.array_equal(one.get(keys(99))[1][0], rows(99, width=1_000_000))


def test_what_another_process_has_written_is_found(folder):
    with FeatureStore(folder) as one:
        one.put(keys(1), rows(1))
        code = "import sys, numpy as np; from pathlib import Path\n"
        code += "from headstart.engine.cache.features import FeatureStore\n"
        code += "FeatureStore(Path(sys.argv[1])).put([bytes([k] * 16) for k in range(9)], np.ones((9, 10**6), 'f4'))"
        subprocess.run([sys.executable, "-c", code, folder], check=True)
        assert one.get([bytes([8] * 16)])[0].all()
        one.put(keys(2), rows(2))
        assert one.count() == 11
        assert one.notes == []


def test_a_row_that_is_there_is_not_written_again(folder):
    with FeatureStore(folder) as one:
        one.put([*keys(1, 1), None], rows(1, 1, 2))
        one.flush()
        size = (folder / "data.mdb").stat().st_size
        for _ in range(50):
            one.put(keys(1), rows(1))
        one.flush()
        assert one.count() == 1
        assert (folder / "data.mdb").stat().st_size == size


def test_every_damaged_byte_of_a_row_is_seen_and_the_row_mended(folder):
    with FeatureStore(folder) as one:
        one.put(keys(1, 2), rows(1, 2))
    path = folder / "data.mdb"
    raw = bytearray(path.read_bytes())
    place = raw.index(rows(2).tobytes())
    for offset in (0, 11, rows(2).nbytes - 1):
        damaged = raw.copy()
        damaged[place + offset] ^= 4
        path.write_bytes(damaged)
        with FeatureStore(folder) as one:
            assert one.get(keys(1, 2))[0].tolist() == [True, False]
            one.put(keys(2), rows(2))
            assert np.array_equal(one.get(keys(1, 2))[1], rows(1, 2))
            assert one.count() == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"no database at all" * (len(raw) // 18),
        lambda raw: bytes(len(raw)),
        lambda raw: raw[:100],
        lambda raw: raw[:8192],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:8192] + np.random.default_rng(0).bytes(len(raw) - 8192),
    ],
    ids=["foreign", "zeros", "cut header", "cut tree", "cut in half", "garbage"],
)
def test_a_damaged_file_is_set_aside_and_begun_anew(folder, damage):
    with FeatureStore(folder) as one:
        one.put(keys(*range(500)), rows(*range(500)))
    path = folder / "data.mdb"
    path.write_bytes(damage(path.read_bytes()))
    with FeatureStore(folder, {"source": "toy"}) as one:
        found, got = one.get(keys(*range(500)))
        assert np.array_equal(got, rows(*np.flatnonzero(found))) if found.any() else len(got) == 0
        one.put(keys(*range(500)), rows(*range(500)))
        assert np.array_equal(one.get(keys(*range(500)))[1], rows(*range(500)))
        assert all("damaged" in note for note in one.notes)
        assert len(one.notes) == 1


def test_a_folder_that_cannot_be_made_costs_the_cache_and_not_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    one = FeatureStore(tmp_path / "file" / "store")
    one.put(keys(1), rows(1))
    assert not one.get(keys(1))[0].any()
    assert one.count() == 0
    assert len(one.notes) == 1
    assert "cannot be used" in one.notes[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_costs_the_cache_and_not_the_work(tmp_path):
    tmp_path.chmod(0o500)
    one = FeatureStore(tmp_path / "store")
    one.put(keys(1), rows(1))
    assert not one.get(keys(1))[0].any()
    assert "Permission denied" in one.notes[0]
    tmp_path.chmod(0o700)


def test_a_network_disk_is_not_used(folder, monkeypatch):
    monkeypatch.setattr(store, "network_file_system", lambda _: "nfs4")
    one = FeatureStore(folder)
    one.put(keys(1), rows(1))
    assert not one.get(keys(1))[0].any()
    assert "network file system (nfs4)" in one.notes[0]
    assert not (folder / "data.mdb").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_stops_keeping_and_not_the_work(folder):
    code = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from headstart.engine.cache.features import FeatureStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))
store = FeatureStore(Path(sys.argv[1]))
for k in range(20):
    store.put([bytes([k] * 16)], np.full((1, 20_000), k, "f4"))
found, rows = store.get([bytes([k] * 16) for k in range(20)])
assert 5 < found.sum() < 20 and (rows[:, 0] == np.flatnonzero(found)).all(), found
assert len(store.notes) == 1 and "no more rows are kept" in store.notes[0], store.notes
"""
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_other_entries_make_room_and_then_no_more_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "1MB")
    wide = rows(*range(30), width=5000)  # 20 kB each
    with open_store("old", {"source": "a"}) as one:
        one.put(keys(*range(30)), wide)
    os.utime(tmp_path / "features" / "old" / "about.json", (1, 1))
    with open_store("new", {"source": "b"}) as one:
        for item in range(300):
            one.put(keys(item), rows(item, width=5000))
        found, _ = one.get(keys(*range(300)))
        assert 20 < found.sum() < 50
        assert found[:20].all()
        assert len(one.notes) == 1
        assert "HEADSTART_CACHE_LIMIT" in one.notes[0]
    assert [entry.key for entry in cache_entries()] == ["new"]
    assert sum(entry.bytes for entry in cache_entries()) < 1.05e6


def test_a_limit_that_cannot_be_read_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "plenty")
    with pytest.raises(ParameterError, match=r"HEADSTART_CACHE_LIMIT .* Got 'plenty' instead"):
        FeatureStore(tmp_path)


def test_a_store_that_is_removed_while_it_is_open_is_begun_anew(folder):
    with FeatureStore(folder, {"source": "toy"}) as one:
        one.put(keys(1), rows(1))
        one.flush()
        assert remove_entry(folder)
        assert not one.get(keys(1))[0].any()
        one.put(keys(1, 2), rows(1, 2))
        assert np.array_equal(one.get(keys(1, 2))[1], rows(1, 2))
        assert one.notes == []
    assert (folder / "about.json").exists()


def test_threads_read_and_write_one_store_through_several_objects(folder):
    stores = [FeatureStore(folder) for _ in range(3)]

    def work(number: int) -> int:
        one = stores[number % 3]
        for begin in range(0, 100, 10):
            items = range(number * 100 + begin, number * 100 + begin + 10)
            one.put(keys(*items), rows(*items, width=200))
            found, got = one.get(keys(*items))
            assert found.all()
            assert np.array_equal(got, rows(*items, width=200))
        return number

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == list(range(6))
    for one in stores:
        assert one.count() == 600
        assert one.notes == []
        one.close()
    with FeatureStore(folder) as one:
        assert np.array_equal(one.get(keys(*range(600)))[1], rows(*range(600), width=200))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # other tests left threads behind
def test_a_forked_child_and_its_parent_go_on(folder):
    with FeatureStore(folder) as one:
        one.put(keys(1), rows(1))
        one.flush()

        def child() -> None:
            assert np.array_equal(one.get(keys(1))[1], rows(1))
            one.put(keys(2), rows(2))
            one.flush()
            assert one.notes == []

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(30)
        assert process.exitcode == 0
        one.put(keys(3), rows(3))
        assert np.array_equal(one.get(keys(1, 2, 3))[1], rows(1, 2, 3))
        assert one.notes == []


def test_readers_that_were_killed_are_in_nobodys_way(folder):
    with FeatureStore(folder) as one:
        one.put(keys(1), rows(1))
        code = (
            "import os, sqlite3, sys; rows = sqlite3.connect(sys.argv[1], isolation_level=None); rows.execute('BEGIN');"
            "rows.execute('SELECT * FROM rows').fetchone(); os._exit(9)"
        )
        for item in range(2, 4):
            assert subprocess.run([sys.executable, "-c", code, folder / "data.mdb"], check=False).returncode == 9
            one.put(keys(item), rows(item))
            assert one.get(keys(1, item))[0].all()
        assert one.notes == []


def test_rows_may_be_changed_once_they_are_put(folder):
    with FeatureStore(folder) as one:
        for item in range(20):
            changing = rows(item)
            one.put(keys(item), changing)
            changing[:] = 0
        assert np.array_equal(one.get(keys(*range(20)))[1], rows(*range(20)))


def test_a_closed_store_gives_nothing(folder):
    one = FeatureStore(folder)
    one.put(keys(1), rows(1))
    one.close()
    one.close()
    one.put(keys(2), rows(2))
    assert not one.get(keys(1))[0].any()
    assert stored_rows(folder) == 1


def test_a_file_is_opened_once_in_a_process_and_closed_by_the_last(folder):
    with FeatureStore(folder) as one:
        first = row_database.acquire(folder)
        with FeatureStore(folder) as two:
            two.put(keys(1), rows(1))
            assert row_database.acquire(folder) is first
        assert one.count() == 1
        row_database.release(first)
        row_database.release(first)
    again = row_database.acquire(folder)
    assert again is not first
    row_database.release(again)


def test_a_file_of_an_earlier_release_is_replaced_without_a_word(folder):
    folder.mkdir(parents=True)
    (folder / "data.mdb").write_bytes(bytes(16) + row_database.LMDB_MAGIC + bytes(8000))
    with FeatureStore(folder) as one:
        one.put(keys(1), rows(1))
        assert one.get(keys(1))[0].all()
        assert one.notes == []


def test_rows_of_a_folder_that_is_no_store_are_unknown(tmp_path):
    assert stored_rows(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "data.mdb").write_bytes(b"no store" * 2000)
    assert stored_rows(tmp_path) is None
