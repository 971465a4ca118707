"""Source tasks: a killed training of convolutions, and training further."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.engine.options import Engine
from headstart.tune.pretraining import pretrained
from headstart.tune.scratch import SCRATCH
from headstart.tune.training import loop
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Task

SHORT = Training(epochs=2, batch_size=8, learning_rate=0.005, augmentation="none", precision="fp32")


class Killed(BaseException):
    """What ends a process from outside."""


def pictures(count: int) -> Dataset:
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    items = [(rng.integers(0, 120, (32, 32, 3)) + 120 * code).astype(np.uint8) for code in y]
    return Dataset(items, tuple(map(str, range(count))), "image", Task("classification", ("dark", "bright")), y)


def trained(folder):
    return pretrained(
        "test_resnet", pictures(24), side=32, strategy=replace(SCRATCH, training=SHORT), budget=Budget(folder=folder),
        engine=Engine(backend="torch", cache=False),
    )  # fmt: skip


def test_a_killed_pretraining_ends_with_the_weights_of_an_undisturbed_one(tmp_path, monkeypatch):
    close = loop._Run._close_epoch

    def killed(run, log):
        close(run, log)
        run._write()
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(loop._Run, "_close_epoch", killed)
        with pytest.raises(Killed):
            trained(tmp_path / "one")
    again, whole = trained(tmp_path / "one"), trained(tmp_path / "other")
    one, other = (found.model.source.trainable().module.state_dict() for found in (again, whole))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert again.outcome.kept == whole.outcome.kept
