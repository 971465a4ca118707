"""A time limit holds for every step of a training and for the validations around the steps."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from array_batches import ArrayBatches
from torch import nn

from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Budget, Training

LONG = Training(epochs=50, batch_size=8, learning_rate=0.05, precision="fp32")


@pytest.fixture
def clock(monkeypatch):
    """The clock of a training, which a test advances."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr("headstart.tune.training.clock.time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def timed(clock, module, *, step, validation):
    """A job of 5 steps an epoch, whose steps and validations take this many seconds."""
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32))
    y = x[:, :1] + 0.5 * x[:, 1:2]

    def loss(batch):
        clock.seconds += step
        return ((module(batch[0]) - batch[1]) ** 2).mean()

    def judge():
        clock.seconds += validation
        with torch.no_grad():
            return float(((module(x) - y) ** 2).mean())

    return Job(module, (ParameterGroup(("weight", "bias")),), ArrayBatches((x, y), 8, seed=0), loss, judge)


def body():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("limit", "step", "validation", "steps"),
    [
        (20.0, 1.0, 3.0, 10),  # two epochs of 5 steps and three validations take 19; another step needs a validation
        (24.0, 1.0, 3.0, 12),  # four validations and 12 steps take all of it
        (10.0, 4.0, 0.5, 2),  # a third step would end too late
        (10.0, 0.5, 6.0, 0),  # the validation after a step would end too late
        (0.0, 0.5, 0.5, 0),
    ],
)
def test_a_training_ends_within_its_limit(clock, limit, step, validation, steps):
    """Kind: a time limit that is overrun, by the last step or by the validation after it."""
    outcome = train(timed(clock, body(), step=step, validation=validation), LONG, budget=Budget(seconds=limit))
    assert (outcome.stopped, outcome.steps) == ("time", steps)
    assert clock.seconds <= max(limit, validation)
    assert outcome.kept_epoch <= outcome.steps / 5
    assert outcome.loss <= outcome.start_loss


def test_what_the_limit_leaves_is_the_best_so_far(clock):
    module, states = body(), []
    plain = timed(clock, module, step=1.0, validation=0.0)
    losses = iter([0.5, 0.2, 0.9])

    def judge():
        states.append(weights(module))
        return next(losses)

    outcome = train(replace(plain, validate=judge), LONG, budget=Budget(seconds=7.5))
    assert (outcome.steps, outcome.loss) == (7, 0.2)
    assert all(value.equal(states[1][name]) for name, value in module.state_dict().items())


def test_a_resumed_training_keeps_its_limit(clock, tmp_path):
    def steps(limit):
        budget = Budget(seconds=limit, folder=tmp_path)
        return train(timed(clock, body(), step=1.0, validation=3.0), LONG, budget=budget, key="a").steps

    assert [steps(20.0), steps(20.0), steps(30.0)] == [10, 10, 15]
