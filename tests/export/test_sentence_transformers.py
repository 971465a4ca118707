"""A folder of sentence-transformers: its last module gives the logits of the model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.export import export
from headstart.export.sentence_transformers import SENTENCE_TRANSFORMERS
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.toy import ToySource
from headstart.types import Task

TEXTS = ["where is my card", "good morning", "no card", "WHERE is a ｃａｒｄ"]


def model_of(source, scaling):
    rng, d = np.random.default_rng(0), source.info.blocks[-1].width
    start = sum(block.width for block in source.info.blocks[:-1])
    features = FeatureMap("last layer", ((start, start + d),), scaling)
    head = FittedHead(
        features, "lda", 1.0, rng.normal(size=(d, 3)), rng.normal(size=3), {"temperature": np.array([0.5])}, 0, ()
    )
    return TransferModel(source, Task("classification", ("card", "hello", "other")), head)


@pytest.mark.slow
@pytest.mark.parametrize(("scaling", "kinds"), [("unit_norm", ["Normalize", "Dense"]), ("none", ["Dense"])])
def test_the_library_alone_gives_the_logits_of_the_model(bert, tmp_path, scaling, kinds):
    model = model_of(open_source(f"local:{bert}"), scaling)
    found = export(model, "sentence-transformers", tmp_path / "out", check=TEXTS)
    modules = json.loads((tmp_path / "out" / "modules.json").read_text())
    assert [one["type"].rpartition(".")[2] for one in modules[2:]] == kinds
    assert json.loads((tmp_path / "out" / "config.json").read_text())["id2label"]["1"] == "hello"
    assert found.parity.flips == 0
    assert found.parity.facts["same_input"]["largest"] < 1e-4


def test_the_modules_are_those_of_the_head(bert, tmp_path):
    model = model_of(open_source(f"local:{bert}"), "unit_norm")
    SENTENCE_TRANSFORMERS.write(model, tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"README.md", "model.py", "tokenizer.json", "modules.json", "3_Dense/model.safetensors"} <= names
    dense = json.loads((tmp_path / "3_Dense" / "config.json").read_text())
    assert (dense["in_features"], dense["out_features"]) == (16, 3)


def test_other_sources_and_layers_are_refused_in_a_sentence(bert, tmp_path):
    with pytest.raises(SourceError, match=r"holds text bodies of transformers.*Got 'toy'"):
        export(model_of(ToySource(), "unit_norm"), "sentence-transformers", tmp_path / "out", check=TEXTS)
    first = open_source(f"local:{bert}").with_layers(["layer.1"])
    with pytest.raises(SourceError, match=r"reads the last layer of the body \('layer.2'\).*reads 'layer.1'"):
        export(model_of(first, "unit_norm"), "sentence-transformers", tmp_path / "out", check=TEXTS)
    assert not (tmp_path / "out").exists()


@pytest.mark.realdata
@pytest.mark.slow
def test_banking77_with_minilm_has_the_logits_of_the_model(real_data, tmp_path):
    from headstart.data import read
    from headstart.heads import select_head
    from headstart.heads.problem import HeadSearch

    data = read(real_data / "text" / "banking77" / "train.csv")
    data = data.take(np.flatnonzero(np.asarray(data.y) < 12)[::6])
    source = open_source("headstart:text").with_layers("last")
    rows = source.encode(data.items)
    task = Task("classification", data.task.labels[:12])
    head = select_head(rows, np.asarray(data.y), task, blocks=source.info.blocks, search=HeadSearch(layers="last"))
    found = export(TransferModel(source, task, head), "sentence-transformers", tmp_path / "out", check=data.items[:100])
    assert found.parity.flips == 0
    assert found.parity.facts["same_input"]["largest"] < 1e-4
