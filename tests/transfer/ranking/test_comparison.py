"""The comparison of default candidates: sizes of the samples, the order where the sample cannot tell, failures."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from planted_bodies import Planted, plant

from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.reporting import SilentReporter
from headstart.transfer.ranking.comparison import compare_sources, comparison_samples, comparison_size
from headstart.transfer.ranking.contestant import Contestant, Entry
from headstart.transfer.ranking.measure import Question
from headstart.transfer.ranking.successive_halving import Deadline
from headstart.transfer.stages.context import Clock, RunContext
from headstart.types import Block, Dataset, SourceInfo, Task

PLAIN = RunContext(SilentReporter(), Engine(cache=False))
TASK = Task("classification", ("a", "b"))
NAMES = ("headstart:small", "headstart:large")


def labelled(n=60):
    y = np.arange(n) % 2
    items = [f"{'ab'[k]} {number}" for number, k in enumerate(y)]
    return Dataset(items, tuple(map(str, range(n))), "text", task=TASK, y=y)


def compared(monkeypatch, small, large, n=60, context=PLAIN):
    bodies = Planted("headstart:small", "text", small), Planted("headstart:large", "text", large)
    plant(monkeypatch, *bodies)
    return compare_sources(NAMES, labelled(n), np.arange(n), np.arange(n), context), bodies


@pytest.mark.parametrize(("small", "large", "winner"), [(0.1, 3.0, "small"), (3.0, 0.1, "large")])
def test_the_better_source_wins(monkeypatch, small, large, winner):
    found, _ = compared(monkeypatch, small, large)
    assert found.winner.entry.name == f"headstart:{winner}"
    assert [one["source"] for one in found.record] == list(NAMES)
    assert "leave-one-out loss" in found.why


def test_the_lower_loss_wins_within_the_noise_which_is_said(monkeypatch):
    """Kind: the smaller body was taken within one standard error, at a cost of 1.4 points on questions of six types."""
    found, _ = compared(monkeypatch, 0.55, 0.5, n=200)
    small, large = (one["log_loss"] for one in found.record)
    assert large < small
    assert found.winner.entry.name == "headstart:large"
    lower, error = map(float, re.search(r"lower by ([\d.]+) with a standard error of ([\d.]+), so", found.why).groups())
    assert lower == pytest.approx(small - large, abs=6e-4)
    assert lower < error
    assert found.why.endswith("so it may be noise")
    clear, _ = compared(monkeypatch, 3.0, 0.1)
    assert "noise" not in clear.why


@pytest.mark.parametrize(("n", "small", "items"), [(4000, 0.5, 800), (2100, 0.5, 400), (4000, 3.0, 400)])
def test_an_undecided_comparison_goes_on_where_there_are_many_more_items(monkeypatch, n, small, items):
    """Kind: 400 of 9,543 headlines could not tell two bodies apart, and the worse one was taken."""
    found, bodies = compared(monkeypatch, small, 0.5, n=n)
    assert found.items == items
    assert found.record[1]["items"] == items
    assert len(bodies[1].seen) == items


def test_of_equal_losses_the_first_is_taken(monkeypatch):
    class Same(Planted):
        def _row(self, text):
            return Planted("headstart:same", "text", 0.5)._row(text)

    plant(monkeypatch, Same("headstart:small", "text", 0.5), Same("headstart:large", "text", 0.5))
    for names, first in ((NAMES, NAMES[0]), (NAMES[::-1], NAMES[1])):
        found = compare_sources(names, labelled(), np.arange(60), np.arange(60), PLAIN)
        assert found.record[0]["log_loss"] == found.record[1]["log_loss"]
        assert found.winner.entry.name == first
        assert found.why.endswith("the losses are equal, so the first is taken")


def test_a_comparison_encodes_a_sample_and_the_same_one_again(monkeypatch):
    found, bodies = compared(monkeypatch, 0.5, 0.5, n=600)
    assert found.items == 400
    assert all(len(body.seen) <= 400 for body in bodies)
    again, _ = compared(monkeypatch, 0.5, 0.5, n=600)
    assert (again.why, again.record) == (found.why, found.record)


def test_a_clearly_worse_source_stops_early(monkeypatch):
    found, (small, large) = compared(monkeypatch, 0.05, 20.0, n=600)
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
    found = compare_sources(NAMES, labelled(), np.arange(60), np.arange(60), PLAIN)
    assert found.winner.entry.name == "headstart:large"
    assert "its weights are damaged" in found.why


def test_too_few_items_to_compare_are_said(monkeypatch):
    bodies = Planted("headstart:small", "text", 0.1), Planted("headstart:large", "text", 0.1)
    plant(monkeypatch, *bodies)
    found = compare_sources(NAMES, labelled(2), np.arange(2), np.arange(1), PLAIN)
    assert found.winner is None
    assert "could not be compared" in found.why


def test_a_time_limit_that_is_over_decides_nothing(monkeypatch):
    """Kind: the time limit is over before the comparison; the clock must not choose the source that is first."""
    context = RunContext(SilentReporter(), Engine(cache=False), 0, Clock.start(0.0))
    found, bodies = compared(monkeypatch, 0.5, 0.5, context=context)
    assert found.winner is None
    assert "the time limit was reached" in found.why
    assert [body.seen for body in bodies] == [[], []]


class Until(Deadline):
    """A deadline that is reached after some measurements."""

    def __init__(self, calls):
        object.__setattr__(self, "at", 0.0)
        object.__setattr__(self, "calls", itertools.count())
        object.__setattr__(self, "most", calls)

    def leaves(self, _seconds):
        return next(self.calls) < self.most


@pytest.mark.parametrize(
    ("asked_of_the_clock", "items"),
    [(0, None), (1, 100), (2, 100), (3, 200), (4, 200), (5, 400)],
)
def test_a_time_limit_leaves_the_largest_sample_that_both_have(monkeypatch, asked_of_the_clock, items):
    """Kind: the deadline stops one source, or all, before the last sample; the faster one used to win."""
    monkeypatch.setattr(Deadline, "within", lambda _: Until(asked_of_the_clock))
    context = RunContext(SilentReporter(), Engine(cache=False), 0, Clock.start(1e6))
    found, (small, large) = compared(monkeypatch, 0.9, 0.55, n=600, context=context)
    if items is None:
        assert found.winner is None
        assert "headstart:large: the time limit was reached" in found.why
        assert found.record[0]["items"] == 100
        return
    assert (found.winner.entry.name, found.items) == ("headstart:large", items)
    assert [one["items"] for one in found.record] == [items, items]
    assert ("the time limit was reached before a larger sample" in found.why) == (items < 400)
    losses = [loss_of(body, found.items) for body in (small, large)]
    assert [one["log_loss"] for one in found.record] == losses


def loss_of(body, items):
    """The loss on the sample of so many of 600 items, measured alone."""
    data = labelled(600)
    contestant = Contestant(Entry(body.name, body, "text", body.info), data.items, Engine(cache=False))
    samples = comparison_samples(data.y, "classification", np.arange(600), most=400, seed=0)
    sample = next(one for one in samples if len(one) == items)
    return contestant.answer(sample, Question(TASK, data.y, None)).measured.loss.value


def test_what_one_speaker_gives_away_counts_for_nothing(monkeypatch):
    """Kind: items of a group share a trait that gives their label; the group is left out as a whole, as in the fit."""
    units = np.arange(240) // 12
    y = (units * 7 // 3) % 2
    items = [f"{'ab'[label]} {unit} {k}" for k, (unit, label) in enumerate(zip(units, y, strict=True))]
    data = Dataset(items, tuple(map(str, range(240))), "text", task=TASK, y=y)
    plant(monkeypatch, Voices("headstart:small", "text", 0.0), Planted("headstart:large", "text", 0.6))
    assert compare_sources(NAMES, data, np.arange(240), np.arange(240), PLAIN).winner.entry.name == "headstart:small"
    found = compare_sources(NAMES, data, units, np.arange(240), PLAIN)
    assert found.winner.entry.name == "headstart:large"
    assert found.record[0]["merit"] < 0.7


class Voices(Planted):
    """Knows whose item it is, and nothing else."""

    @property
    def info(self):
        return SourceInfo(self.name, self.modality, 20, (Block("last", 20),), license="MIT")

    def _row(self, text):
        return np.eye(20, dtype=np.float32)[int(text.split()[1])]


def test_samples_are_nested_and_stratified():
    y = np.arange(1000) % 4
    found = comparison_samples(y, "classification", np.arange(1000), most=200, seed=0)
    assert [len(sample) for sample in found] == [50, 100, 200]
    for small, large in itertools.pairwise(found):
        assert set(small) < set(large)
    for sample in found:
        assert np.ptp(np.bincount(y[sample])) <= 2


def test_a_sample_of_few_large_groups_is_a_sample(monkeypatch):
    """Kind: five recording sessions of 120 sounds each, of which two or more have to be in a sample."""
    bodies = Planted("headstart:small", "text", 0.5), Planted("headstart:large", "text", 0.5)
    plant(monkeypatch, *bodies)
    found = compare_sources(NAMES, labelled(600), np.arange(600) // 120, np.arange(600), PLAIN)
    assert found.items == 400
    assert all(len(body.seen) <= 400 for body in bodies)


def test_nearly_all_items_are_all_items():
    (whole,) = comparison_samples(np.arange(60) % 20, "classification", np.arange(60), most=50, seed=0)
    assert len(whole) == 60


def test_many_classes_get_more_items_and_long_sounds_fewer():
    assert comparison_size(labelled(), np.arange(60)) == 400
    short = [(np.zeros(10), 100)] * 900
    many = Dataset(short, tuple(map(str, range(900))), "audio", task=TASK, y=np.arange(900) % 77)
    assert comparison_size(many, np.arange(900)) == 308
    sounds = [(np.zeros(1000), 100)] * 300
    data = Dataset(sounds, tuple(map(str, range(300))), "audio", task=TASK, y=np.arange(300) % 2)
    assert comparison_size(data, np.arange(300)) == 60
