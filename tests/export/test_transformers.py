"""Checkpoint folders of transformers: its stock classes give the logits of the model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.export import export
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


def test_what_has_no_stock_class_is_said_with_what_can_hold_it(bert, tmp_path):
    mean = open_folder(bert, SourceInfo("tiny", "text"))
    with pytest.raises(SourceError, match=r"'tiny' \(bert, pooling 'mean'\).*use 'sentence-transformers' or 'onnx'"):
        export(model_of(mean), "transformers", tmp_path / "out", check=TEXTS)
    first = open_folder(bert, SourceInfo("tiny", "text"), pooling="cls")
    with pytest.raises(SourceError, match=r"rows of unit norm.*--layers standardised"):
        export(model_of(first, "unit_norm"), "transformers", tmp_path / "out", check=TEXTS)
    assert not (tmp_path / "out").exists()
