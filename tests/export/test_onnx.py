"""ONNX of pictures and texts: small bodies, run in a process of their own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart import fit
from headstart.errors import ParityError, SourceError
from headstart.sources import open_source
from headstart.sources.spectrogram import PictureSettings, Spectrogram

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    shades = np.linspace(0, 200, 24).astype(np.uint8)
    return [rng.integers(0, 40, (50 + 3 * k, 90 - k, 3)).astype(np.uint8) + shade for k, shade in enumerate(shades)]


@pytest.fixture(scope="module")
def of_pictures(pictures):
    labels = ["dark"] * 12 + ["light"] * 12
    return fit((pictures, labels), source="headstart:image", heads=["ridge"], baselines="none", verbose=False).model


def test_pictures_of_any_size_go_in_and_probabilities_come_out(of_pictures, pictures, tmp_path):
    found = of_pictures.export("onnx", tmp_path / "out", check=pictures)
    assert found.parity.difference.largest < 1e-3
    assert found.parity.items == 24
    model = onnx.load(tmp_path / "out" / "model.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [one.dim_param or one.dim_value for one in dims] == ["n", "height", "width", 3]
    facts = {one.key: one.value for one in model.metadata_props}
    assert json.loads(facts["labels"]) == ["dark", "light"]
    assert facts["source"] == "headstart:image"


def test_a_difference_beyond_the_tolerance_leaves_nothing_behind(tmp_path):
    rows = np.random.default_rng(1).normal(size=(40, 3))
    model = fit((rows, np.where(rows[:, 0] > 0, "up", "down").tolist()), baselines="none", verbose=False).model
    with pytest.raises(ParityError, match="nothing was written"):
        model.export("onnx", tmp_path / "out", check=rows, tolerance=0)
    assert not list(tmp_path.iterdir())


def test_a_source_without_a_body_that_can_be_exported_is_refused(tmp_path):
    texts = [f"{word} film {k}" for k, word in enumerate(["good", "bad"] * 10)]
    model = fit((texts, ["+", "-"] * 10), source="toy", heads=["ridge"], baselines="none", verbose=False).model
    with pytest.raises(SourceError, match="does not hold the source 'toy'"):
        model.export("onnx", tmp_path / "out", check=texts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_other_tasks_have_their_own_outputs(kind, tmp_path):
    rows = np.random.default_rng(1).normal(size=(40, 3))
    values = rows @ [1.0, -1.0, 0.5]
    labels = [["up"] if value > 0 else ["down", "low"] if value < -1 else [] for value in values]
    given = labels if kind == "multilabel" else values.tolist()
    model = fit((rows, given), heads=["ridge"], baselines="none", verbose=False, task=kind).model
    found = model.export("onnx", tmp_path / "out", check=rows)
    assert found.parity.flips == 0
    graph = onnx.load(tmp_path / "out" / "model.onnx").graph
    assert graph.output[0].name == ("values" if kind == "regression" else "probabilities")


@pytest.mark.ci
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_sounds_go_in_as_the_pictures_that_the_reader_draws(form, tmp_path):
    times = np.arange(6000) / 8000
    sounds = [(np.sin(2 * np.pi * (200 + 60 * k) * times).astype(np.float32), 8000) for k in range(20)]
    source = Spectrogram(open_source("headstart:image"), PictureSettings(sample_rate=8000, n_fft=256, most_seconds=0.5))
    labels = ["low"] * 10 + ["high"] * 10
    model = fit((sounds, labels), source=source, heads=["ridge"], baselines="none", verbose=False).model
    found = model.export(form, tmp_path / "out", check=sounds)
    assert found.parity.difference.largest < 1e-3
    assert found.parity.items == 20
