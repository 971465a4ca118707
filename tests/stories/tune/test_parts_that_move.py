"""Strategies that choose parts of the body: full, partial, gradual, surgical, BitFit, normalisations, adapters, SSF."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.options import Engine
from headstart.errors import ParameterError, SourceError
from headstart.heads import HeadSearch
from headstart.sources.module import module
from headstart.sources.toy_shift import CONSTANT, toy_shift
from headstart.tune.adapters import ADAPTERS
from headstart.tune.bitfit import BITFIT
from headstart.tune.frozen import FROZEN
from headstart.tune.full import FULL, standardised_head
from headstart.tune.gradual import GRADUAL, unfreezing_times
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.move import make_setting, move, solved_start
from headstart.tune.norm_only import NORM_ONLY
from headstart.tune.partial import PARTIAL, PartialFineTuning
from headstart.tune.ssf import SSF
from headstart.tune.surgical import SURGICAL, SurgicalFineTuning, relative_gradient_norms
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Task


class Whole(nn.Module):
    """A block whose layers are its own matter, as those of residual networks are."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x)


@pytest.fixture(scope="module")
def shift():
    return toy_shift()


def with_body(shift, body):
    """The toy's source with another body, whose examples are known."""
    source = shift.source.with_module(body, "module:other")
    source.encode(shift.train.items[:4])
    return source


def lifted(shift):
    """A body of which only the last block's kinks lie where the target's items are not."""
    body = copy.deepcopy(shift.source.module)
    for block in body.blocks[:2]:
        nn.init.zeros_(block[1].bias)
    return with_body(shift, body)


def wrapped(shift):
    """The toy's body with blocks that are modules of one piece."""
    body = copy.deepcopy(shift.source.module)
    body.blocks = nn.ModuleList(Whole(block) for block in body.blocks)
    return with_body(shift, body)


def as_is(shift):
    shift.source.encode(shift.train.items[:4])
    return shift.source


def accuracy(model, part):
    truth = np.array(part.task.labels)[part.y]
    return float(np.mean(np.array(model.predict(part.items)) == truth))


FROZEN_ACCURACY = {}


def frozen_accuracy(body, shift):
    """Of a body with frozen features, computed once for each."""
    if body not in FROZEN_ACCURACY:
        FROZEN_ACCURACY[body] = accuracy(FROZEN.fit(body(shift), shift.train), shift.test)
    return FROZEN_ACCURACY[body]


def setting_of(strategy, source, part):
    start = solved_start(source, part, search=HeadSearch(), seed=0, engine=Engine())
    return make_setting(strategy, source, part, start, seed=0, budget=Budget())


@pytest.mark.parametrize(
    ("strategy", "body", "settings"),
    [
        (FULL, lifted, {"epochs": 15, "learning_rate": 0.02}),
        (PARTIAL, as_is, {"epochs": 30, "learning_rate": 0.03, "batch_size": 48}),
        (GRADUAL, as_is, {"epochs": 30, "learning_rate": 0.03, "batch_size": 48}),
        (SURGICAL, as_is, {"epochs": 30, "learning_rate": 0.05, "batch_size": 48}),
        (BITFIT, lifted, {"epochs": 60, "learning_rate": 0.05, "batch_size": 48}),
        (NORM_ONLY, as_is, {"epochs": 60, "learning_rate": 0.02, "batch_size": 240}),
        (ADAPTERS, wrapped, {"epochs": 15, "learning_rate": 0.002}),
        (SSF, as_is, {"epochs": 30, "learning_rate": 0.05, "batch_size": 48}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_solves_what_the_head_cannot(shift, strategy, body, settings):
    source = body(shift)
    assert frozen_accuracy(body, shift) <= 0.75
    model = replace(strategy, training=replace(strategy.training, **settings)).fit(source, shift.train)
    assert accuracy(model, shift.test) >= 0.85


def test_partial_moves_the_last_blocks_only(shift):
    plan = PARTIAL.plan(setting_of(PARTIAL, as_is(shift), shift.train))
    names = [name for group in plan.groups for name in group.names]
    assert {name.split(".")[2] for name in names if name.startswith("body")} == {"1", "2"}


def test_statistics_of_frozen_blocks_rest(shift):
    strategy = replace(PARTIAL, blocks=1, training=replace(PARTIAL.training, epochs=10, learning_rate=0.02))
    source = lifted(shift)
    moved = move(strategy, source, shift.train)
    before, after = source.module.state_dict(), moved.network.body.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[1] for name in changed} == {"2"}
    assert "blocks.2.1.running_mean" in changed


def test_partial_moves_a_body_of_few_blocks_as_a_whole(shift):
    wide = replace(PARTIAL, blocks=9)
    setting = setting_of(wide, as_is(shift), shift.train)
    assert len(wide.plan(setting).groups) == len(setting.network.groups) + 1


def test_gradual_rates_and_beginnings(shift):
    setting = setting_of(GRADUAL, as_is(shift), shift.train)
    *blocks, head = GRADUAL.plan(setting).groups
    assert [group.rate for group in blocks] == pytest.approx([2.6**-2, 2.6**-1, 1.0])
    assert [group.begin for group in blocks] == pytest.approx([0.4, 0.2, 0.0])  # one more in each of five epochs
    assert (head.rate, head.begin) == (1.0, 0.0)
    assert unfreezing_times(10, 5)[0] < 1


def test_full_forgets_the_solved_head_and_standardises(shift):
    setting = setting_of(FULL, as_is(shift), shift.train)
    solved = setting.network.head
    head = standardised_head(setting)
    rows = setting.network.rows(torch.from_numpy(np.asarray(shift.train.items))).detach()
    mapped = head.mapped(rows)[:, :-1]  # the last column is constant
    assert mapped.mean(dim=0).abs().max() < 1e-3
    assert (mapped.std(dim=0, correction=0) - 1).abs().max() < 1e-3
    assert head.weight.abs().max() < 0.1 < solved.weight.abs().max()
    assert torch.equal(head.weight, standardised_head(setting).weight)
    assert torch.allclose(torch.from_numpy(head.fitted().scores(rows.numpy())).float(), head(rows).detach(), atol=1e-5)


def test_full_regression_speaks_in_units_of_the_data(shift):
    y = 1000 + 50 * np.stack(shift.train.items)[:, 0, 0, 0:1].astype(np.float64)
    part = replace(shift.train, y=y, task=Task("regression", ("value",)))
    setting = setting_of(FULL, as_is(shift), part)
    FULL.plan(setting)
    rows = np.asarray(shift.source.encode(part.items))
    assert setting.network.head.fitted().scores(rows).mean() == pytest.approx(y.mean(), abs=5)


def test_relative_gradient_norms_are_those_of_the_mean_loss(shift):
    part = shift.train.take(range(70))
    setting = setting_of(SURGICAL, as_is(shift), part)
    found = relative_gradient_norms(setting)
    network = setting.network.double()
    for name in ("shift", "scale"):
        setattr(network.head, name, getattr(network.head, name).double())
    inputs = torch.from_numpy(np.asarray(part.items)).double()
    body = network.body
    maps = inputs.permute(0, 3, 1, 2)
    for block in body.blocks:
        maps = block(maps)
    pooled = maps.mean(dim=(2, 3))
    rows = torch.cat([pooled, torch.full_like(pooled[:, :1], CONSTANT)], dim=1)
    logits = network.head.mapped(rows) @ network.head.weight + network.head.bias
    logits.log_softmax(dim=1)[torch.arange(70), torch.from_numpy(part.y)].mean().neg().backward()
    expected = []
    for block in body.blocks:
        slope = torch.cat([p.grad.flatten() for p in block.parameters()]).norm()
        expected.append(float(slope / torch.cat([p.detach().flatten() for p in block.parameters()]).norm()))
    assert found == pytest.approx(expected, rel=1e-3)
    assert relative_gradient_norms(setting_of(SURGICAL, as_is(shift), part)) == found


@pytest.mark.parametrize(("block", "number"), [("first", 0), ("middle", 1), ("last", 2)])
def test_surgical_moves_the_named_block(shift, block, number):
    strategy = replace(SURGICAL, block=block)
    setting = setting_of(strategy, as_is(shift), shift.train)
    assert strategy.plan(setting).groups[0].names == setting.network.groups[number]


def test_surgical_auto_moves_the_block_of_largest_relative_gradient(shift):
    setting = setting_of(SURGICAL, as_is(shift), shift.train)
    expected = int(np.argmax(relative_gradient_norms(setting)))
    assert SURGICAL.plan(setting).groups[0].names == setting.network.groups[expected]


def test_bitfit_and_norm_only_choose_as_they_say(shift):
    setting = setting_of(BITFIT, as_is(shift), shift.train)
    biases, norms = BITFIT.plan(setting).groups[0].names, NORM_ONLY.plan(setting).groups[0].names
    layers = [f"body.blocks.{k}" for k in range(3)]
    assert set(biases) == {f"{layer}.{part}.bias" for layer in layers for part in (0, 1)}
    assert set(norms) == {f"{layer}.1.{kind}" for layer in layers for kind in ("weight", "bias")}


def test_bodies_without_the_parts_are_refused():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(30, 4)).astype(np.float32)
    part = Dataset(items, tuple(map(str, range(30))), "vector", Task("classification", ("a", "b")), np.arange(30) % 2)
    source = module(nn.Linear(4, 3, bias=False), np.asarray, name="bare", modality="vector")
    source.encode(items[:2])
    for strategy, wanted in ((BITFIT, "trains biases"), (NORM_ONLY, "trains normalisations")):
        with pytest.raises(SourceError, match=wanted):
            strategy.plan(setting_of(strategy, source, part))
    source = module(nn.PReLU(), np.asarray, name="bare", modality="vector")
    source.encode(items[:2])
    with pytest.raises(SourceError, match="scales convolutions"):
        SSF.plan(setting_of(SSF, source, part))


def test_adapters_norms_and_head_move(shift):
    strategy = replace(ADAPTERS, width=8)
    setting = setting_of(strategy, wrapped(shift), shift.train)
    groups = strategy.plan(setting).groups
    kinds = {name.rpartition(".")[0].split(".")[-1] for name in groups[0].names}
    assert kinds == {"down", "up", "1"}  # 1: the normalisations
    assert all(name in dict(setting.network.named_parameters()) for name in groups[0].names)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PartialFineTuning(blocks=0),
        lambda: SurgicalFineTuning(block="second"),
        lambda: replace(GRADUAL, decay=0),
        lambda: replace(BITFIT, rate=0),
        lambda: replace(NORM_ONLY, rate=-1),
        lambda: replace(ADAPTERS, width=0),
        lambda: replace(SSF, rate=0),
        lambda: replace(LP_FT, decay=2),
    ],
)
def test_settings_outside_of_their_range_are_refused(make):
    with pytest.raises(ParameterError, match="must be"):
        make()
