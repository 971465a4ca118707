"""Strategies whose changes are merged into plain layers: LoRA, DoRA, SSF; and what every strategy leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from headstart.engine.options import Engine
from headstart.errors import ParameterError, SourceError
from headstart.heads import HeadSearch
from headstart.io import file_digest
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import trainable
from headstart.sources.module import module
from headstart.sources.registry import open_source
from headstart.sources.toy_shift import toy_shift
from headstart.tune.dora import DORA
from headstart.tune.frozen import FROZEN
from headstart.tune.lora import LORA
from headstart.tune.moving.move import make_setting, solved_start
from headstart.tune.registry import STRATEGIES
from headstart.tune.ssf import SSF
from headstart.tune.structure.low_rank import LowRank
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Task


@pytest.fixture(scope="module")
def shift():
    found = toy_shift()
    found.source.encode(found.train.items[:4])
    return found


class Layers(nn.Module):
    """One of each layer that a change can be merged into."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.wide = nn.Conv2d(16, 16, 3, padding=1)
        self.grouped = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.groups = nn.GroupNorm(4, 16)
        self.dense = nn.Linear(16, 16)
        self.plain = nn.Linear(16, 16, bias=False)
        self.last = nn.LayerNorm(16)
        self.classifier = nn.Linear(16, 16)

    def forward(self, x):
        maps = self.groups(self.grouped(self.wide(self.norm(self.stem(x.permute(0, 3, 1, 2))).relu()).relu()))
        return self.last(self.plain(self.dense(maps.mean(dim=(2, 3))).relu()))


def layered():
    """A setting's body with every kind of layer, and 30 items."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    items = rng.normal(size=(30, 5, 5, 3)).astype(np.float32)
    part = Dataset(items, tuple(map(str, range(30))), "image", Task("classification", ("a", "b")), np.arange(30) % 2)
    source = module(Layers(), np.asarray, name="layers", modality="image")
    source.encode(items[:2])
    return source, part


def setting_of(strategy, source, part):
    start = solved_start(source, part, search=HeadSearch(), seed=0, engine=Engine())
    return make_setting(strategy, source, part, start, seed=0, budget=Budget())


def shaken(setting, plan):
    """Give all that moves other values."""
    with torch.no_grad():
        for group in plan.groups:
            for name in group.names:
                parameter = setting.network.get_parameter(name)
                noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
                parameter.add_(noise / 10)


def accuracy(model, part):
    truth = np.array(part.task.labels)[part.y]
    return float(np.mean(np.array(model.predict(part.items)) == truth))


@pytest.mark.parametrize("strategy", [replace(LORA, rank=4), replace(DORA, rank=4)], ids=["lora", "dora"])
def test_low_rank_modules_solve_what_the_head_cannot(shift, strategy):
    settings = replace(strategy.training, epochs=15, learning_rate=0.02)
    model = replace(strategy, rate=1.0, training=settings).fit(shift.source, shift.train)
    assert accuracy(FROZEN.fit(shift.source, shift.train), shift.test) <= 0.75
    assert accuracy(model, shift.test) >= 0.85


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 3, 3), (6, 4, 5)])
def test_lora_is_the_weight_and_a_product_of_low_rank(shape):
    weight = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = LowRank(weight, rank=2, alpha=3.0)
    assert torch.equal(made(weight), weight)
    nn.init.normal_(made.up)
    change = made(weight) - weight
    brute = torch.zeros(shape, dtype=torch.float64)
    down = made.down.reshape(2, *shape[1:])
    for out in range(shape[0]):
        for k in range(2):
            brute[out] += 3.0 / 2 * made.up[out, k].detach() * down[k].detach()
    torch.testing.assert_close(change, brute, rtol=1e-12, atol=1e-12)
    assert torch.linalg.matrix_rank(change.flatten(1)) == 2


def test_dora_learns_magnitude_and_direction_apart():
    weight = torch.randn(6, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = LowRank(weight, rank=2, alpha=2.0, decomposed=True)
    torch.testing.assert_close(made(weight), weight, rtol=1e-14, atol=1e-14)
    nn.init.normal_(made.up)
    nn.init.uniform_(made.magnitude, 1, 2)
    moved = weight.flatten(1) + made.up @ made.down
    norms = made(weight).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, made.magnitude.detach())
    cosines = torch.cosine_similarity(made(weight).flatten(1), moved, dim=1)
    torch.testing.assert_close(cosines, torch.ones_like(cosines))
    made(weight).sum().backward()  # the norm counts as a constant: d/dB = (m / norm) (alpha/r) 1 Aᵀ
    expected = (made.magnitude / moved.norm(dim=1))[:, None] * made.down.sum(dim=1)
    torch.testing.assert_close(made.up.grad, expected.detach())


def test_dora_bears_outputs_whose_weights_are_zero():
    weight = torch.zeros(3, 4)
    assert torch.equal(LowRank(weight, 1, 1.0, decomposed=True)(weight), weight)


@pytest.mark.parametrize("strategy", [LORA, DORA, SSF], ids=lambda one: one.name)
def test_merged_layers_give_what_the_unmerged_gave(strategy):
    source, part = layered()
    setting = setting_of(strategy, source, part)
    network, x = setting.network, torch.from_numpy(np.asarray(part.items))
    before = {name: (type(layer), list(dict(layer.named_parameters()))) for name, layer in network.named_modules()}
    start = network(x)
    plan = strategy.plan(setting)
    torch.testing.assert_close(network.eval()(x), start)  # training begins at the solved head
    shaken(setting, plan)
    unmerged = network(x)
    assert not torch.allclose(unmerged, start, atol=1e-2)
    plan.finish()
    assert torch.equal(network(x), unmerged)
    after = {name: (type(layer), list(dict(layer.named_parameters()))) for name, layer in network.named_modules()}
    assert after == before  # plain layers again, parameters in their order


def test_low_rank_layers_are_those_wide_enough():
    source, part = layered()
    names = LORA.plan(setting_of(LORA, source, part)).groups[0].names
    layers = {name.split(".")[1] for name in names}
    assert layers == {"wide", "dense", "plain"}  # no stem, no grouped ones, no classifier
    with pytest.raises(SourceError, match="at least 18 input and output channels"):
        replace(LORA, rank=9).plan(setting_of(LORA, source, part))


def test_low_rank_modules_are_drawn_by_the_seed_alone():
    source, part = layered()
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        setting = setting_of(LORA, source, part)
        name = LORA.plan(setting).groups[0].names[0]
        found.append(setting.network.get_parameter(name).detach())
    assert torch.equal(*found)


def test_ssf_scales_and_shifts_every_output():
    source, part = layered()
    setting = setting_of(SSF, source, part)
    plan = SSF.plan(setting)
    shaken(setting, plan)
    body, x = setting.network.body.double(), torch.from_numpy(np.asarray(part.items)).double()
    plain = Layers().double().eval()
    own = dict(source.module.state_dict())
    plain.load_state_dict({name: value.double() for name, value in own.items()})

    def scaled(name, axis):
        layer = getattr(body, name)
        weights = layer.parametrizations["weight"][0]
        bias = layer.parametrizations["bias"][0].beta if "bias" in layer.parametrizations else None

        def hook(_layer, _inputs, output):
            shape = [-1 if k == axis else 1 for k in range(output.ndim)]
            y = output * weights.gamma.reshape(shape)
            return y if bias is None else y + bias.reshape(shape)

        getattr(plain, name).register_forward_hook(hook)

    for name in ("stem", "norm", "wide", "grouped", "groups"):
        scaled(name, 1)
    for name in ("dense", "plain", "last"):
        scaled(name, 1)
    assert not parametrize.is_parametrized(body.classifier)
    torch.testing.assert_close(body(x), plain(x), rtol=1e-12, atol=1e-12)
    betas = {name.split(".")[1] for name in plan.groups[0].names if name.endswith("beta")}
    assert betas == {"norm", "wide", "grouped", "groups", "dense", "last"}


@pytest.mark.parametrize("strategy", [LORA, DORA])
def test_settings_of_low_rank_modules_are_checked(strategy):
    for wrong in ({"rank": 0}, {"alpha": 0}, {"rate": 0}):
        with pytest.raises(ParameterError, match="must be"):
            replace(strategy, **wrong)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A tiny residual network of timm as a checkpoint, and pictures that are light or dark."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("resnet")
    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet", num_classes=5).state_dict(), folder / "tiny.safetensors")
    facts = {
        "architecture": "test_resnet", "timm_kwargs": {}, "num_classes": 5, "num_features": 96,
        "input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bicubic",
        "crop_pct": 1.0, "source": {"licence": "MIT"}, "sha256": file_digest(folder / "tiny.safetensors"),
    }  # fmt: skip
    (folder / "tiny.json").write_text(json.dumps(facts))
    rng = np.random.default_rng(0)
    y = np.arange(20) % 2
    items = [rng.integers(60 * k, 160 + 60 * k, (32, 32, 3), dtype=np.uint8) for k in y]
    names = tuple(map(str, range(20)))
    return folder / "tiny.safetensors", Dataset(items, names, "image", Task("classification", ("dark", "light")), y)


def exact_rows(source, part):
    """In fp32, since the number format that a body runs in may be another one where it is opened again."""
    body = trainable(source)
    with torch.no_grad():
        return body.forward(body.module, body.collate([source.prepare(item) for item in part.items]))


NAMES = ("adapters", "bitfit", "dora", "full", "gradual", "lora", "norm_only", "partial", "ssf", "surgical")


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_reopens_with_equal_outputs(resnet, tmp_path, name):
    path, part = resnet
    source = open_source(f"local:{path}", modality="image")
    setting = setting_of(STRATEGIES[name], source, part)
    start = setting.start.predict_proba(part.items)
    plan = STRATEGIES[name].plan(setting)
    shaken(setting, plan)
    plan.finish()
    moved = source.with_module(setting.network.body, "moved")
    model = TransferModel(moved, setting.task, setting.network.head.fitted(), None)
    assert np.abs(model.predict_proba(part.items) - start).max() > 0.01
    again = TransferModel.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.head.weight, model.head.weight)
    torch.testing.assert_close(exact_rows(again.source, part), exact_rows(model.source, part), rtol=0, atol=0)
