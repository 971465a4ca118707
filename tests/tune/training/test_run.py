"""The one frame of a training: checkpoint folder, what is trained in a job's place, and where the module ends."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training

TRAINING = Training(epochs=3, batch_size=8, learning_rate=0.1, precision="fp32")
X = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]


def job(**more):
    torch.manual_seed(0)
    body = nn.Linear(1, 1)
    batches = ItemBatches(list(X), 3 * X, np.asarray, lambda items: torch.from_numpy(np.stack(items)), TRAINING, seed=0)

    def loss(batch):
        return (body(batch.inputs) - batch.targets).square().mean() * batch.share

    return Job(body, (ParameterGroup(("weight", "bias")),), batches, loss, **more)


def weights(made):
    return [value.tolist() for value in made.module.state_dict().values()]


def test_a_checkpoint_of_the_same_key_alone_is_resumed(tmp_path):
    steps = []
    budget = Budget(folder=tmp_path, progress=lambda *_: steps.append(1))
    first, again, other = job(), job(), job()
    run_training(first, TRAINING, key=training_key("a"), items=32, budget=budget)
    assert len(steps) == 12
    run_training(again, TRAINING, key=training_key("a"), items=32, budget=budget)
    assert len(steps) == 12
    assert weights(again) == weights(first)
    run_training(other, TRAINING, key=training_key("b"), items=32, budget=budget)
    assert len(steps) == 24
    folders = {training_key(name)[:20] for name in "ab"}
    assert {path.name for path in tmp_path.iterdir()} == folders


def test_facts_and_contents_tell_trainings_apart():
    keys = {training_key(facts, *contents) for facts in (("x", 0), ("x", 1)) for contents in ([], [b"0"], [b"1"])}
    assert len(keys) == 6
    assert training_key(("x", 0), b"0", b"1") == training_key(("x", 0), b"01")


def test_what_is_around_a_job_is_trained_and_undone_before_the_module_is_finished():
    events = []
    made = job(finish=lambda: events.append("finished"))

    @contextmanager
    def around(given):
        assert given is made
        events.append("begun")
        yield replace(given, validate=lambda: events.append("validated") or 1.0)
        events.append("undone")

    outcome = run_training(made, TRAINING, key="", items=32, around=around)
    assert events == ["begun", *["validated"] * 4, "undone", "finished"]
    assert outcome.loss == 1.0


def test_the_module_ends_at_rest_and_the_speed_is_that_of_its_items():
    made = job()
    made.module.train()
    outcome = run_training(made, TRAINING, key="", items=32)
    assert not made.module.training
    assert {value.device.type for value in made.module.parameters()} == {"cpu"}
    assert outcome.items_per_second == pytest.approx(3 * 32 / outcome.seconds)
