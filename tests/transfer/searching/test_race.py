"""Successive halving of fine-tunings: who goes on, and that a killed race trains nothing twice."""

from __future__ import annotations

import math

import pytest

from headstart.search.driving.journal import Journal
from headstart.search.driving.loop import SearchBudget, TrialLoss, run_search
from headstart.search.registry import SEARCH_METHODS
from headstart.search.tuning_space import tuning_space
from headstart.transfer.searching.race import TuningRace

SPACE = tuning_space([f"layer{k}" for k in range(6)])


def loss_of(key):
    return TrialLoss(1.0 + sum((k + 1) * gene for k, gene in enumerate(key[:-1])) / 100 - key[-1] / 10)


class Killed(BaseException):
    """Stands for a process that ends between two trainings."""


def raced(measure, path, method):
    journal = Journal(path, {})
    race = TuningRace(measure, journal)
    return run_search(
        SPACE, SEARCH_METHODS[method], race, SearchBudget(10, generation=4), seed=3, journal=journal
    ).trials


@pytest.mark.parametrize("method", ["random", "controller"])
@pytest.mark.parametrize("after", [2, 9])  # trainings: in the first race, and in the second
def test_a_killed_race_goes_on_from_its_trainings(tmp_path, method, after):
    whole, trained = raced(loss_of, None, method), []

    def fatal(key):
        if len(trained) == after:
            raise Killed
        trained.append(key)
        return loss_of(key)

    with pytest.raises(Killed):
        raced(fatal, tmp_path / "journal", method)
    again = []

    def counted(key):
        again.append(key)
        return loss_of(key)

    resumed = raced(counted, tmp_path / "journal", method)
    assert [(one.point, one.loss, one.note) for one in resumed] == [(one.point, one.loss, one.note) for one in whole]
    assert not set(again) & set(trained)


def test_a_training_that_fails_stops_and_the_worse_half_stops():
    keys = []

    def measure(key):
        keys.append(key)
        return TrialLoss(math.inf, "no body") if key[0] == 3 else TrialLoss(float(key[0]))

    race = TuningRace(measure, Journal(None, {}))
    points = [(k,) for k in (4, 3, 2, 1, 0)]
    race.begin(points, points)
    assert [key[-1] for key in keys] == [0] * 5 + [1] * 2 + [2]
    assert [race(point).note for point in points] == [
        "stopped after 25% of its epochs", "no body", "stopped after 25% of its epochs",
        "stopped after 50% of its epochs", "",
    ]  # fmt: skip
