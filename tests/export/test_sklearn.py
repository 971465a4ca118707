"""The head alone as a pipeline of scikit-learn: the same probabilities, from stock classes only."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.export import export
from headstart.export.sklearn import as_pipeline
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources.toy import ToySource
from headstart.sources.vector import VectorSource
from headstart.types import Task

TEXTS = ["where is my parcel", "give the money back", "hello there"]
BOTH = ((0, 32), (32, 96))
CALIBRATIONS = {
    "classification": {"temperature": np.array([1.7]), "factor": np.array([1.5, 0.7, 1.0]), "offset": np.arange(3.0)},
    "multilabel": {"slope": np.array([1.2, 0.8, 2.0]), "intercept": np.array([0.1, -0.4, 0.0])},
    "regression": {},
}


def model_of(kind, features, *, labels=("ant", "bee", "fly"), calibration=None, source=None):
    rng, d, k = np.random.default_rng(0), features.num_features, len(labels)
    calibration = CALIBRATIONS[kind] if calibration is None else calibration
    head = FittedHead(features, "ridge", 1.0, rng.normal(size=(d, k)), rng.normal(size=k), calibration, 0, ())
    return TransferModel(source or ToySource(), Task(kind, labels), head)


def maps():
    rng = np.random.default_rng(1)
    yield FeatureMap("last layer", ((32, 96),), "unit_norm")
    yield FeatureMap("all 2 blocks", BOTH, "unit_norm", scale=rng.uniform(0.5, 2, 96))
    yield FeatureMap("mixed", BOTH, "unit_norm", rng.normal(size=96), rng.uniform(1, 2, 96), ("none", "unit_norm"))
    yield FeatureMap("selected", BOTH, "unit_norm", scale=np.full(3, 2.0), columns=np.array([1, 40, 90]))
    yield FeatureMap("standardised rows", ((0, 96),), "none", rng.normal(size=96), rng.uniform(1, 2, 96))


@pytest.mark.parametrize("kind", CALIBRATIONS)
@pytest.mark.parametrize("features", list(maps()), ids=lambda found: found.name)
def test_every_map_and_task_is_the_same_to_rounding(kind, features):
    model = model_of(kind, features)
    rows = np.asarray(model.source.encode(TEXTS), np.float64)
    pipeline = as_pipeline(model, "sklearn")
    found = pipeline.predict(rows) if kind == "regression" else pipeline.predict_proba(rows)
    np.testing.assert_allclose(found, model.outputs(rows), atol=1e-12)


def test_two_classes_are_one_logistic_function():
    features = FeatureMap("last layer", ((32, 96),), "unit_norm")
    model = model_of("classification", features, labels=("no", "yes"), calibration={"temperature": np.array([0.3])})
    rows = np.asarray(model.source.encode(TEXTS), np.float64)
    pipeline = as_pipeline(model, "sklearn")
    np.testing.assert_allclose(pipeline.predict_proba(rows), model.outputs(rows), atol=1e-12)
    assert pipeline.predict(rows).tolist() == model.predict(TEXTS)


def test_the_file_is_read_in_a_new_process_without_headstart_and_trusts_no_type(tmp_path):
    model = model_of("classification", next(maps()))
    found = export(model, "sklearn", tmp_path / "out", check=TEXTS)
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    assert found.parity.facts["same_input"]["largest"] < 1e-6  # the model normalises rows in float32
    assert facts["trusted_types"] == []
    assert [block["width"] for block in facts["blocks"]] == [32, 64]
    assert not list((tmp_path / "out").rglob("*.pkl"))


def test_columns_of_a_table_go_in_as_they_are(tmp_path):
    features = FeatureMap("standardised rows", ((0, 2),), "none", np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    model = model_of("regression", features, labels=("price",), source=VectorSource())
    found = export(model, "sklearn", tmp_path / "out", check=[[1.0, 2.0], [5.0, 6.0]])
    assert found.parity.difference.largest < 1e-12


def test_probabilities_mixed_with_chance_are_refused(tmp_path):
    calibration = {"temperature": np.ones(1), "chance": np.array([0.1])}
    model = model_of("classification", next(maps()), calibration=calibration)
    with pytest.raises(SourceError, match=r"mixes probabilities with chance.*use the format 'onnx'"):
        export(model, "sklearn", tmp_path / "out", check=TEXTS)
    assert list(tmp_path.iterdir()) == []
