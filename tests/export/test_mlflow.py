"""An MLflow model: Python as a file, the run as its artefact, the answers of the model."""

from __future__ import annotations

import os

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.export import export
from headstart.export.mlflow import LOADER, signature_of
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources.vector import VectorSource
from headstart.types import Task

ROWS = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9]]


@pytest.fixture
def model():
    head = FittedHead(
        FeatureMap("rows", ((0, 2),), "none"), "ridge", 1.0, np.array([[3.0, 0.0], [0.0, 3.0]]), np.zeros(2),
        {"temperature": np.ones(1)}, 0.0, (),
    )  # fmt: skip
    return TransferModel(VectorSource(), Task("classification", ("left", "right")), head, columns=("a", "b"))


@pytest.mark.slow
def test_mlflow_loads_the_model_in_a_new_process_and_predicts_the_same(model, tmp_path):
    found = export(model, "mlflow", tmp_path / "out", check=ROWS)
    assert found.parity.flips == 0
    assert found.parity.difference.largest < 1e-12
    assert not [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")]
    assert (tmp_path / "out" / "loader.py").read_text() == LOADER
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == os.environ["DO_NOT_TRACK"] == "true"


def test_the_signature_names_columns_and_labels(model):
    found = signature_of(model)
    assert [one["name"] for one in found["inputs"]] == ["a", "b"]
    assert [one["name"] for one in found["outputs"]] == ["left", "right"]


def test_answers_for_each_word_are_refused(model, tmp_path):
    tokens = TransferModel(model.source, Task("classification", ("left", "right"), unit="token"), model.head)
    with pytest.raises(SourceError, match=r"with one answer for each item. Got one of vector items with an answer for"):
        export(tokens, "mlflow", tmp_path / "out", check=ROWS)
    assert list(tmp_path.iterdir()) == []
