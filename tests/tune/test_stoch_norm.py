"""Stochastic normalisation."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.errors import ParameterError, SourceError
from headstart.model import TransferModel
from headstart.sources.module import module
from headstart.sources.toy_shift import toy_shift
from headstart.tune.stoch_norm import STOCH_NORM, StochasticNorm2d, StochNorm
from headstart.tune.training.settings import Training


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    training = Training(epochs=30, batch_size=32, learning_rate=0.02)
    model = replace(STOCH_NORM, share=0.2, training=training).fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    assert not any(isinstance(part, StochasticNorm2d) for part in model.source.module.modules())
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


def plain_norm(channels: int) -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(channels).double()
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(values, 0.5, 2.0)
    return norm


def test_each_channel_is_normalised_by_one_of_the_two_statistics():
    plain = plain_norm(64)
    maps = torch.randn(5, 64, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weight, bias = (value.detach().numpy()[:, None, None] for value in (plain.weight, plain.bias))
    mean, variance = plain.running_mean.numpy().copy(), plain.running_var.numpy().copy()
    torch.manual_seed(2)
    found = StochasticNorm2d(plain, 0.5).train()(maps).detach().numpy()
    torch.manual_seed(2)
    taken = (torch.rand(64) < 0.5).numpy()
    assert 10 < taken.sum() < 54

    x = maps.numpy()
    ours, spread = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    mean, variance = 0.9 * mean + 0.1 * ours, 0.9 * variance + 0.1 * spread * 45 / 44
    centre, width = np.where(taken, mean, ours), np.where(taken, variance, spread)
    expected = (x - centre[:, None, None]) / np.sqrt(width[:, None, None] + 1e-5) * weight + bias
    assert found == pytest.approx(expected, abs=1e-12)
    assert plain.running_mean.numpy() == pytest.approx(mean)  # shared, and moved whichever was taken


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_running_statistics_follow_in_both_branches(share):
    plain = plain_norm(4)
    other, maps = copy.deepcopy(plain).train(), torch.randn(3, 4, 2, 2, dtype=torch.float64)
    other(maps)
    StochasticNorm2d(plain, share).train()(maps)
    assert torch.equal(plain.running_mean, other.running_mean)
    assert torch.equal(plain.running_var, other.running_var)


def test_in_evaluation_it_is_plain_normalisation():
    plain = plain_norm(4).eval()
    maps = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    assert torch.equal(StochasticNorm2d(plain, 0.5)(maps), plain(maps))


def test_an_activation_of_timm_is_kept():
    from timm.layers import BatchNormAct2d

    norm = BatchNormAct2d(4).eval()
    maps = torch.randn(3, 4, 2, 2)
    found = StochasticNorm2d(norm, 1.0)(maps)
    assert torch.equal(found, norm(maps))
    assert float(found.detach().min()) == 0.0


def test_finish_puts_the_very_normalisations_back(planned):
    setting, plan = planned(STOCH_NORM)
    body = setting.network.body
    assert sum(isinstance(part, StochasticNorm2d) for part in body.modules()) == 3
    body.train()(torch.randn(4, 3, 3, 10))
    statistics = {name: value.clone() for name, value in body.named_buffers()}
    plan.finish()
    assert {type(block[1]) for block in body.blocks} == {nn.BatchNorm2d}
    assert all(torch.equal(value, statistics[name]) for name, value in body.named_buffers())
    assert float(statistics["blocks.0.1.num_batches_tracked"]) == 61


def test_a_body_without_batch_normalisation_is_refused():
    shift = toy_shift()
    source = module(nn.Sequential(nn.Flatten(), nn.Linear(90, 4)), np.asarray, name="plain", modality="image")
    with pytest.raises(SourceError, match="'stoch_norm' needs a body with batch normalisation, and 'module:plain' has"):
        STOCH_NORM.fit(source, shift.train)


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'share' parameter of StochNorm"):
        StochNorm(share=1.5)
