"""Bodies of every scheme and fine-tuned ones, in each format that holds them; the others refuse them in a sentence.

The formats write and are compared in this process, as far as that takes no runtime of their own; `slow` tests run the
exported folder in a new process. Bodies as published differ from fine-tuned ones only in where their weights are from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bert_tokenizer import bert_tokenizer
from command_line import write_body
from keras_models import TINY, run_keras

from headstart.errors import SourceError
from headstart.export import export
from headstart.export.checking.reference import exact_rows
from headstart.export.graph.onnx_file import model_graph, traced_module
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources.bodies.adapters import insert_adapters
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.hf import open_folder
from headstart.sources.registry import open_source
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo, Task

TEXTS = ["where is my card", "good morning", "no card", "WHERE is a card"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def model_of(source):
    rng, d = np.random.default_rng(0), source.info.blocks[-1].width
    start = sum(block.width for block in source.info.blocks[:-1])
    features = FeatureMap("last layer", ((start, start + d),), "none")
    calibration = {"temperature": np.array([2.0])}
    head = FittedHead(features, "ridge", 1.0, rng.normal(size=(d, 3)), rng.normal(size=3), calibration, 0, ())
    return TransferModel(source, Task("classification", ("card", "hello", "other")), head)


def of_timm(name):
    spec = TimmSpec(name, {"num_classes": 7}, {"input_size": (3, 160, 160) if "vit" in name else (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo(f"timm:{name}", "image"))


def of_hf(folder, kind):
    import torch
    import transformers as hf

    torch.manual_seed(0)
    sizes = {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}
    pictures = {
        "ViT": {"image_size": 32, "patch_size": 8, **SMALL},
        "ConvNext": sizes, "ResNet": {"embedding_size": 8, "layer_type": "basic", **sizes},
        "Swin": {"image_size": 64, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
    }  # fmt: skip
    if kind in pictures:
        config = getattr(hf, f"{kind}Config")
        getattr(hf, f"{kind}Model")(config(**pictures[kind])).eval().save_pretrained(folder)
        side = 32 if kind == "ViT" else 64
        hf.ViTImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
        return open_folder(folder, SourceInfo(kind, "image"))
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(bert_tokenizer(lowercase=True))
    sizes = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16} if kind == "DistilBert" else SMALL
    config = getattr(hf, f"{kind}Config")(vocab_size=backend.get_vocab_size(), pad_token_id=0, **sizes)
    getattr(hf, f"{kind}Model")(config).eval().save_pretrained(folder)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=32, **special)
    tokenizer.save_pretrained(folder)
    return open_folder(folder, SourceInfo(kind, "text"))


def fine_tuned(source):
    """The source with other weights, as a strategy hands it on."""
    import torch

    body = source.trainable()
    with torch.no_grad():
        for parameter in body.module.parameters():
            parameter.mul_(1.1)
    return source.with_module(body.module, "tuned")


def opened(kind, folder):
    scheme, _, name = kind.partition(":")
    if scheme == "timm":
        return of_timm(name)
    if scheme == "hf":
        return of_hf(folder, name)
    if scheme == "keras":
        run_keras(TINY, str(folder))
        return open_source(f"local:{folder / 'tiny.keras'}")
    return open_source(write_body(folder / "tiny.safetensors"))


def checked(source):
    return TEXTS if source.info.modality == "text" else example_pictures(3)


BODIES = [
    "timm:test_vit", "timm:test_convnext", "timm:test_efficientnet", "local:", "hf:ViT", "hf:ConvNext", "hf:ResNet",
    "hf:Swin", "hf:Bert", "hf:Roberta", "hf:DistilBert", "hf:MPNet", pytest.param("keras:", marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize(
    "tuned", [pytest.param(False, marks=pytest.mark.ci, id="as published"), pytest.param(True, id="fine-tuned")]
)
@pytest.mark.parametrize("kind", BODIES)
def test_the_graph_of_a_body_gives_the_rows_of_its_source(kind, tuned, tmp_path: Path):
    import torch

    source = opened(kind, tmp_path)
    source = fine_tuned(source) if tuned else source
    model, items = model_of(source), checked(source)
    graph = model_graph(model, "onnx")
    if source.info.modality == "text":
        batch = source.trainable().collate([source.prepare(item) for item in items])
        inputs = [batch[name] for name in graph.examples]
    else:
        inputs = [torch.from_numpy(np.stack([source.prepare(item) for item in items]))]
    with torch.no_grad():
        found = traced_module(model, graph)(*inputs).numpy()
    np.testing.assert_allclose(found, model.outputs(exact_rows(model, items)), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BODIES)
def test_a_fine_tuned_body_runs_by_itself_in_onnx(kind, tmp_path):
    model = model_of(fine_tuned(opened(kind, tmp_path)))
    assert export(model, "onnx", tmp_path / "out", check=checked(model.source)).parity.flips == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("timm:test_convnext", "timm"), ("local:", "timm"), ("local:", "transformers"), ("hf:ResNet", "transformers"),
        ("hf:Roberta", "sentence-transformers"), ("hf:DistilBert", "sentence-transformers"),
    ],
)  # fmt: skip
def test_a_fine_tuned_body_is_a_folder_of_its_library(kind, form, tmp_path):
    source = fine_tuned(opened(kind, tmp_path).with_layers("last"))
    found = export(model_of(source), form, tmp_path / "out", check=checked(source))
    assert found.parity.facts["same_input"]["largest"] < 1e-4


@pytest.mark.parametrize(
    ("kind", "form", "said"),
    [
        pytest.param("keras:", "timm", "holds bodies of timm", marks=pytest.mark.slow),
        ("hf:ViT", "timm", "holds bodies of timm"), ("local:", "sentence-transformers", "holds text bodies"),
        ("hf:Bert", "timm", "holds bodies of timm"),
    ],
)  # fmt: skip
def test_a_format_of_another_library_refuses_it_in_a_sentence(kind, form, said, tmp_path):
    source = opened(kind, tmp_path)
    with pytest.raises(SourceError, match=said):
        export(model_of(source), form, tmp_path / "out", check=checked(source))


def test_adapters_are_held_by_graphs_alone(tmp_path):
    source = of_timm("test_vit").with_layers("last")
    body = source.trainable()
    insert_adapters(body.module, 4, seed=0)
    model = model_of(source.with_module(body.module, "tuned"))
    with pytest.raises(SourceError, match="has adapters, which timm cannot load; use the format 'onnx'"):
        export(model, "timm", tmp_path / "out", check=example_pictures(1))
    assert model_graph(model, "onnx").kind == "image"
