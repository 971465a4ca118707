"""The race of default candidates: sizes of the samples, the order where the sample cannot tell, failures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from planted_bodies import Planted, plant

from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.reporting import SilentReporter
from headstart.transfer.ranking.race import race, race_samples, race_size
from headstart.transfer.stages.context import Clock, RunContext
from headstart.types import Dataset, Task

PLAIN = RunContext(SilentReporter(), Engine(cache=False))
TASK = Task("classification", ("a", "b"))
NAMES = ("headstart:small", "headstart:large")


def labelled(n=60):
    y = np.arange(n) % 2
    items = [f"{'ab'[k]} {number}" for number, k in enumerate(y)]
    return Dataset(items, tuple(map(str, range(n))), "text", task=TASK, y=y)


def raced(monkeypatch, small, large, n=60, context=PLAIN):
    bodies = Planted("headstart:small", "text", small), Planted("headstart:large", "text", large)
    plant(monkeypatch, *bodies)
    return race(NAMES, labelled(n), np.arange(n), np.arange(n), context), bodies


@pytest.mark.parametrize(("small", "large", "winner"), [(0.1, 3.0, "small"), (3.0, 0.1, "large")])
def test_the_better_source_wins(monkeypatch, small, large, winner):
    found, _ = raced(monkeypatch, small, large)
    assert found.winner.entry.name == f"headstart:{winner}"
    assert [one["source"] for one in found.record] == list(NAMES)
    assert "leave-one-out loss" in found.why


def test_where_the_sample_cannot_tell_the_first_of_the_order_is_taken(monkeypatch):
    found, _ = raced(monkeypatch, 3.0, 3.0)
    assert found.winner.entry.name == "headstart:small"


def test_a_race_encodes_a_sample_and_the_same_one_again(monkeypatch):
    found, bodies = raced(monkeypatch, 0.5, 0.5, n=600)
    assert found.items == 400
    assert all(len(body.seen) <= 400 for body in bodies)
    again, _ = raced(monkeypatch, 0.5, 0.5, n=600)
    assert (again.why, again.record) == (found.why, found.record)


def test_a_clearly_worse_source_stops_early(monkeypatch):
    found, (small, large) = raced(monkeypatch, 0.05, 20.0, n=600)
    assert found.winner.entry.name == "headstart:small"
    assert len(large.seen) < len(small.seen) == 400
    assert "clearly worse" in found.why


def test_a_source_that_fails_loses_and_the_reason_is_said(monkeypatch):
    plant(monkeypatch, Planted("headstart:large", "text", 0.1))

    def broken():
        raise SourceError("its weights are damaged")

    from headstart.sources.built_in.entry import BuiltIn
    from headstart.sources.embedded import BUILT_IN

    entry = BuiltIn(lambda: Planted("headstart:small", "text", 0.1).info, broken)
    monkeypatch.setitem(BUILT_IN._entries, "small", entry)
    found = race(NAMES, labelled(), np.arange(60), np.arange(60), PLAIN)
    assert found.winner.entry.name == "headstart:large"
    assert "its weights are damaged" in found.why


def test_too_few_items_to_compare_are_said(monkeypatch):
    bodies = Planted("headstart:small", "text", 0.1), Planted("headstart:large", "text", 0.1)
    plant(monkeypatch, *bodies)
    found = race(NAMES, labelled(2), np.arange(2), np.arange(1), PLAIN)
    assert found.winner is None
    assert "could not be compared" in found.why


def test_a_time_limit_that_is_over_leaves_the_first(monkeypatch):
    context = RunContext(SilentReporter(), Engine(cache=False), 0, Clock.start(0.0))
    found, bodies = raced(monkeypatch, 0.5, 0.5, context=context)
    assert found.winner.entry.name == "headstart:small"
    assert bodies[1].seen == []


def test_samples_are_nested_and_stratified():
    y = np.arange(1000) % 4
    found = race_samples(y, "classification", np.arange(1000), most=200, seed=0)
    assert [len(sample) for sample in found] == [50, 100, 200]
    for small, large in itertools.pairwise(found):
        assert set(small) < set(large)
    for sample in found:
        assert np.ptp(np.bincount(y[sample])) <= 2


def test_a_sample_of_few_large_groups_is_a_sample(monkeypatch):
    """Kind: five recording sessions of 120 sounds each, of which two or more have to be in a sample."""
    bodies = Planted("headstart:small", "text", 0.5), Planted("headstart:large", "text", 0.5)
    plant(monkeypatch, *bodies)
    found = race(NAMES, labelled(600), np.arange(600) // 120, np.arange(600), PLAIN)
    assert found.items == 400
    assert all(len(body.seen) <= 400 for body in bodies)


def test_nearly_all_items_are_all_items():
    (whole,) = race_samples(np.arange(60) % 20, "classification", np.arange(60), most=50, seed=0)
    assert len(whole) == 60


def test_many_classes_get_more_items_and_long_sounds_fewer():
    assert race_size(labelled(), np.arange(60)) == 400
    short = [(np.zeros(10), 100)] * 900
    many = Dataset(short, tuple(map(str, range(900))), "audio", task=TASK, y=np.arange(900) % 77)
    assert race_size(many, np.arange(900)) == 308
    sounds = [(np.zeros(1000), 100)] * 300
    data = Dataset(sounds, tuple(map(str, range(300))), "audio", task=TASK, y=np.arange(300) % 2)
    assert race_size(data, np.arange(300)) == 60
