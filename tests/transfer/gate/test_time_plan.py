"""A time limit is kept, on a clock that only the work of the body moves: no test here sleeps."""

import time

import numpy as np
import pytest

from headstart.engine.options import Engine
from headstart.reporting import SilentReporter
from headstart.sources import module
from headstart.sources.toy_shift import toy_shift
from headstart.transfer import fit


class SlowClock:
    """Seconds that pass only as a body runs: forward for each item, and twice that for its gradients."""

    def __init__(self, item, *, busier=1.0):
        self.now, self.item, self.busier, self.calls = 0.0, item, busier, 0

    def __call__(self):
        return self.now

    def spend(self, items):
        self.calls += 1
        # the machine becomes busier as time goes by, so whatever was measured before was too quick
        self.now += self.item * items * (self.busier if self.calls > 60 else 1.0)


def slow_source(clock):
    body = toy_shift().source.module

    def forward(_module, inputs, output):
        clock.spend(len(inputs[0]))
        if output.requires_grad:
            output.register_hook(lambda _: clock.spend(2 * len(inputs[0])))

    body.register_forward_hook(forward)
    return module(body, lambda row: np.asarray(row, np.float32).reshape(3, 3, 10), name="slow", modality="vector")


class Said(SilentReporter):
    def __init__(self):
        self.lines = []

    def line(self, label, text):
        self.lines.append(f"{label}: {text}")

    def warning(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def data():
    shift = toy_shift()
    task, y = shift.train.labelled()
    return np.stack(shift.train.items).reshape(len(y), -1), [task.labels[k] for k in y]


def run(data, clock, monkeypatch, limit, strategy):
    source = slow_source(clock)
    monkeypatch.setattr(time, "perf_counter", clock)
    said = Said()
    found = fit(
        data, source=source, strategy=strategy, time_limit=limit, baselines="all", reporter=said,
        engine=Engine("torch", cache=False), training={"epochs": 20, "learning_rate": 0.02},
    )  # fmt: skip
    return found, said.lines


slow = pytest.mark.slow
CASES = [
    pytest.param("lp_ft", 120.0, 2.0, True),
    pytest.param("auto:lp_ft,bitfit", 300.0, 2.0, True),
    pytest.param("contrastive", 400.0, 2.0, True, marks=slow),
    pytest.param("soup", 600.0, 2.0, True, marks=slow),
    pytest.param("auto", 120.0, 1.0, False, marks=slow),
    pytest.param("auto", 300.0, 1.0, True, marks=slow),
    pytest.param("auto", 300.0, 3.0, True, marks=slow),
    pytest.param("auto:lp_ft,bitfit", 600.0, 2.0, True, marks=slow),
]


@pytest.mark.parametrize(("strategy", "limit", "busier", "trained"), CASES)
def test_a_fit_ends_within_a_tenth_of_its_limit(data, monkeypatch, strategy, limit, busier, trained):
    """Kind: a plan of 792 s was begun with 7 minutes left.

    Frozen features take 18 s here, a complete training 290 s, a pilot 80 s, and the machine becomes ``busier`` after
    all costs were measured.
    """
    clock = SlowClock(0.02, busier=busier)
    found, lines = run(data, clock, monkeypatch, limit, strategy)
    assert clock.now <= 1.1 * limit, "\n".join(lines)
    strategies = found.record["strategy"]
    assert (len(strategies["candidates"]) > 2) == trained
    if not trained:
        assert "it would take about" in strategies["forecast"]["verdict"]


def test_a_named_strategy_without_time_for_an_epoch_stays_frozen_and_says_so(data, monkeypatch):
    clock = SlowClock(0.02)
    found, lines = run(data, clock, monkeypatch, 15.0, "lp_ft")
    assert found.record["strategy"]["kept"] == "head"
    assert [line for line in lines if "was not trained" in line and "--time-limit allows more" in line]
    assert clock.now <= 16.5
