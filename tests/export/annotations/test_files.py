"""Export of models that annotate: what is written, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import SourceError, UsageError
from headstart.export import FORMATS
from headstart.export.annotations.toy import (
    toy_box_model,
    toy_detector,
    toy_mask_decoder,
    toy_mask_model,
    toy_word_model,
)
from headstart.export.onnx import Onnx

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 255, (30, 50 + 40 * k, 3)).astype(np.uint8) for k in range(2)]


def test_a_folder_that_runs_alone(pictures, tmp_path):
    """The one test of the default suite that starts a process."""
    found = toy_box_model().export("onnx", tmp_path / "out", check=pictures)
    assert found.parity.flips == 0
    assert found.parity.difference.parts > 0
    record = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert record["compared_with"]["boxes"] == found.parity.difference.parts
    assert sorted(found.sizes) == ["README.md", "facts.json", "model.onnx", "reader.py"]
    assert "python reader.py" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "openvino"])
@pytest.mark.parametrize("source", ["headstart:text", "headstart:multilingual"])
def test_words_that_run_alone(tmp_path, form, source):
    texts = ["Ada Lovelace was born in London.", "Nobody knows Zoe's flat in \u6771\u4eac", "no " * 300]
    found = toy_word_model(source).export(form, tmp_path / "out", check=texts)
    assert found.parity.difference.parts > 0
    assert found.parity.flips == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_trained_heads_that_run_alone(pictures, tmp_path, form):
    boxes = toy_detector().export(form, tmp_path / "boxes", check=pictures)
    assert boxes.parity.difference.parts > 0
    assert boxes.parity.flips == 0
    masks = toy_mask_decoder().export(form, tmp_path / "masks", check=pictures)
    assert masks.parity.difference.least >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_masks_that_run_alone(pictures, tmp_path, form):
    found = toy_mask_model(boundary=True, statistics=True).export(form, tmp_path / "out", check=pictures)
    assert found.parity.difference.least == 1
    assert found.parity.difference.objects[1] == 0


@pytest.mark.parametrize(
    "form", ["timm", "transformers", "sentence-transformers", "sklearn", "mlflow", "openvino_int8", "openvino_fp16"]
)
def test_other_formats_name_those_that_hold_the_model(form, tmp_path):
    with pytest.raises(SourceError, match="this one draws masks; use onnx or openvino, which hold it in fp32"):
        toy_mask_model().export(form, tmp_path / "out", check=[])
    assert not list(tmp_path.iterdir())
    assert form in FORMATS


def test_a_decoder_in_front_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--with-decoder is for models with one answer for each item"):
        toy_mask_model().export(Onnx(with_decoder=True), tmp_path / "out")
