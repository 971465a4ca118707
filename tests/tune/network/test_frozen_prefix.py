"""Frozen parts run once: rows and gradients are those of the whole body, also from what was kept."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from headstart.sources.bodies.averaging import item_means
from headstart.sources.bodies.trainable import Trainable, trainable
from headstart.sources.local import open_local
from headstart.sources.registry import open_source
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.tune.network.frozen_prefix import find_cut
from headstart.tune.network.kept_inputs import KeptInputs
from headstart.tune.structure.low_rank import LowRank
from headstart.types import SourceInfo

TEXTS = ["good morning", "where is my card", "no " * 12, "my card is a card"]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("test_vit", "test_convnext", "text")]


def tiny_bert(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({word: k for k, word in enumerate(["[PAD]", "[UNK]", "card", "my"])}, "[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=4, max_position_embeddings=40, **sizes)).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", model_max_length=32)
    tokenizer.save_pretrained(folder)
    return open_local(folder)


def body_of(name, folder):
    """A trainable, and a function that makes a batch of so many items."""
    if name in ("bert", "text"):
        source = tiny_bert(folder) if name == "bert" else open_source("headstart:text")
        items = [source.prepare(text) for text in TEXTS]
    else:
        side = 160 if "vit" in name else 64
        spec = TimmSpec(name, {}, {"input_size": (3, side, side)})
        source = TimmSource(spec, random_weights(spec, 0), SourceInfo(name, "image"))
        items = list(np.random.default_rng(0).integers(0, 256, (4, side, side, 3), dtype=np.uint8))
    moved = trainable(source)
    return moved, lambda positions: moved.collate([items[k] for k in positions])


def freeze(moved, groups):
    frozen = {name for group in moved.groups[:groups] for name in group}
    for name, parameter in moved.module.named_parameters():
        parameter.requires_grad_(name not in frozen)


def gradients(moved, blocks):
    moved.module.zero_grad()
    sum((block * torch.linspace(-1, 1, block.shape[1])).sum() for block in blocks if block.requires_grad).backward()
    return {name: p.grad.clone() for name, p in moved.module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "bert", *SLOW])
@pytest.mark.parametrize("groups", [1, 3])
def test_the_rest_gives_what_the_whole_body_gives(name, groups, tmp_path):
    moved, batch = body_of(name, tmp_path)
    freeze(moved, groups)
    prefix = find_cut(moved, batch([0, 1]))
    assert prefix is not None
    assert prefix.stubs
    kept = KeptInputs()
    for positions in ([3, 1], [0, 2]):
        kept.put(positions, prefix.before(batch(positions)))
    whole, rest = moved.forward(moved.module, batch([2, 0, 1])), prefix.after(kept.batch([2, 0, 1]))
    for one, other in zip(whole, rest, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert [k for k, block in enumerate(whole) if not block.requires_grad] == list(prefix.constant)
    wanted, found = gradients(moved, whole), gradients(moved, rest)
    assert wanted.keys() == found.keys()
    for key, gradient in wanted.items():
        assert (gradient - found[key]).abs().max() <= 1e-3 * gradient.abs().max() + 1e-6, key


def test_frozen_parts_do_not_run_again(tmp_path):
    moved, batch = body_of("test_resnet", tmp_path)
    freeze(moved, 2)
    prefix = find_cut(moved, batch([0, 1]))
    cached = prefix.before(batch([0, 1, 2]))
    calls = []
    moved.module.layer1[0].register_forward_hook(lambda *_: calls.append("frozen"))
    moved.module.layer2[0].register_forward_hook(lambda *_: calls.append("moving"))
    prefix.after(cached)
    assert calls == ["moving"]
    moved.forward(moved.module, batch([0]))
    assert calls == ["moving", "frozen", "moving"]


def test_modes_and_methods_are_left_as_they_were(tmp_path):
    moved, batch = body_of("test_resnet", tmp_path)
    freeze(moved, 2)
    moved.module.layer3.train()
    modes = {name: part.training for name, part in moved.module.named_modules()}
    prefix = find_cut(moved, batch([0, 1]))
    prefix.after(prefix.before(batch([0, 1])))
    assert {name: part.training for name, part in moved.module.named_modules()} == modes
    assert not any("forward" in vars(part) for part in moved.module.modules())


def test_nothing_to_cut(tmp_path):
    moved, batch = body_of("test_resnet", tmp_path)
    assert find_cut(moved, batch([0, 1])) is None  # everything learns
    freeze(moved, 99)
    assert find_cut(moved, batch([0, 1])) is None  # nothing learns
    moved, batch = body_of("test_vit", tmp_path)
    freeze(moved, 3)
    moved.module.cls_token.requires_grad_(True)
    assert find_cut(moved, batch([0, 1])) is None  # the stem learns


def test_a_layer_whose_weight_is_made_by_a_low_rank_module_is_cut_before_the_layer(tmp_path):
    moved, batch = body_of("test_resnet", tmp_path)
    freeze(moved, 99)
    layer = next(
        (name, part)
        for name, part in reversed(list(moved.module.named_modules()))
        if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3)
    )
    low_rank = LowRank(layer[1].weight, rank=2, alpha=4.0)
    nn.init.normal_(low_rank.up)
    parametrize.register_parametrization(layer[1], "weight", low_rank)
    layer[1].parametrizations["weight"].original.requires_grad_(False)
    prefix = find_cut(moved, batch([0, 1]))
    assert layer[0].startswith(prefix.cut)
    whole = moved.forward(moved.module, batch([0, 1, 2]))
    for found, expected in zip(prefix.after(prefix.before(batch([0, 1, 2]))), whole, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_value_that_passes_the_cut_by_is_noticed():
    class Skipping(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.middle, self.end = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            x = self.stem(x)
            return self.end(self.middle(x) + x)

    groups = (("stem.weight", "stem.bias"), ("middle.weight", "middle.bias"), ("end.weight", "end.bias"))
    moved = Trainable(Skipping(), lambda m, x: [m(x)], torch.tensor, groups)
    freeze(moved, 1)
    assert find_cut(moved, torch.randn(3, 3)) is None
    freeze(moved, 2)
    assert find_cut(moved, torch.randn(3, 3)).cut == "end"


@pytest.mark.parametrize("limit", [0, 200, 2**20])
def test_items_are_kept_in_memory_and_in_a_file(limit):
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 5, 3, generator=draw)
    lengths = torch.tensor([5, 2, 3, 1])
    mask = (torch.arange(5) < lengths[:, None]).long()
    kept = KeptInputs(limit=limit)
    rows = torch.randn(4, 5, generator=draw)
    kept.put([10, 11, 12, 13], {"input": inputs, "block.0": rows, "batch.attention_mask": mask})
    assert len(kept) == 4
    assert 12 in kept
    assert 0 not in kept
    found = kept.batch([12, 11])
    assert found["input"].shape == (2, 3, 3)
    torch.testing.assert_close(found["input"], (inputs * mask[..., None])[[2, 1], :3], rtol=0, atol=0)
    torch.testing.assert_close(found["block.0"], rows[[2, 1]], rtol=0, atol=0)
    assert found["batch.attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    with pytest.raises(KeyError):
        kept.batch([0])
    kept.close()


def test_half_the_room_in_bf16():
    kept = KeptInputs("bf16", limit=2 * 100)
    kept.put([0, 1], {"input": torch.full((2, 100), 1.001)})
    assert list(kept._in_memory) == [0]
    assert list(kept._in_file) == [1]
    found = kept.batch([0, 1])["input"]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.full((2, 100), 1.001).bfloat16().float(), rtol=0, atol=0)


def test_embedded_words_in_a_batch_may_be_of_any_length():
    """A kind of fault: the words of a batch were as many as those of the example on which the cut was checked."""

    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, inputs_embeds, attention_mask):
            found = self.second(self.first(inputs_embeds) * attention_mask.unsqueeze(2))
            return (found * attention_mask.unsqueeze(2) * torch.ones_like(inputs_embeds)).sum(dim=1)

    def texts(columns):
        return {"inputs_embeds": torch.randn(4, columns, 3), "attention_mask": torch.ones(4, columns, dtype=torch.long)}

    body = Body()
    body.first.requires_grad_(False)
    whole = Trainable(body, lambda module, batch: [module(**batch)], dict, ((), ()))
    prefix = find_cut(whole, texts(5))
    assert prefix is not None
    longer = texts(8)
    torch.testing.assert_close(prefix.after(prefix.before(longer))[0], body(**longer))


def test_sounds_of_several_windows_are_cut_too():
    """Rows and gradients of items of one to four parts are those of the complete body, in any order of the items."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5)).eval()

    def forward(module, batch):
        found = module[:2](batch["patches"])
        maps = [found, module[2:](found)]
        return item_means([each.mean(dim=(2, 3)) for each in maps], batch["counts"])

    def sounds(*counts):
        return {"counts": torch.tensor(counts), "patches": torch.randn(sum(counts), 1, 6, 5)}

    moved = Trainable(body, forward, lambda items: items, (("0.weight", "0.bias"), ("2.weight", "2.bias")))
    body[0].requires_grad_(requires_grad=False)
    prefix = find_cut(moved, sounds(1, 1, 1, 1))
    assert (prefix.cut, prefix.constant) == ("2", (0,))
    batch, kept = sounds(2, 1, 4, 1), KeptInputs()
    kept.put([0, 1, 2, 3], prefix.before(batch))
    wanted = forward(body, batch)
    found = prefix.after(kept.batch([2, 0, 3, 1]))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other[[2, 0, 3, 1]])
    expected = gradients(moved, [rows[[2, 0, 3, 1]] for rows in wanted])
    for name, gradient in gradients(moved, found).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)
