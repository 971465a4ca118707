"""The weights that a training kept are reported, and a source that did not improve is not called trained."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from array_batches import ArrayBatches
from torch import nn

from headstart.errors import TrainingError
from headstart.tune.pretraining import train_source
from headstart.tune.scratch import SCRATCH
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task


def job(losses):
    """A line whose validation losses are given, one for the start and one an epoch."""
    x = torch.linspace(-1, 1, 32)[:, None]
    body, left = nn.Linear(1, 1), iter(losses)

    def loss(batch):
        return ((body(batch[0]) - batch[0]) ** 2).mean()

    return Job(
        body, (ParameterGroup(("weight", "bias")),), ArrayBatches((x,), 16, seed=0), loss, lambda: next(left)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "epoch", "words"),
    [
        ([1.0, 0.8, 0.4, 0.9], 2.0, "after epoch 2 of 3, with the least validation loss: 0.4000, 1.0000 at the start"),
        ([1.0, 1.2, 1.1, 1.0], 0.0, "of the start: no epoch of 3 got below its validation loss of 1.0000"),
    ],
)
def test_the_outcome_says_which_weights_were_kept_and_why(losses, epoch, words):
    outcome = train(job(losses), Training(epochs=3, learning_rate=0.01))
    assert outcome.kept_epoch == epoch
    assert outcome.kept == f"the weights {words}"


def test_without_validation_the_last_weights_are_kept():
    outcome = train(replace(job([]), validate=None), Training(epochs=3, learning_rate=0.01))
    assert outcome.kept == "the weights after epoch 3 of 3, the last ones"
    assert math.isnan(outcome.loss)


def test_a_resumed_training_knows_what_it_kept(tmp_path):
    losses, budget = [1.0, 0.4, 0.8, 0.9], Budget(folder=tmp_path)
    training = Training(epochs=3, learning_rate=0.01)
    first = train(job(losses), training, budget=budget, key="same")
    again = train(job([]), training, budget=budget, key="same")
    assert first.kept_epoch == again.kept_epoch == 1.0


def noise(count):
    rng = np.random.default_rng(0)
    items = rng.integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
    y = rng.permutation(np.arange(count) % 2)
    return Dataset(list(items), tuple(map(str, range(count))), "image", Task("classification", ("a", "b")), y)


def test_random_weights_are_no_trained_source():
    strategy = replace(SCRATCH, training=Training(epochs=1, batch_size=16, learning_rate=0.5, augmentation="none"))
    with pytest.raises(
        TrainingError, match=r"no source to keep.*no epoch of 1.*more epochs, at a higher learning rate"
    ):
        train_source("test_resnet", noise(40), side=32, strategy=strategy)
