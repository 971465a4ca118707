"""The range test agrees with the rules of fastai, written out, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.range_test import RangeTest, range_test, smoothed, steepest, valley
from headstart.tune.training.settings import Training


def fastai_smooth(losses, beta=0.98):
    value, found = torch.tensor(0.0, dtype=torch.float64), []
    for count, loss in enumerate(torch.tensor(losses, dtype=torch.float64), start=1):
        value = torch.lerp(loss, value, beta)
        found.append(float(value / (1 - beta**count)))
    return found


def fastai_valley(lrs, losses):
    n = len(losses)
    max_start, max_end = 0, 0
    lds = [1] * n
    for i in range(1, n):
        for j in range(i):
            if losses[i] < losses[j] and lds[i] < lds[j] + 1:
                lds[i] = lds[j] + 1
            if lds[max_end] < lds[i]:
                max_end = i
                max_start = max_end - lds[max_end]
    sections = (max_end - max_start) / 3
    return lrs[max_start + int(sections) + int(sections / 2)]


def fastai_steep(lrs, losses):
    grads = [(b - a) / (np.log(y) - np.log(x)) for a, b, x, y in zip(losses, losses[1:], lrs, lrs[1:], strict=False)]
    return lrs[int(np.argmin(grads))]


@pytest.mark.parametrize("seed", range(5))
def test_smoothing_and_both_rules_are_those_of_fastai(seed):
    rng = np.random.default_rng(seed)
    rates = np.geomspace(1e-7, 1.0, 100)
    losses = 2 - 1.5 / (1 + np.exp(-3 * (np.log10(rates) + 3))) + 4 * rates**2 + rng.normal(scale=0.05, size=100)
    mean = smoothed(losses)
    np.testing.assert_allclose(mean, fastai_smooth(losses), rtol=1e-12)
    part = slice(10, -5)
    found = RangeTest.of(rates, losses)
    assert found.rate == valley(rates[part], mean[part]) == fastai_valley(rates[part], mean[part])
    assert found.steepest == steepest(rates[part], mean[part]) == fastai_steep(rates[part], mean[part])


def test_a_loss_that_falls_nowhere_suggests_no_rate(tmp_path):
    rng = np.random.default_rng(0)
    rates = np.geomspace(1e-7, 1.0, 100)
    flat = RangeTest.of(rates, 1 + rng.normal(scale=0.1, size=100) + rates)
    assert flat.rate is None
    assert "no rate at which the loss falls" in flat.sentence
    assert RangeTest.of(rates, -rates, cut=True).sentence.startswith("The time limit ended the range test")
    flat.write(tmp_path / "logs" / "learning_rate.csv")
    again = np.loadtxt(tmp_path / "logs" / "learning_rate.csv", delimiter=",", skiprows=1)
    assert (again == np.stack([flat.rates, flat.losses, flat.smoothed], axis=1)).all()


def test_everything_is_put_back_and_the_test_is_the_same_again():
    """Parameters, statistics of a batch normalisation, ``requires_grad`` and torch's random numbers."""
    torch.manual_seed(1)
    body = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1))
    x = torch.randn(64, 2)
    settings = Training(precision="fp32", batch_size=64)
    batches = ItemBatches(
        list(x), 5 + x.sum(dim=1, keepdim=True).numpy(), lambda item: item, torch.stack, settings, seed=0
    )
    names = tuple(name for name, _ in body.named_parameters())
    job = Job(body, (ParameterGroup(names[2:]),), batches, lambda one: ((body(one.inputs) - one.targets) ** 2).mean())
    before = {name: value.clone() for name, value in body.state_dict().items()}
    drawn = torch.random.get_rng_state()
    first, second = range_test(job, settings), range_test(job, settings)
    assert all(torch.equal(before[name], value) for name, value in body.state_dict().items())
    assert all(value.requires_grad for value in body.parameters())
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert first.losses.tolist() == second.losses.tolist()
    assert first.rate is not None
    assert 1e-4 < first.rate < 1


def test_a_loss_that_is_not_finite_ends_the_test():
    body = nn.Linear(1, 1)
    x = torch.ones(8, 1)
    settings = Training(precision="fp32", batch_size=8, optimizer="sgd", clip=0)
    batches = ItemBatches(list(x), x.numpy(), lambda item: item, torch.stack, settings, seed=0)
    job = Job(
        body, (ParameterGroup(("weight", "bias")),), batches, lambda one: ((body(one.inputs) - one.targets) ** 8).mean()
    )
    found = range_test(job, settings, lowest=1.0, highest=1e6)
    assert len(found.rates) < 100
    assert np.isfinite(found.losses).all()


def test_a_first_loss_that_is_no_number_gives_no_rate():
    found = RangeTest.of([], [])
    assert found.rate is None
    assert "default rate" in found.sentence
