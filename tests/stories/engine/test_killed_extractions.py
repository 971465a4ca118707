"""Extractions that are killed at any moment and started again; this file is also the program that is killed.

Each tells which items it is about to put into the feature store, and which it has put. A put waits for the one before,
so that at most the last that was told as put may be missing.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.engine.cache.features import FeatureStore, open_store
from headstart.engine.extract import extract
from headstart.engine.moments import moments_of
from headstart.engine.options import Engine
from headstart.engine.pipeline.digest import item_digest
from headstart.sources import open_source
from headstart.sources.toy import ToySource

BATCH, TEXTS, PHOTOS = 8, 320, 120
PROCESSES = 4
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a signal of POSIX")


@dataclass(frozen=True)
class Slow(ToySource):
    """A toy that takes its time, and whose rows are no whole numbers, so that the order of a sum shows."""

    pause: float = 0.0

    def forward(self, prepared):
        time.sleep(self.pause)
        return super().forward(prepared) * np.float32(0.37) + np.float32(0.1)


@dataclass(frozen=True)
class Work:
    """Items for a source: the toy's texts, or photos for MobileNetV2 where a checkpoint is given."""

    checkpoint: str = ""
    photos: str = ""

    @property
    def modality(self) -> str:
        return "image" if self.checkpoint else "text"

    @cached_property
    def engine(self) -> Engine:
        return Engine(batch_size=BATCH, backend="openvino" if self.checkpoint else "auto")

    def source(self, pause: float = 0.0) -> Any:
        return open_source(f"local:{self.checkpoint}") if self.checkpoint else Slow(pause=pause)

    @cached_property
    def items(self) -> list[str]:
        if self.checkpoint:
            return sorted(str(path) for path in Path(self.photos).rglob("*.jpg"))[:PHOTOS]
        return [f"text number {k} of many{'.' * (k % 7)}" for k in range(TEXTS)]

    @cached_property
    def digests(self) -> list[bytes]:
        found = [item_digest(item, self.modality) for item in self.items]
        return [digest for digest in found if digest is not None]

    @cached_property
    def targets(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(len(self.items), 2))


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nobody kills gives: rows, moments, and the key of its rows in the store."""

    work: Work
    key: str
    rows: np.ndarray
    moments: dict[str, np.ndarray]

    @classmethod
    def of(cls, work: Work) -> Undisturbed:
        source = work.source()
        found = extract(source, work.items, engine=work.engine)
        assert (found.hits, found.encoded, found.failures) == (0, len(set(work.digests)), {})
        key = source.choose(work.engine, len(work.items), list)
        return cls(work, key, np.asarray(found.rows), moments(work, source))

    def check_store(self) -> set[bytes]:
        """Which items are there; each has its row."""
        with open_store(self.key) as store:
            found, rows = store.get(self.work.digests)
            assert store.notes == []
        if found.any():
            np.testing.assert_array_equal(rows, self.rows[found])
        return {digest for digest, there in zip(self.work.digests, found, strict=True) if there}

    def check_finished(self) -> None:
        """Everything is there, once, and gives the same moments to the last bit."""
        with open_store(self.key) as store:
            assert store.count() == len(set(self.work.digests))
        again = extract(self.work.source(), self.work.items, engine=self.work.engine)
        assert (again.hits, again.encoded) == (len(self.work.items), 0)
        np.testing.assert_array_equal(again.rows, self.rows)
        found = moments(self.work, self.work.source())
        assert found.keys() == self.moments.keys()
        assert all(np.array_equal(found[name], self.moments[name]) for name in found)


def moments(work: Work, source: Any) -> dict[str, np.ndarray]:
    return moments_of(source, work.items, work.targets, engine=work.engine).moments.to_arrays()


@dataclass(frozen=True)
class Told:
    """What a process told: the batches that it was about to put, and those that it had put."""

    begun: list[set[bytes]]
    put: list[set[bytes]]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Told:
        words = [line.split() for line in lines if line.endswith("\n")]
        begun, put = (
            [{bytes.fromhex(key) for key in keys} for what, *keys in words if what == kind] for kind in ("begun", "put")
        )
        return cls(begun, put)


class Running:
    """An extraction in a process of its own."""

    def __init__(self, work: Work, order: int) -> None:
        command = [sys.executable, __file__, str(order), work.checkpoint, work.photos]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def kill(self, rng: random.Random) -> bool:
        """At a random moment, counted from one of its first lines on; False where it had finished."""
        for _ in range(rng.randrange(1, 14)):
            self.lines.append(self.process.stdout.readline())
        time.sleep(rng.uniform(0, 0.01))
        self.process.kill()
        code = self._end()
        assert code in (0, -signal.SIGKILL)
        return code != 0

    def finish(self) -> None:
        assert self._end() == 0

    def _end(self) -> int:
        with self.process as process:  # not communicate(), which would pass over what readline has read ahead
            self.lines += process.stdout.readlines()  # what nobody has read until now fits into the pipe
            assert process.stderr.read() == ""
        return process.returncode


def check_killed(expected: Undisturbed, before: set[bytes], told: Told) -> set[bytes]:
    """No wrong row, nothing lost but the batch in flight, and no batch in part; gives what is there."""
    there = expected.check_store()
    assert before <= there
    assert set().union(*told.put[:-1]) <= there
    assert there <= before.union(*told.begun)
    assert all(batch <= there or not (batch - before) & there for batch in told.begun)
    return there


def kill_and_resume(expected: Undisturbed, kills: int, new_cache: Any) -> int:
    """Kill and start again until so many were killed; a finished one gives way to a new store. Gives their number."""
    rng = random.Random(kills)
    caught, stores, there = 0, 1, set()
    new_cache()
    while caught < kills:
        running = Running(expected.work, 0)
        killed = running.kill(rng)
        caught += killed
        there = check_killed(expected, there, Told.of(running.lines))
        if not killed:
            expected.check_finished()
            stores, there = stores + 1, set()
            new_cache()
    Running(expected.work, 0).finish()
    expected.check_finished()
    return stores


def fill_at_once(expected: Undisturbed, kills: int) -> None:
    """Four processes, each in an order of its own; some are killed and started again."""
    rng = random.Random(kills)
    running = [Running(expected.work, order) for order in range(PROCESSES)]
    there: set[bytes] = set()
    for _ in range(kills):
        unlucky = rng.randrange(PROCESSES)
        running[unlucky].kill(rng)
        now = expected.check_store()
        assert there.union(*Told.of(running[unlucky].lines).put[:-1]) <= now
        there = now
        running[unlucky] = Running(expected.work, unlucky)
    for one in running:
        one.finish()
    expected.check_finished()


@pytest.fixture
def new_cache(tmp_path, monkeypatch):
    """A function that makes the next cache folder the one in use."""
    made = []

    def make(bodies: Path | None = None) -> Path:
        made.append(tmp_path / f"cache {len(made)}")
        monkeypatch.setenv("HEADSTART_CACHE", str(made[-1]))
        if bodies is not None:
            shutil.copytree(bodies, made[-1] / "bodies")
        return made[-1]

    return make


@pytest.fixture
def undisturbed(new_cache):
    new_cache()
    return Undisturbed.of(Work())


@pytest.mark.slow
def test_five_kills_give_the_moments_of_an_undisturbed_run(undisturbed, new_cache):
    kill_and_resume(undisturbed, 5, new_cache)


@pytest.mark.slow
def test_two_hundred_kills_give_the_moments_of_an_undisturbed_run(undisturbed, new_cache):
    assert kill_and_resume(undisturbed, 200, new_cache) > 5


@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.slow
def test_four_processes_give_the_moments_of_one(undisturbed, new_cache, kills):
    new_cache()
    fill_at_once(undisturbed, kills)


@pytest.mark.slow
def test_four_processes_of_which_many_are_killed(undisturbed, new_cache):
    for kills in range(6, 12):
        new_cache()
        fill_at_once(undisturbed, kills)


@pytest.mark.slow
@pytest.mark.realdata
def test_kills_while_photos_are_encoded(real_data, unpacked, new_cache):
    if find_spec("openvino") is None:
        pytest.skip("OpenVINO is not installed")
    checkpoint = real_data / "weights" / "mobilenetv2_100.tv_in1k.safetensors"
    work = Work(str(checkpoint), str(unpacked("images/hymenoptera.tar") / "val"))
    bodies = new_cache() / "bodies"
    expected = Undisturbed.of(work)
    kill_and_resume(expected, 6, lambda: new_cache(bodies))
    new_cache(bodies)
    fill_at_once(expected, 3)


def tell(what: str, keys: Sequence[bytes | None]) -> None:
    """A line, written at once or not at all."""
    os.write(1, f"{what} {' '.join(key.hex() for key in keys if key)}\n".encode())


def main(order: int, checkpoint: str, photos: str) -> None:
    """Extract, and tell of every put."""
    put = FeatureStore.put

    def told(store: FeatureStore, keys: Any, rows: Any) -> None:
        tell("begun", keys)
        put(store, keys, rows)
        tell("put", keys)

    FeatureStore.put = told
    work = Work(checkpoint, photos)
    items = random.Random(order).sample(work.items, len(work.items))
    tell("start", ())
    extract(work.source(pause=0.003), items, engine=work.engine)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
