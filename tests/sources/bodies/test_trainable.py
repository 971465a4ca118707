"""Bodies that can be trained: gradients, sources of other weights, and adapters."""

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.sources.bodies.adapters import insert_adapters, restore_structure
from headstart.sources.bodies.copies import structure_of
from headstart.sources.bodies.parameter_groups import numbered
from headstart.sources.bodies.trainable import TrainableSource, trainable
from headstart.sources.local import open_local
from headstart.sources.module import module
from headstart.sources.registry import open_source
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.sources.toy import ToySource
from headstart.sources.transformers.media_body import MediaBody
from headstart.types import SourceInfo

TORCH = Engine(backend="torch", cache=False)
LOOSE = 0.05  # of bf16
TEXTS = ["good morning my card", "where is my card", "no " * 20]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("test_vit", "test_efficientnet", "text", "vit")]
KINDS = ["test_resnet", "bert", "wav2vec2", "module", "spectrogram", *SLOW]


def timm_body(architecture, **changes):
    side = 160 if "vit" in architecture else 64
    spec = TimmSpec(architecture, {"num_classes": 7}, {"input_size": (3, side, side), "license": "mit", **changes})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo(architecture, "image", license="mit"))


def media_folder(name, folder):
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    if name == "vit":
        config = transformers.ViTConfig(**sizes, image_size=32, patch_size=8)
        model = transformers.ViTModel(config, add_pooling_layer=False)
        processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    else:
        config = transformers.Wav2Vec2Config(
            **sizes, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embedding_groups=2,
            num_conv_pos_embeddings=8,
        )  # fmt: skip
        model, processor = transformers.Wav2Vec2Model(config), transformers.Wav2Vec2FeatureExtractor()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture
def case(request, tmp_path):
    """A source and items that it encodes."""
    name, rng = request.param, np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (70, 70, 3), dtype=np.uint8) for _ in range(3)]
    sounds = [(rng.normal(scale=0.1, size=n).astype(np.float32), 8000) for n in (4000, 9000, 4000)]
    if name == "bert":
        return open_local(request.getfixturevalue("bert")), TEXTS
    if name == "text":
        return open_source("headstart:text"), TEXTS
    if name == "module":
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        return module(body, torch.tensor, name="mine", modality="vector", blocks=["0"]), [[1.0, 2.0, 0.5], [0.0, 1, 2]]
    if name == "spectrogram":
        return Spectrogram(timm_body("test_resnet")), [*sounds, (np.tile(sounds[0][0], 30), 8000)]
    if name in ("vit", "wav2vec2"):
        return open_local(media_folder(name, tmp_path / name)), pictures if name == "vit" else sounds
    return timm_body(name), pictures


def encoded(source, items):
    """The rows that users get, in whatever number format is fastest."""
    return extract(source, items, engine=TORCH).rows


def rows_of(source, items):
    """The rows in float32."""
    with torch.no_grad():
        return torch.cat(run(source, trainable(source), items), 1).numpy()


def run(source, moved, items):
    return moved.forward(moved.module, moved.collate([source.prepare(item) for item in items]))


def close(found, wanted, tolerance=2e-4):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("case", KINDS, indirect=True)
def test_what_is_trained_gives_the_sources_rows_and_gradients_for_its_groups(case):
    source, items = case
    wanted = encoded(source, items)
    moved = trainable(source)
    blocks = run(source, moved, items)
    assert [block.shape for block in blocks] == [(len(items), block.width) for block in source.info.blocks]
    assert {block.dtype for block in blocks} == {torch.float32}
    close(torch.cat(blocks, 1).detach().numpy(), wanted, LOOSE)

    sum((block * torch.randn_like(block)).sum() for block in blocks).backward()
    grouped = [name for group in moved.groups for name in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {name for name, p in moved.module.named_parameters() if p.grad is not None}
    assert all(p.requires_grad for p in moved.module.parameters())
    assert not moved.module.training


@pytest.mark.parametrize("case", KINDS, indirect=True)
def test_other_weights_are_another_source_that_can_be_kept(case, tmp_path):
    source, items = case
    before = rows_of(source, items)
    moved = trainable(source)
    with torch.no_grad():
        for k, parameter in enumerate(moved.module.parameters()):
            parameter.mul_(1 + 0.01 * (k % 3))
    wanted = torch.cat(run(source, moved, items), 1).detach().numpy()
    other = source.with_module(moved.module, "moved")
    assert (other.info.name, other.info.license, other.info.revision) == ("moved", source.info.license, None)
    assert isinstance(other, type(source))
    assert isinstance(other, TrainableSource)
    assert other.info.blocks == source.info.blocks
    close(rows_of(other, items), wanted)
    close(encoded(other, items), wanted, LOOSE)
    close(rows_of(source, items), before, 1e-6)
    assert np.abs(wanted - before).max() > 1e-3 * np.abs(before).max()
    assert not np.allclose(rows_of(other.untrained(1), items), rows_of(other, items))
    reference = other.save(tmp_path / "kept")
    if reference["name"] == "local:.":
        opened = open_local(tmp_path / "kept")
        close(rows_of(opened, items), wanted)
        assert opened.info.blocks == source.info.blocks


def test_rows_of_other_weights_are_kept_apart():
    source = timm_body("test_resnet")
    moved = trainable(source)
    few = list  # no items are compared
    keys = {one.choose(TORCH, 1, few) for one in (source, source.with_module(moved.module, "same"))}
    with torch.no_grad():
        next(moved.module.parameters()).add_(1.0)
    keys.add(source.with_module(moved.module, "other").choose(TORCH, 1, few))
    assert len(keys) == 3


def test_layers_that_are_read_stay():
    source = timm_body("test_resnet").with_layers(["layer2", "last"])
    other = source.with_module(trainable(source).module, "moved")
    assert [block.name for block in other.info.blocks] == ["layer2", "last"]


def test_the_source_task_has_logits():
    source = timm_body("test_resnet")
    moved = trainable(source)
    item = np.zeros((64, 64, 3), np.uint8)
    batch = moved.collate([item, item])
    logits = moved.source_head(moved.module, batch)
    last = moved.forward(moved.module, batch)[-1]
    torch.testing.assert_close(logits, moved.module.get_classifier()(last))
    assert not any("fc" in name for group in moved.groups for name in group)
    assert trainable(open_source("headstart:text")).source_head is None


def test_each_call_gives_a_module_of_its_own():
    source = timm_body("test_resnet")
    source = source.with_module(trainable(source).module, "moved")
    one, other = trainable(source), trainable(source)
    with torch.no_grad():
        next(one.module.parameters()).add_(1.0)
    assert not torch.equal(next(one.module.parameters()), next(other.module.parameters()))


def test_sources_without_a_body_say_so():
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        trainable(ToySource())
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        trainable(Spectrogram(ToySource(modality="image")))


ADAPTED = ["test_resnet", "bert", "wav2vec2", *SLOW]


@pytest.mark.parametrize("case", ADAPTED, indirect=True)
def test_adapters_begin_as_nothing_and_are_kept(case, tmp_path):
    source, items = case
    moved = trainable(source)
    before = torch.cat(run(source, moved, items), 1)
    names = insert_adapters(moved.module, 4, seed=0)
    assert torch.equal(torch.cat(run(source, moved, items), 1), before)
    assert set(names) < {name for name, _ in moved.module.named_parameters()}
    assert all(numbered(name) for name in names)
    torch.cat(run(source, moved, items), 1).square().sum().backward()
    parameters = dict(moved.module.named_parameters())
    assert all(parameters[name].grad.abs().sum() > 0 for name in names if name.endswith("up.weight"))
    with torch.no_grad():
        for k, name in enumerate(names):
            parameters[name].normal_(std=0.2, generator=torch.Generator().manual_seed(k))
    wanted = torch.cat(run(source, moved, items), 1).detach().numpy()
    assert np.abs(wanted - before.detach().numpy()).max() > 1e-2 * np.abs(wanted).max()

    other = source.with_module(moved.module, "adapted")
    assert other.info.parameters == sum(p.numel() for p in moved.module.parameters())
    close(rows_of(other, items), wanted)
    assert np.isfinite(rows_of(other.untrained(1), items)).all()
    other.save(tmp_path / "adapted")
    opened = open_local(tmp_path / "adapted")
    close(rows_of(opened, items), wanted)
    assert structure_of(trainable(opened).module) == {"adapters": {"width": 4}}
    opened.untrained(2).save(tmp_path / "fresh")
    close(rows_of(open_local(tmp_path / "fresh"), items[:1]), rows_of(opened.untrained(2), items[:1]))


@pytest.mark.slow
def test_adapters_on_a_converted_body(tmp_path):
    pytest.importorskip("openvino")
    source = timm_body("test_vit")
    moved = trainable(source)
    for name in insert_adapters(moved.module, 4, seed=0):
        nn.init.normal_(moved.module.get_parameter(name), std=0.2)
    other = source.with_module(moved.module, "adapted")
    items = [np.random.default_rng(k).integers(0, 256, (160, 160, 3), dtype=np.uint8) for k in range(2)]
    converted = extract(other, items, engine=Engine(backend="openvino", cache=False)).rows
    assert other.runtime.backend == "openvino"
    close(converted, rows_of(other, items), LOOSE)


def test_adapters_are_refused_where_they_do_not_fit(tmp_path):
    with pytest.raises(SourceError, match="no numbered blocks"):
        insert_adapters(nn.Linear(2, 2), 4, seed=0)
    body = trainable(timm_body("test_vit")).module
    insert_adapters(body, 4, seed=0)
    with pytest.raises(SourceError, match="already has adapters"):
        insert_adapters(body, 4, seed=0)
    for structure in ({"adapters": 4}, {"prompts": {}}, {"adapters": {"width": 0}}):
        with pytest.raises(SourceError, match="structure"):
            restore_structure(nn.Linear(2, 2), structure)


def test_damaged_adapters_are_one_sentence(bert, tmp_path):
    source = open_local(bert)
    moved = trainable(source)
    insert_adapters(moved.module, 4, seed=0)
    source.with_module(moved.module, "adapted").save(tmp_path / "adapted")
    (tmp_path / "adapted" / "headstart_adapters.safetensors").unlink()
    with pytest.raises(SourceError, match="do not fit"):
        open_local(tmp_path / "adapted")


def test_sounds_of_several_lengths_share_a_batch(tmp_path):
    source = open_local(media_folder("wav2vec2", tmp_path / "body"))
    assert isinstance(source, MediaBody)
    rng = np.random.default_rng(0)
    items = [(rng.normal(scale=0.1, size=n).astype(np.float32), 16000) for n in (8000, 3000, 8000, 5000)]
    moved = trainable(source)
    together = torch.cat(run(source, moved, items), 1)
    alone = torch.cat([torch.cat(run(source, moved, [item]), 1) for item in items])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
