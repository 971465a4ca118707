"""Head and calibration in float32 torch, against the model's own in float64."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.export.checking.heads import refuse_head
from headstart.export.graph.head import head_module
from headstart.heads import FittedHead
from headstart.heads.feature_map import FeatureMap
from headstart.model import TransferModel
from headstart.sources.vector import VectorSource
from headstart.types import Task

RNG = np.random.default_rng(0)
MAPS = {
    "as they are": FeatureMap("rows", ((0, 6),), "none"),
    "one block of unit norm": FeatureMap("last", ((2, 6),), "unit_norm", width=8),
    "two scaled blocks": FeatureMap("all", ((0, 2), (2, 6)), "unit_norm", scale=RNG.uniform(1, 2, 6)),
    "standardised": FeatureMap("std", ((0, 6),), "none", RNG.normal(size=6), RNG.uniform(1, 2, 6)),
    "kept columns": FeatureMap("kept", ((0, 2), (2, 6)), "unit_norm", columns=np.array([0, 3, 5])),
    "a scaling for each block": FeatureMap("mixed", ((0, 2), (2, 6)), "none", scalings=("none", "unit_norm")),
}
TASKS = {
    "classification": {"temperature": np.array([0.3])},
    "multilabel": {"slope": np.array([2.0, 3.0, 1.0]), "intercept": np.array([-1.0, 0.0, 0.5])},
    "regression": {},
}


def model_of(feature_map, kind="classification", calibration=None):
    weight = RNG.normal(size=(feature_map.num_features, 3))
    given = TASKS[kind] if calibration is None else calibration
    head = FittedHead(feature_map, "ridge", 1.0, weight, RNG.normal(size=3), given, 0.0, ())
    return TransferModel(VectorSource(), Task(kind, ("a", "b", "c")), head)


def outputs(model, rows):
    import torch

    return head_module(model)(torch.from_numpy(rows.astype(np.float32))).numpy()


@pytest.mark.parametrize("feature_map", MAPS.values(), ids=MAPS)
def test_each_feature_map_gives_the_outputs_of_the_model(feature_map):
    model = model_of(feature_map)
    rows = RNG.normal(size=(50, feature_map.num_inputs)).astype(np.float32)
    assert np.abs(outputs(model, rows) - model.outputs(rows)).max() < 1e-5


@pytest.mark.parametrize("kind", TASKS)
def test_each_task_gives_the_outputs_of_the_model(kind):
    model, rows = model_of(MAPS["standardised"], kind), RNG.normal(size=(50, 6)).astype(np.float32)
    assert np.abs(outputs(model, rows) - model.outputs(rows)).max() < 1e-5


def test_a_share_of_chance_is_kept_and_a_row_of_zeros_gives_no_nan():
    model = model_of(MAPS["one block of unit norm"], calibration={**TASKS["classification"], "chance": np.array([0.2])})
    rows = np.zeros((1, 8), np.float32)
    assert np.abs(outputs(model, rows) - model.outputs(rows)).max() < 1e-6


def test_vector_scaling_is_kept():
    scaled = {**TASKS["classification"], "factor": np.array([0.5, 1.5, 1.0]), "offset": np.array([0.3, -0.2, 0.0])}
    model, rows = model_of(MAPS["standardised"], calibration=scaled), RNG.normal(size=(50, 6)).astype(np.float32)
    assert np.abs(outputs(model, rows) - model.outputs(rows)).max() < 1e-5


def test_a_calibration_that_the_graph_cannot_hold_is_refused_by_name():
    model = model_of(MAPS["standardised"], calibration={**TASKS["classification"], "steps": np.ones(3)})
    with pytest.raises(SourceError, match=r"does not hold the calibration of this model \(steps\)"):
        refuse_head(model, "onnx")
