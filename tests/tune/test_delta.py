"""DELTA: feature maps held by attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.errors import ParameterError
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift
from headstart.tune.delta import DELTA, Delta, attention_of, behavioural_distance, block_modules, loss_increases
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    training = Training(epochs=40, batch_size=64, learning_rate=0.05)
    model = replace(DELTA, training=training).fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


def test_the_distance_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    ours, theirs, attention = rng.normal(size=(5, 3, 4, 2)), rng.normal(size=(5, 3, 4, 2)), rng.dirichlet(np.ones(3))
    expected = np.mean(
        [sum(0.5 * 3 * attention[c] * np.sum((ours[i, c] - theirs[i, c]) ** 2) / 8 for c in range(3)) for i in range(5)]
    )
    tensors = [torch.tensor(x, dtype=torch.float32) for x in (ours, theirs, attention)]
    assert float(behavioural_distance(*tensors)) == pytest.approx(expected, rel=1e-5)
    tokens = [x.flatten(2).transpose(1, 2) for x in tensors[:2]]
    assert float(behavioural_distance(*tokens, tensors[2])) == pytest.approx(expected, rel=1e-5)


def test_the_attention_is_the_softmax_of_standardised_rises():
    rises = np.array([0.1, 0.7, -0.2, 0.0])
    scores = np.exp((rises - rises.mean()) / rises.std() / 5)
    assert attention_of(torch.from_numpy(rises)).numpy() == pytest.approx(scores / scores.sum())


def test_rises_are_those_of_filters_set_to_zero():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(2, 6, 1, bias=False), nn.ReLU(), nn.Conv2d(6, 1, 1))
    maps = torch.randn(3, 2, 4, 4)

    def loss():
        with torch.no_grad():
            return float((body(maps) ** 2).mean())

    found = loss_increases(body, {"0": 6}, loss, 100)["0"]
    base = loss()
    for channel in range(6):
        kept = body[0].weight.detach().clone()
        with torch.no_grad():
            body[0].weight[channel] = 0
        assert float(found[channel]) == pytest.approx(loss() - base, abs=1e-6)
        with torch.no_grad():
            body[0].weight.copy_(kept)


def test_a_bound_on_the_passes_measures_a_part():
    body, runs = nn.Sequential(nn.Identity()), []

    def loss():
        runs.append(1)
        return float(body(torch.arange(10.0)[None]).sum())

    found = loss_increases(body, {"0": 10}, loss, 3)["0"]
    assert len(runs) == 4
    assert found.tolist() == [0.0, *[pytest.approx(-13 / 3)] * 3, -4.0, *[pytest.approx(-13 / 3)] * 4, -9.0]


def test_the_penalty_is_nothing_at_the_start_and_hooks_go(planned):
    setting, plan = planned(DELTA)
    network = setting.network.eval()
    batch = Batch(setting.batches.inputs(range(4)), torch.eye(2)[:1].expand(4, 2), np.arange(4), 4)
    assert plan.penalty(batch, network.blocks(batch.inputs), None).item() == 0.0
    with torch.no_grad():
        network.body.blocks[2][1].bias += 1.0
    assert plan.penalty(batch, network.blocks(batch.inputs), None).item() > 0.0
    plan.finish()
    assert not any(part._forward_hooks for part in network.body.modules())


def test_blocks_are_those_that_the_source_names():
    body = nn.ModuleDict({"stem": nn.ReLU(), "layers": nn.ModuleList([nn.ReLU() for _ in range(9)])})
    assert block_modules(body, ["stem", "layers.3", "last"], 4) == ["stem", "layers.3"]
    assert block_modules(body, ["last"], 4) == ["layers.0", "layers.3", "layers.5", "layers.8"]


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'passes' parameter of Delta"):
        Delta(passes=0)
