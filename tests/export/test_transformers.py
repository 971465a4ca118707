"""Checkpoint folders of transformers: its stock classes give the logits of the model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.export import export
from headstart.export.checking.reference import model_answers
from headstart.export.folders.linear_layer import linear_layer
from headstart.export.folders.picture_body import write_picture_model
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.hf import open_folder
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo, Task

TEXTS = ["where is my card", "good morning", "no card", "WHERE is a ｃａｒｄ"]


def model_of(source, scaling="none"):
    rng, d = np.random.default_rng(0), source.info.blocks[-1].width
    shift, scale = (rng.normal(size=d), rng.uniform(0.5, 2, d)) if scaling == "none" else (np.empty(0), np.empty(0))
    start = sum(block.width for block in source.info.blocks[:-1])
    features = FeatureMap("last layer", ((start, start + d),), scaling, shift, scale)
    calibration = {"temperature": np.array([2.0]), "chance": np.array([0.05])}
    head = FittedHead(features, "ridge", 1.0, rng.normal(size=(d, 3)), rng.normal(size=3), calibration, 0, ())
    return TransferModel(source, Task("classification", ("card", "hello", "other")), head)


@pytest.mark.slow
def test_bert_read_at_its_first_token_is_a_stock_class(bert, tmp_path):
    """The pooler is 2^-13 times the identity, where its tanh is the identity too; a share is mixed with chance."""
    model = model_of(open_folder(bert, SourceInfo("tiny", "text"), pooling="cls"))
    found = export(model, "transformers", tmp_path / "out", check=TEXTS)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "card", "1": "hello", "2": "other"}
    assert not (tmp_path / "out" / "modules.json").exists()
    assert found.parity.flips == 0
    assert found.parity.facts["same_input"]["largest"] < 1e-4


@pytest.mark.slow
def test_a_body_of_timm_is_wrapped_by_transformers(tmp_path):
    spec = TimmSpec("test_resnet", {"num_classes": 7}, {"input_size": (3, 64, 64), "crop_pct": 0.9, "mean": (0.5,) * 3})
    source = TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image")).with_layers("last")
    found = export(model_of(source), "transformers", tmp_path / "out", check=example_pictures(4))
    assert found.parity.flips == 0
    assert found.parity.facts["same_input"]["largest"] < 1e-4


def own_body(folder, kind):
    """A small picture body of transformers with its processor."""
    import torch
    import transformers as hf

    sizes = {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config, model = {
        "resnet": (hf.ResNetConfig(embedding_size=8, layer_type="basic", **sizes), hf.ResNetModel),
        "convnext": (hf.ConvNextConfig(**sizes), hf.ConvNextModel),
        "swin": (
            hf.SwinConfig(image_size=64, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4),
            hf.SwinModel,
        ),
        "vit": (hf.ViTConfig(image_size=64, patch_size=16, **small), hf.ViTModel),
        "dinov2": (hf.Dinov2Config(image_size=64, patch_size=16, **small), hf.Dinov2Model),
    }[kind]
    torch.manual_seed(0)
    model(config).eval().save_pretrained(folder)
    hf.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return open_folder(folder, SourceInfo(kind, "image"))


@pytest.mark.parametrize("kind", ["resnet", "convnext", "swin"])
def test_a_picture_body_whose_classifier_reads_the_mean_of_the_last_layer_is_a_stock_class(kind, tmp_path):
    import torch
    from transformers import AutoModelForImageClassification

    source = own_body(tmp_path / "body", kind)
    model, pictures = model_of(source), example_pictures(2)
    (tmp_path / "out").mkdir()
    write_picture_model(source, tmp_path / "out", model, linear_layer(model, "transformers"), "transformers")
    alone = AutoModelForImageClassification.from_pretrained(tmp_path / "out", local_files_only=True).eval()
    assert alone.config.id2label == {0: "card", 1: "hello", 2: "other"}
    with torch.no_grad():
        crops = np.stack([source.prepare(one) for one in pictures]).astype(np.float32)
        logits = alone((torch.from_numpy(crops).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5).logits
    found = 0.95 * logits.double().softmax(1).numpy() + 0.05 / 3
    np.testing.assert_allclose(np.log(found), np.log(model_answers(model, pictures).exact), atol=1e-4)


@pytest.mark.slow
def test_a_picture_body_of_transformers_runs_by_itself(tmp_path):
    model = model_of(own_body(tmp_path / "body", "resnet"))
    found = export(model, "transformers", tmp_path / "out", check=example_pictures(4))
    assert found.parity.flips == 0
    assert found.parity.facts["same_input"]["largest"] < 1e-4


@pytest.mark.parametrize("kind", ["vit", "dinov2"])
def test_a_classifier_that_reads_the_first_token_is_refused_in_a_sentence(kind, tmp_path):
    model = model_of(own_body(tmp_path / "body", kind))
    with pytest.raises(SourceError, match=r"ForImageClassification does not read what the head.*use the format 'onnx'"):
        export(model, "transformers", tmp_path / "out", check=example_pictures(1))
    assert not (tmp_path / "out").exists()


def test_what_has_no_stock_class_is_said_with_what_can_hold_it(bert, tmp_path):
    mean = open_folder(bert, SourceInfo("tiny", "text"))
    with pytest.raises(SourceError, match=r"'tiny' \(bert, pooling 'mean'\).*use 'sentence-transformers' or 'onnx'"):
        export(model_of(mean), "transformers", tmp_path / "out", check=TEXTS)
    first = open_folder(bert, SourceInfo("tiny", "text"), pooling="cls")
    with pytest.raises(SourceError, match=r"rows of unit norm.*--layers standardised"):
        export(model_of(first, "unit_norm"), "transformers", tmp_path / "out", check=TEXTS)
    assert not (tmp_path / "out").exists()
