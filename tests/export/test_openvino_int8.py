"""A model that was fitted in int8, exported as its rounded graph."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.engine.variants.int8_body import calibrate
from headstart.errors import SourceError
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
