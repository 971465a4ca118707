"""Writers that are killed and writers at once, in processes of their own; this file is also the program they run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from headstart.engine.cache.features import FeatureStore
from headstart.engine.pipeline.digest import item_digest

BATCH, WIDTH, BATCHES = 8, 300, 400
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forked")


def key(item: int) -> bytes:
    found = item_digest(str(item), "text")
    assert found is not None
    return found


def row(item: int) -> np.ndarray:
    return np.random.default_rng(item).normal(size=WIDTH).astype(np.float32)


def write(folder: Path, batches: list[int], pipe: int) -> None:
    """Put batch after batch, and tell each that is committed."""
    store = FeatureStore(folder)
    for batch in batches:
        items = range(batch * BATCH, (batch + 1) * BATCH)
        store.put([key(item) for item in items], np.stack([row(item) for item in items]))
        store.flush()
        os.write(pipe, batch.to_bytes(4, "little"))
    assert store.notes == []


def forked(folder: Path, batches: list[int]) -> tuple[int, int]:
    """A process that writes; its id, and the pipe by which it tells what is committed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        write(folder, batches, writing)
        os._exit(0)
    os.close(writing)
    return child, reading


def told(pipe: int) -> list[int]:
    with os.fdopen(pipe, "rb") as file:
        raw = file.read()
    return [int.from_bytes(raw[k : k + 4], "little") for k in range(0, len(raw) - 3, 4)]


def whole_batches(folder: Path, batches: list[int]) -> set[int]:
    """Those that are there; no batch is there in part and no row is wrong."""
    with FeatureStore(folder) as store:
        there = set()
        for batch in batches:
            items = list(range(batch * BATCH, (batch + 1) * BATCH))
            found, rows = store.get([key(item) for item in items])
            assert found.all() or not found.any()
            if found.any():
                assert np.array_equal(np.asarray(rows), np.stack([row(item) for item in items]))
                there.add(batch)
        assert store.notes == []
        return there


def kill_writers(folder: Path, kills: int) -> None:
    """Start, kill at a random moment, look what is there, resume; in the end all is there. A full store gives way."""
    rng = random.Random(kills)
    full, done, caught = 0, 0, 0
    for _ in range(kills):
        place = folder / str(full)
        child, pipe = forked(place, list(range(done, BATCHES)))
        time.sleep(rng.uniform(0.005, 0.06))
        os.kill(child, signal.SIGKILL)
        caught += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        committed = told(pipe)
        there = whole_batches(place, list(range(done, BATCHES)))
        assert set(committed) <= there
        assert len(there) <= len(committed) + 1, "nothing but the batch in flight is there or not there"
        done += len(committed)
        full, done = (full + 1, 0) if done == BATCHES else (full, done)
    assert caught > kills / 2
    child, pipe = forked(folder / str(full), list(range(BATCHES)))
    os.waitpid(child, 0)
    assert told(pipe) == list(range(BATCHES))
    for k in range(full + 1):
        assert whole_batches(folder / str(k), list(range(BATCHES))) == set(range(BATCHES))


def write_at_once(folder: Path, processes: int) -> None:
    """Each writes everything in an order of its own."""
    orders = [random.Random(k).sample(range(BATCHES), BATCHES) for k in range(processes)]
    writers = [forked(folder, order) for order in orders]
    for (child, pipe), order in zip(writers, orders, strict=True):
        assert told(pipe) == order
        assert os.waitpid(child, 0)[1] == 0
    assert whole_batches(folder, list(range(BATCHES))) == set(range(BATCHES))
    with FeatureStore(folder) as store:
        assert store.count() == BATCHES * BATCH
    rows = BATCHES * BATCH * WIDTH * 4
    assert (folder / "data.mdb").stat().st_size < 1.5 * rows, "each row is kept once"


def run(job: str, folder: Path, number: int) -> None:
    done = subprocess.run(
        [sys.executable, __file__, job, str(folder), str(number)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_ten_kills_lose_no_committed_row_and_give_no_wrong_one(tmp_path):
    run("kill_writers", tmp_path / "store", 10)


@pytest.mark.slow
def test_two_hundred_kills_lose_no_committed_row_and_give_no_wrong_one(tmp_path):
    run("kill_writers", tmp_path / "store", 200)


def test_four_processes_fill_one_store_at_once(tmp_path):
    run("write_at_once", tmp_path / "store", 4)


if __name__ == "__main__":
    {"kill_writers": kill_writers, "write_at_once": write_at_once}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
