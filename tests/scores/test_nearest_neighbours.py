"""Nearest neighbours against a loop."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from headstart.errors import DataError, ParameterError
from headstart.scores import leave_one_out_ridge, nearest_neighbours
from headstart.types import Task

CLASSES = Task("classification", ("a", "b", "c"))


def made(seed, n=40, d=6, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    y[:6] = [0, 1, 2, 0, 1, 2]
    return rng.normal(size=(n, d)) + spread * rng.normal(size=(3, d))[y], y


def brute_neighbours(x, y, k, groups):
    """Losses and hits of sklearn's classifier, one fit for each row."""
    losses, hits = [], []
    for i in range(len(x)):
        keep = groups != groups[i]
        model = KNeighborsClassifier(
            k, weights=lambda distance: np.exp((1 - distance) / 0.07), metric="cosine", algorithm="brute"
        ).fit(x[keep], y[keep])
        votes = np.zeros(3)
        votes[model.classes_] = model.predict_proba(x[i : i + 1])[0]
        p = (k * votes + 1 / 3) / (k + 1)
        losses.append(-np.log(p[y[i]]))
        hits.append(p.argmax() == y[i])
    return np.array(losses), np.mean(hits)


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("grouped", [False, True])
def test_neighbours_are_those_of_a_loop(k, grouped):
    x, y = made(10 + k)
    groups = np.arange(40) // 4 if grouped else np.arange(40)
    found = nearest_neighbours(x, y, neighbours=[k], groups=groups if grouped else None)
    losses, accuracy = brute_neighbours(x, y, k, groups)
    assert found.losses == pytest.approx(losses, abs=1e-10)
    assert found.accuracy == accuracy


def test_the_best_number_of_neighbours_is_taken():
    x, y = made(2, spread=0.7)
    single = {k: nearest_neighbours(x, y, neighbours=[k]).log_likelihood for k in (1, 5, 10, 20)}
    found = nearest_neighbours(x, y)
    assert found.log_likelihood == max(single.values())
    assert found.k == max(single, key=single.get)


def test_neighbours_in_chunks_are_those_of_one_pass(monkeypatch):
    x, y = made(4, n=90)
    wanted = nearest_neighbours(x, y)
    monkeypatch.setattr("headstart.linear.checks.CHUNK", 7)
    monkeypatch.setattr(sys.modules["headstart.scores.nearest_neighbours"], "QUERIES", 11)
    assert nearest_neighbours(x, y).losses == pytest.approx(wanted.losses, abs=1e-12)
    part = nearest_neighbours(x, y, neighbours=[wanted.k], max_rows=20)
    assert part.losses == pytest.approx(wanted.losses[part.rows], abs=1e-12)


def test_a_twin_in_the_same_group_does_not_count():
    x = np.random.default_rng(0).normal(size=(30, 20))
    y = np.tile([0, 1], 15)
    twins, labels = np.repeat(x, 2, axis=0), np.repeat(y, 2)
    assert nearest_neighbours(twins, labels, neighbours=[1]).accuracy == 1.0
    named = np.array([f"person {i}" for i in range(30)]).repeat(2)
    assert nearest_neighbours(twins, labels, neighbours=[1], groups=named).accuracy < 0.9


def test_fewer_rows_than_neighbours_all_count():
    found = nearest_neighbours([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], [0, 0, 1], groups=["u", "u", "v"])
    # each row has only rows of the other class left
    assert found.accuracy == 0.0
    assert np.isfinite(found.losses).all()


def test_one_group_or_no_neighbours_are_refused():
    x, y = made(0)
    for score in (nearest_neighbours, lambda *a, **k: leave_one_out_ridge(*a, CLASSES, **k)):
        with pytest.raises(DataError, match="needs two or more"):
            score(x, y, groups=np.zeros(40))
    with pytest.raises(ParameterError, match="'neighbours'"):
        nearest_neighbours(x, y, neighbours=[0])
    with pytest.raises(ParameterError, match="Got none"):
        nearest_neighbours(x, y, neighbours=[])
