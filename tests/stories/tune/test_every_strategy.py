"""What every strategy that moves the body must do: solve a shift that the head cannot, and go on after a kill to the
very same model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from torch import nn

from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.tune.frozen import FROZEN
from headstart.tune.registry import MOVING, STRATEGIES
from headstart.tune.training.settings import Budget, Training

TRAINING = Training(epochs=30, batch_size=48, learning_rate=0.03, augmentation="none")
SLOWLY = {"epochs": 40, "batch_size": 240, "learning_rate": 0.02}
FEW = {"epochs": 15, "batch_size": 32, "learning_rate": 0.02}
BRISKLY = {"epochs": 30, "batch_size": 48, "learning_rate": 0.05}


class Whole(nn.Module):
    """A block in one piece, as adapters want it."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x)


@cache
def shift():
    return toy_shift()


def with_body(body):
    source = shift().source.with_module(body, "module:other")
    source.encode(shift().train.items[:4])
    return source


def as_is():
    return shift().source


def lifted():
    """Only the last block's kinks lie where the target's items are not."""
    body = copy.deepcopy(shift().source.module)
    for block in body.blocks[:2]:
        nn.init.zeros_(block[1].bias)
    return with_body(body)


def wrapped():
    """Blocks that are modules of one piece."""
    body = copy.deepcopy(shift().source.module)
    body.blocks = nn.ModuleList(Whole(block) for block in body.blocks)
    return with_body(body)


def headed():
    return toy_with_head(shift())


@dataclass(frozen=True)
class Case:
    """The toy's body that a strategy was made for, and how it is trained; others as the default has it."""

    body: Callable[[], Any] = as_is
    training: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "adapters": Case(wrapped, {"epochs": 15, "batch_size": 32, "learning_rate": 0.002}),
    "adversarial": Case(lifted, FEW, {"epsilon": 0.0, "share": 0.0}),
    "bitfit": Case(lifted, {**BRISKLY, "epochs": 60}),
    "co_tuning": Case(headed, BRISKLY),
    "delta": Case(training={"epochs": 40, "learning_rate": 0.05}),
    "der": Case(training=BRISKLY, settings={"source_data": shift().source_data}),
    "dora": Case(training=FEW, settings={"rank": 4, "rate": 1.0}),
    "ewc": Case(training=BRISKLY, settings={"source_data": shift().source_data, "weight": 0.1, "most": 20}),
    "full": Case(lifted, FEW),
    "joint": Case(training=BRISKLY, settings={"source_data": shift().source_data}),
    "lora": Case(training=FEW, settings={"rank": 4, "rate": 1.0}),
    "lwf": Case(headed),
    "norm_only": Case(training={**SLOWLY, "epochs": 60}),
    "ssf": Case(training=BRISKLY),
    "stoch_norm": Case(training={"epochs": 30, "batch_size": 32, "learning_rate": 0.02}, settings={"share": 0.2}),
    "surgical": Case(training=BRISKLY),
}


def fitted(name, part, budget=Budget(), **training):
    strategy, case = STRATEGIES[name], CASES.get(name, Case())
    settings = {**case.settings, "training": replace(TRAINING, **{**case.training, **training})}
    return replace(strategy, **settings).fit(case.body(), part, seed=0, budget=budget)


class KilledError(Exception):
    """Stands for a kill."""


def accuracy(model):
    test = shift().test
    truth = [test.task.labels[k] for k in test.y]
    return np.mean(np.array(model.predict(test.items)) == truth)


@pytest.mark.slow  # the tests of the strategies themselves do it too
@pytest.mark.parametrize("name", sorted(MOVING))
def test_solves_what_the_head_cannot(name):
    assert accuracy(FROZEN.fit(CASES.get(name, Case()).body(), shift().train)) <= 0.75
    assert accuracy(fitted(name, shift().train)) >= 0.85


@pytest.mark.parametrize("name", sorted(MOVING))
def test_goes_on_after_a_kill_to_the_same_bits(name, tmp_path):
    part, short = shift().train.take(range(60)), {"epochs": 2, "batch_size": 16}
    expected = fitted(name, part, **short)

    def progress(done, _total, _detail=""):
        if done == 3:
            raise KilledError

    budget = Budget(folder=tmp_path, checkpoint_seconds=0)
    with pytest.raises(KilledError):
        fitted(name, part, replace(budget, progress=progress), **short)
    steps = []
    found = fitted(name, part, replace(budget, progress=lambda done, *_: steps.append(done)), **short)
    assert steps[0] == 3
    items = shift().test.items[:20]
    assert np.array_equal(expected.predict_proba(items), found.predict_proba(items))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MOVING))
def test_is_the_same_for_the_same_seed(name):
    part, short = shift().train.take(range(60)), {"epochs": 2, "batch_size": 16}
    one, other = fitted(name, part, **short), fitted(name, part, **short)
    assert np.array_equal(one.predict_proba(part.items), other.predict_proba(part.items))
