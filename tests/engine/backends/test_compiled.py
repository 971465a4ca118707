"""torch.compile: never for little work, dropped where it fails, differs or does not help."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from headstart.engine.backends import compiled
from headstart.engine.backends.compiled import CompileWhenItPays, can_compile


class Clock:
    """Seconds that pass only where the work says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(compiled, "perf_counter", clock)
    return clock


def work(clock, seconds, change=0.0):
    def run(batch):
        clock.now += seconds
        tensor = next(iter(batch.values())) if isinstance(batch, Mapping) else batch
        return tensor * 2 + change * torch.arange(tensor.shape[-1])

    return run


def run(clock, remaining, batches, fast, *, able=True, precision="fp32", eager_seconds=1.0):
    """How often it compiled and its note, after so many batches of ten items."""
    asked = []

    def compile_(_eager):
        asked.append(1)
        clock.now += 30
        return fast

    function = CompileWhenItPays(
        work(clock, eager_seconds), lambda: remaining, precision=precision, able=able, compile_=compile_
    )
    batch = torch.ones(10, 3)
    for _ in range(batches):
        torch.testing.assert_close(function(batch), batch * 2)
    return len(asked), function.note


def test_much_work_is_compiled_once(clock):
    count, note = run(clock, 10_000, 70, work(clock, 0.5))
    assert count == 1
    assert "2.0 times as fast" in note


@pytest.mark.parametrize(
    ("remaining", "batches", "able"),
    [(10_000, 59, True), (3_000, 200, True), (10_000, 200, False)],
    ids=["not yet a minute of work", "little work is left", "no compiler"],
)
def test_less_work_is_not(remaining, batches, able, clock):
    assert run(clock, remaining, batches, work(clock, 0.5), able=able) == (0, "")


def test_a_failure_is_said_and_the_work_goes_on(clock):
    def fail(_batch):
        raise ValueError("no such operator")

    count, note = run(clock, 10_000, 200, fail)
    assert count == 1
    assert "failed (ValueError)" in note


def test_rows_that_differ_are_not_taken(clock):
    count, note = run(clock, 10_000, 200, work(clock, 0.5, change=0.05))
    assert count == 1
    assert "cosine of 0.99" in note


def test_what_is_no_faster_is_not_taken(clock):
    count, note = run(clock, 10_000, 200, work(clock, 1.5))
    assert count == 1
    assert "no faster" in note


@pytest.mark.parametrize(
    ("batch", "changing"),
    [
        ({"ids": torch.ones(2, 5), "pictures": torch.ones(2, 3, 4, 4)}, [(2, 0), (2, 1), (4, 0)]),
        (torch.ones(2, 3, 4, 4), [(4, 0)]),
    ],
)
def test_the_compiler_is_told_which_sizes_change(batch, changing, clock, monkeypatch):
    """Axes, of arrays with so many: the number of items, and in a mapping the length of texts."""
    marked = []
    monkeypatch.setattr(torch._dynamo, "maybe_mark_dynamic", lambda tensor, axis: marked.append((tensor.ndim, axis)))
    monkeypatch.setattr(compiled, "COMPILE_SECONDS", 0.0)
    function = CompileWhenItPays(
        work(clock, 1.0), lambda: 10, precision="fp32", able=True, compile_=lambda _: work(clock, 0.5)
    )
    function(batch)
    assert marked == changing


@pytest.mark.slow
@pytest.mark.skipif(not can_compile("cpu"), reason="there is no C++ compiler")
def test_the_real_compiler(monkeypatch):
    monkeypatch.setattr(compiled, "COMPILE_SECONDS", 0.0)
    layer = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.GELU()).eval()
    function = CompileWhenItPays(layer, lambda: 10**9, precision="fp32", able=True)
    with torch.inference_mode():
        for count in (32, 32, 17, 32):
            x = torch.from_numpy(np.random.default_rng(count).normal(size=(count, 64)).astype(np.float32))
            torch.testing.assert_close(function(x), layer(x), atol=1e-5, rtol=1e-5)
    assert "compiled in" in function.note or "no faster" in function.note
