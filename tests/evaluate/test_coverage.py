"""What prediction sets held: shares and sizes as counted by hand, with groups, several labels and several fits."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluate.coverage import CoveragePart, realised_coverage
from headstart.evaluate.intervals.wilson import wilson
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

RNG = np.random.default_rng(0)
CODES = np.concatenate([np.arange(3), RNG.integers(0, 3, 197)])
X = RNG.normal(size=(3, 4))[CODES] + RNG.normal(size=(200, 4))


def fitted(y, task, groups=None) -> TransferModel:
    source = open_source("vector")
    features = Features(X[:100], y[:100], tuple(map(str, range(100))), groups, source.info)
    return FrozenFeatures(HeadSearch(("ridge",))).solve(source, features, task, seed=0)


def part_of(model, y, groups=None, where=slice(100, 200)) -> CoveragePart:
    return CoveragePart(model.conformal(), y[where], model.outputs(X[where]), X[where], groups)


def test_shares_and_sizes_of_sets():
    model = fitted(CODES, Task("classification", ("a", "b", "c")))
    for one in realised_coverage([part_of(model, CODES)]):
        sets = model.predict_sets(X[100:], one.promised)
        inside = [("a", "b", "c")[code] in names for code, names in zip(CODES[100:], sets, strict=True)]
        assert (one.realised, one.items) == (pytest.approx(np.mean(inside)), 100)
        assert one.size == pytest.approx(np.mean([len(names) for names in sets]))
        assert (one.low, one.high) == pytest.approx(wilson(sum(inside), 100))


def test_shares_and_widths_of_intervals():
    y = X[:, :2] + RNG.normal(size=(200, 2))
    model = fitted(y, Task("regression", ("s", "t")))
    (one,) = realised_coverage([part_of(model, y)], levels=[0.9])
    low, high = np.moveaxis(model.predict_intervals(X[100:], 0.9), -1, 0)
    assert one.realised == pytest.approx(((low <= y[100:]) & (y[100:] <= high)).mean())
    assert one.size == pytest.approx((high - low).mean())


def test_each_label_that_an_item_has_counts():
    y = (X[:, :3] + RNG.normal(size=(200, 3)) > 0.5).astype(float)
    model = fitted(y, Task("multilabel", ("r", "s", "t")))
    (one,) = realised_coverage([part_of(model, y)], levels=[0.8])
    sets = model.conformal().sets(X[100:], 0.8)
    assert one.realised == pytest.approx(sets[y[100:] > 0.5].mean())
    assert one.size == pytest.approx(sets.sum(axis=1).mean())


def test_groups_widen_the_interval_and_a_single_one_says_nothing():
    model = fitted(CODES, Task("classification", ("a", "b", "c")))
    (alone,) = realised_coverage([part_of(model, CODES)], levels=[0.8])
    (grouped,) = realised_coverage([part_of(model, CODES, np.arange(100) // 20)], levels=[0.8])
    assert grouped.realised == alone.realised
    assert grouped.high - grouped.low > alone.high - alone.low
    (single,) = realised_coverage([part_of(model, CODES, np.zeros(100, int))], levels=[0.8])
    assert (single.low, single.high) == (0.0, 1.0)


def test_levels_that_one_of_the_fits_cannot_promise_are_left_out():
    model = fitted(CODES, Task("classification", ("a", "b", "c")))
    few = fitted(CODES, Task("classification", ("a", "b", "c")), np.arange(100) % 6)
    parts = [part_of(model, CODES, where=slice(100, 150)), part_of(few, CODES, where=slice(150, 200))]
    found = realised_coverage(parts)
    assert [(one.promised, one.items) for one in found] == [(0.8, 100)]
    assert realised_coverage([]) == ()


def test_exact_sets_of_many_items_are_those_of_a_sample(monkeypatch):
    model = fitted(CODES, Task("classification", ("a", "b", "c")))
    monkeypatch.setattr("headstart.evaluate.coverage.MOST_NUMBERS", 60 * 300)
    assert [one.items for one in realised_coverage([part_of(model, CODES)])] == [60, 60, 60]
