"""A model that was fitted in int8, exported as its rounded graph."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from headstart.engine.variants.int8_body import calibrate
from headstart.errors import DataError, SourceError
from headstart.export import export
from headstart.export.checking.training_items import training_items
from headstart.export.graph.in_int8 import in_int8
from headstart.export.openvino_int8 import OpenVinoInt8
from headstart.heads import select_head
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.quantized import QuantizedSource
from headstart.types import Task

pytest.importorskip("onnx")
pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def pictures():
    return [np.roll(one, 40 * k, axis=0) for k in range(4) for one in example_pictures(4)]


@pytest.fixture(scope="module")
def model(pictures):
    full = open_source("headstart:image")
    source = QuantizedSource(full, calibrate(full.body, [np.stack([full.prepare(one) for one in pictures])]).ranges)
    task, y = Task("classification", ("even", "odd")), np.arange(len(pictures)) % 2
    head = select_head(source.encode(pictures), y, task, blocks=source.info.blocks)
    return TransferModel(source, task, head)


def test_the_rounded_graph_answers_as_the_model(model, pictures, tmp_path):
    found = model.export("openvino_int8", tmp_path / "out", check=pictures)
    assert found.parity.runtime == "openvino int8"
    assert found.parity.facts == {"weights": "int8", "multiplied_in": "int8"}
    assert found.parity.difference.largest < 1e-2


def test_formats_in_fp32_refuse_it(model, pictures, tmp_path):
    with pytest.raises(SourceError, match="use the format 'openvino_int8'"):
        model.export("onnx", tmp_path / "out", check=pictures)


@pytest.fixture
def fitted(tiny_image_run, tmp_path):
    """A run in fp32, with its photographs beside it."""
    shutil.copytree(tiny_image_run, tmp_path / "run")
    return TransferModel.load(tmp_path / "run")


@pytest.mark.slow
def test_the_head_of_a_model_in_fp32_is_solved_again_on_int8_rows(fitted, tmp_path):
    found = export(fitted, "openvino_int8", tmp_path / "out")
    facts = found.parity.facts
    assert found.parity.runtime == "openvino int8"
    assert facts["head_solved_again_on"]["items"] == len(fitted.certainty.ids)
    assert 0 < facts["from_the_fitted_model"]["largest"] < 0.5
    again = in_int8(fitted, *_items(fitted))
    assert np.abs(again.head.weight - fitted.head.weight).max() > 0
    assert again.head.lam == fitted.head.lam


def _items(model):
    found = training_items(model)
    return found.items, found.y


def test_training_items_are_found_by_content_wherever_they_are(fitted, tiny_image_run, tmp_path):
    shutil.copytree(tiny_image_run.parent / "photos", tmp_path / "moved")
    np.testing.assert_array_equal(training_items(fitted, tmp_path / "moved").y, fitted.certainty.y)
    first = next((tmp_path / "moved").rglob("*.png"))
    first.unlink()
    with pytest.raises(DataError, match=r"1 of the .* training items are not in .*--items"):
        export(fitted, OpenVinoInt8(items=tmp_path / "moved"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_its_training_items_it_is_one_sentence(fitted, tmp_path):
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    manifest["data"]["path"] = str(tmp_path / "gone")
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"gone', where the fit found them, is not there; name the training data with"):
        export(fitted, "openvino_int8", tmp_path / "out")
    with pytest.raises(DataError, match="was not loaded from the folder of a run"):
        export(replace(fitted, folder=None), "openvino_int8", tmp_path / "out")


def test_a_head_that_its_items_do_not_determine_is_refused(fitted, tmp_path):
    other = replace(fitted, head=replace(fitted.head, weight=2 * fitted.head.weight))
    with pytest.raises(SourceError, match="that its training items alone determine"):
        export(other, "openvino_int8", tmp_path / "out")
