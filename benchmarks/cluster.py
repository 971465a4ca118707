"""Moments of pictures on Ray: 1, 2 and 4 workers on this machine, and with one of them killed during the run.

python benchmarks/cluster.py [--times 10] [--repeats 5]

The images are those of hymenoptera, repeated so that the work takes longer than the start of the workers. Features are
not stored, so all images are encoded. Every run must give the moments of a single process to the last bit.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, MIB, say, table, write_section

from headstart.engine.body.machine import cores
from headstart.engine.capabilities import runtime_of
from headstart.engine.moments import ItemMoments, moments_of
from headstart.engine.options import Engine
from headstart.engine.ray.session import ray_session
from headstart.sources import open_source

SOURCE = f"local:{DATA / 'weights' / 'mobilenetv2_100.tv_in1k.safetensors'}"
ARCHIVE = DATA / "images" / "hymenoptera.tar"
WORKERS = (1, 2, 4)


class Deadly:
    """A source that once kills the worker that encodes a certain batch."""

    def __init__(self, source: Any, batches: int, marker: Path) -> None:
        self.source, self.batches, self.marker = source, batches, marker

    def __getattr__(self, name: str) -> Any:
        if name == "source":  # asked for while it is unpacked in another process
            raise AttributeError(name)
        return getattr(self.source, name)

    def forward(self, prepared: Sequence[Any]) -> Any:
        """The features, unless this is that batch."""
        self.batches -= 1
        if self.batches < 0 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.source.forward(prepared)


@dataclass
class Clock:
    """The times at which chunks were returned."""

    began: float
    first: float = 0.0
    done_first: int = 0
    last: float = 0.0
    done: int = 0

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        """Record that so many items are done."""
        self.last, self.done = time.perf_counter(), done
        if not self.done_first:
            self.first, self.done_first = self.last, done

    def row(self, name: str) -> tuple[str, float, float, float]:
        """Total seconds, items per second in total, and after the first chunk, when the workers have started."""
        seconds = self.last - self.began
        return name, seconds, self.done / seconds, (self.done - self.done_first) / max(self.last - self.first, 1e-9)


def run(name: str, work: Callable[[Clock], ItemMoments], expected: ItemMoments | None) -> tuple[Any, ItemMoments]:
    clock = Clock(time.perf_counter())
    found = work(clock)
    if expected is not None:
        arrays = found.moments.to_arrays()
        same = all(np.array_equal(arrays[key], value) for key, value in expected.moments.to_arrays().items())
        if not same or found.failures != expected.failures:
            raise SystemExit(f"{name} gave other moments than one process")
    row = clock.row(name)
    say(f"{name}: {row[1]:.1f} s, {row[2]:.0f} items/s, {row[3]:.0f}/s after the first chunk")
    return row, found


def pictures(folder: Path) -> list[str]:
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(folder, filter="data")
    return sorted(str(path) for path in folder.rglob("*.jpg"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="how often each picture is encoded")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = pictures(Path(scratch))
        items = files * options.times
        targets = np.random.default_rng(0).normal(size=(len(items), 2))
        source = open_source(SOURCE, modality="image")
        here = Engine(cache=False)
        moments_of(source, files, targets[: len(files)], engine=here)  # converts the body where that was not done yet

        def alone(clock: Clock) -> ItemMoments:
            return moments_of(source, items, targets, engine=here, progress=clock)

        def spread(clock: Clock, workers: int, marker: Path | None = None) -> ItemMoments:
            sent = source if marker is None else Deadly(source, len(items) // 32 // workers // 2, marker)
            engine = Engine(cache=False, ray="auto", workers=workers)
            return moments_of(sent, items, targets, engine=engine, progress=clock)

        rows: dict[str, list[Any]] = {}
        expected: ItemMoments | None = None
        with ray_session("auto", max(WORKERS)):
            for repeat in range(options.repeats):
                row, found = run("one process", alone, expected)
                expected = expected or found
                rows.setdefault(row[0], []).append(row)
                for workers in WORKERS:
                    row, _ = run(f"Ray, {workers} workers", partial(spread, workers=workers), expected)
                    rows.setdefault(row[0], []).append(row)
                marker = Path(scratch) / f"killed-{repeat}"
                row, _ = run("Ray, 2 workers, one killed", partial(spread, workers=2, marker=marker), expected)
                if not marker.exists():
                    raise SystemExit("no worker was killed")
                rows.setdefault(row[0], []).append(row)
    if expected is None:
        raise SystemExit("--repeats must be at least 1")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    cells = [
        [name, *(f"{statistics.median(row[k] for row in found):,.{digits}f}" for k, digits in ((1, 1), (2, 0), (3, 0)))]
        for name, found in rows.items()
    ]
    form = str(runtime_of(source))
    most = cores()
    lines = [
        f"This machine has {most} CPU cores, and one process uses them all, so that workers on it add little; more "
        f"workers than cores (more than {most}) cannot scale.",
        "",
        f"Moments of {len(items):,} pictures (hymenoptera, {options.times} times), MobileNetV2 tv by {form}, "
        f"{expected.moments.num_features:,} features; medians of {options.repeats}, the "
        "start of the workers included. All runs gave the moments of one process to the last bit.",
        "",
        *table(["run", "seconds", "items/s", "items/s after the first chunk"], cells),
        "",
        f"Peak memory of the process that asked: {peak:,.0f} MiB.",
    ]
    write_section("Ray", lines)


if __name__ == "__main__":
    main()
