"""The optimiser's groups, its state, and the learning rates that suit a body."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.errors import ParameterError
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.optimizer import learning_rate_for, make_optimizer, optimizer_state, restore_optimizer
from headstart.tune.training.settings import Training


def body():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))


def stepped(module, optimizer, steps):
    for step in range(steps):
        optimizer.zero_grad()
        module(torch.linspace(-1, 1, 6).reshape(2, 3) * (step + 1)).square().sum().backward()
        optimizer.step()


def test_biases_and_gains_have_no_decay_and_groups_may_have_their_own():
    module = body()
    groups = (
        ParameterGroup(("0.weight", "0.bias", "1.weight", "1.bias"), weight_decay=0.5),
        ParameterGroup(("2.weight",)),
    )
    made = make_optimizer(dict(module.named_parameters()), groups, Training(weight_decay=0.1))
    assert [(sorted(group["names"]), group["weight_decay"]) for group in made.param_groups] == [
        (["0.weight"], 0.5), (["0.bias", "1.bias", "1.weight"], 0.0), (["2.weight"], 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize("names", [(("0.weight",), ("0.weight",)), (("nowhere",),)])
def test_each_name_is_known_and_comes_once(names):
    with pytest.raises(ParameterError, match="unknown or named twice"):
        make_optimizer(dict(body().named_parameters()), [ParameterGroup(group) for group in names], Training())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_restored_optimiser_goes_on_to_the_same_bits(optimizer):
    training = Training(optimizer=optimizer, learning_rate=0.05)
    groups = (ParameterGroup(tuple(name for name, _ in body().named_parameters())),)
    whole, first, second = body(), body(), body()
    made = [make_optimizer(dict(module.named_parameters()), groups, training) for module in (whole, first, second)]
    stepped(whole, made[0], 4)
    stepped(first, made[1], 2)
    second.load_state_dict(first.state_dict())
    restore_optimizer(made[2], optimizer_state(made[1]))
    for step in (2, 3):
        made[2].zero_grad()
        second(torch.linspace(-1, 1, 6).reshape(2, 3) * (step + 1)).square().sum().backward()
        made[2].step()
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), second.parameters(), strict=True))


def test_a_restored_state_has_the_memory_layout_of_its_parameter():
    weight = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last).weight
    made = make_optimizer({"weight": weight}, [ParameterGroup(("weight",))], Training())
    average = torch.arange(weight.numel(), dtype=torch.float32).reshape(weight.shape)  # as a checkpoint holds it
    restore_optimizer(made, {"weight/exp_avg": average})
    restored = made.state[weight]["exp_avg"]
    assert restored.stride() == weight.stride()
    assert torch.equal(restored, average)


def test_rates_by_body_and_optimiser():
    norm, plain = nn.BatchNorm2d(2), nn.Linear(2, 2)
    found = [learning_rate_for(part, Training(optimizer=name)) for part in (norm, plain) for name in ("adamw", "sgd")]
    assert found == pytest.approx([5e-4, 5e-3, 1e-4, 1e-3])
    assert learning_rate_for(norm, Training(learning_rate=0.3)) == 0.3
    assert learning_rate_for(norm, Training(batch_statistics=False)) == pytest.approx(2e-4)
    assert learning_rate_for(plain, Training(batch_statistics=False)) == pytest.approx(7e-5)
