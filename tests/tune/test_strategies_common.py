"""What every strategy that moves the body must do: solve a shift that the head cannot, the same way each time, and go
on after a kill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from headstart.tune.frozen import FROZEN
from headstart.tune.registry import MOVING, STRATEGIES
from headstart.tune.settings import Budget, Training
from headstart.tune.toys import toy_shift

TRAINING = Training(epochs=25, batch_size=64, learning_rate=0.03, augmentation="none")


@dataclass(frozen=True)
class Case:
    """How a strategy is trained on the toy; all others as the default has it."""

    training: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    source_data: bool = False


CASES = {
    "joint": Case(source_data=True),
}


@cache
def shift():
    return toy_shift()


def made(name, **training):
    strategy, case = STRATEGIES[name], CASES.get(name, Case())
    settings = dict(case.settings)
    if case.source_data:
        settings["source_data"] = shift().source_data
    return replace(strategy, training=replace(TRAINING, **{**case.training, **training}), **settings)


def fitted(strategy, part, budget=Budget()):
    model = strategy.fit(shift().source, part, seed=0, budget=budget)
    return model, model.predict_proba(shift().test.items)


class KilledError(Exception):
    """Stands for a kill."""


def accuracy(model):
    test = shift().test
    truth = [test.task.labels[k] for k in test.y]
    return np.mean(np.array(model.predict(test.items)) == truth)


def test_the_head_alone_does_not_solve_the_shift():
    assert accuracy(FROZEN.fit(shift().source, shift().train)) <= 0.75


@pytest.mark.parametrize("name", sorted(MOVING))
def test_solves_the_shift(name):
    assert accuracy(fitted(made(name), shift().train)[0]) >= 0.9


@pytest.mark.parametrize("name", sorted(MOVING))
def test_is_deterministic_and_goes_on_after_a_kill(name, tmp_path):
    part = shift().train.take(range(60))
    strategy = made(name, epochs=3, batch_size=16)
    _, expected = fitted(strategy, part)
    _, again = fitted(strategy, part)
    assert np.array_equal(expected, again)
    kills = []

    def progress(done, _total, _detail=""):
        if done == 5:
            kills.append(done)
            raise KilledError

    budget = Budget(folder=tmp_path, checkpoint_seconds=0)
    with pytest.raises(KilledError):
        fitted(strategy, part, replace(budget, progress=progress))
    steps = []
    _, resumed = fitted(strategy, part, replace(budget, progress=lambda done, *_: steps.append(done)))
    assert steps[0] == 5
    assert np.array_equal(expected, resumed)
