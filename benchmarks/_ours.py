"""Headstart's variants, and the limits that they are measured against.

Each function takes the settings of a `_common.Worker` and returns the function to run.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _plain import Run, Settings

from headstart.engine.extract import extract
from headstart.engine.extraction import Extraction
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.sources import open_source

THREADS = os.cpu_count() or 1


@contextmanager
def fresh_cache(bodies: str) -> Iterator[None]:
    """An empty feature store; converted bodies are shared through the folder ``bodies``."""
    with tempfile.TemporaryDirectory(prefix="headstart-benchmark-") as folder:
        Path(bodies).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "bodies").symlink_to(bodies, target_is_directory=True)
        before = os.environ["HEADSTART_CACHE"]
        os.environ["HEADSTART_CACHE"] = folder
        try:
            yield
        finally:
            os.environ["HEADSTART_CACHE"] = before


def _extract(source: Any, items: Sequence[Any], engine: Engine, *, hits: int = 0) -> tuple[Extraction, float]:
    """Extract, and check that the expected number of items came from the store and that none was set aside."""
    started = time.perf_counter()
    found = extract(source, items, engine=engine)
    seconds = time.perf_counter() - started
    if found.hits != hits or found.failures:
        raise RuntimeError(f"{found.hits} items came from the store, {hits} should have; failures: {found.failures}")
    return found, seconds


def extraction(settings: Settings) -> Run:
    """Items to stored features: every run fills a new feature store."""
    engine = Engine(backend=settings["backend"])
    source = open_source(settings["source"], modality=settings["modality"])
    items = settings["items"]

    def run() -> dict[str, Any]:
        with fresh_cache(settings["bodies"]):
            found, seconds = _extract(source, items, engine)
        if "out" in settings:
            np.save(settings["out"], found.rows[:, -source.info.blocks[-1].width :])
        form = f"{found.backend} {found.precision}".strip()
        return {"seconds": seconds, "count": len(items), "form": form, "width": found.rows.shape[1]}

    if settings["warm"]:
        run()
    return run


def bare_backend(settings: Settings) -> Run:
    """The body alone: it gets the batches of the pipeline again, in as many streams as it can use."""
    recorded: list[tuple[FrozenBody, Any]] = []
    original = FrozenBody.__call__

    def record(body: FrozenBody, batch: Any) -> Any:
        recorded.append((body, batch))
        return original(body, batch)

    source = open_source(settings["source"], modality=settings["modality"])
    FrozenBody.__call__ = record  # type: ignore[method-assign]
    try:
        extract(source, settings["items"], engine=Engine(backend=settings["backend"], cache=False))
    finally:
        FrozenBody.__call__ = original  # type: ignore[method-assign]
    count = sum(len(next(iter(batch.values())) if isinstance(batch, dict) else batch) for _, batch in recorded)
    if count == 0:
        raise RuntimeError(f"The source '{source.info.name}' runs no FrozenBody, so its batches cannot be seen.")
    pool = ThreadPoolExecutor(getattr(source, "streams", 1))

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        for _ in pool.map(lambda pair: original(*pair), recorded):
            pass
        return {"seconds": time.perf_counter() - started, "count": count}

    run()
    return run


def bare_preparing(settings: Settings) -> Run:
    """Reading and preprocessing alone, on all cores."""
    source: Any = open_source(settings["source"], modality=settings["modality"])
    items = settings["items"]
    many = getattr(source, "prepare_many", None) or (lambda few: [source.prepare(item) for item in few])
    chunks = [items[k : k + 8] for k in range(0, len(items), 8)]
    pool = ThreadPoolExecutor(THREADS)

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        for _ in pool.map(many, chunks):
            pass
        return {"seconds": time.perf_counter() - started, "count": len(items)}

    run()
    return run


def overhead(settings: Settings) -> Run:
    """The same extraction with a new feature store and without one, alternating."""
    source = open_source(settings["source"], modality=settings["modality"])
    items = settings["items"]

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        pairs = []
        with fresh_cache(settings["bodies"]):
            _extract(source, items, Engine(cache=False))
        for number in range(settings["repeats"]):
            seconds = {}
            for cache in (True, False) if number % 2 else (False, True):
                with fresh_cache(settings["bodies"]):
                    seconds[cache] = _extract(source, items, Engine(cache=cache))[1]
            pairs.append(seconds)
        on, off = (statistics.median(pair[cache] for pair in pairs) for cache in (True, False))
        each = [pair[True] / pair[False] - 1 for pair in pairs]
        passed = time.perf_counter() - started
        return {"seconds": passed, "count": len(items), "on": on, "off": off, "each": each}

    return run


def _different(items: Sequence[str], modality: str) -> list[str]:
    """The items without those whose content occurred before."""
    contents = items if modality == "text" else [Path(item).read_bytes() for item in items]
    return list(dict(zip(reversed(contents), reversed(items), strict=True)).values())[::-1]


def again(settings: Settings) -> Run:
    """All but ``new`` items, the same again from the store, then all items."""
    source = open_source(settings["source"], modality=settings["modality"])
    items, new, engine = _different(settings["items"], settings["modality"]), settings["new"], Engine()
    old = items[:-new]

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        found = []
        with fresh_cache(settings["bodies"]):
            _extract(source, items, Engine(cache=False))  # the body is loaded
        for _ in range(settings["repeats"]):
            with fresh_cache(settings["bodies"]):
                first, first_seconds = _extract(source, old, engine)
                second, second_seconds = _extract(source, old, engine, hits=len(old))
                more, more_seconds = _extract(source, items, engine, hits=len(old))
            same = np.array_equal(first.rows, second.rows) and np.array_equal(first.rows, more.rows[: len(old)])
            if not same:
                raise RuntimeError("The store gave other rows than the body.")
            found.append((first_seconds, second_seconds, more_seconds, second.encoded, more.encoded))
        medians = [statistics.median(column) for column in zip(*found, strict=True)]
        passed = time.perf_counter() - started
        return {"seconds": passed, "count": len(items), "medians": medians}

    return run
