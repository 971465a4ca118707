"""One rule for all formats: what was refused by folders and held by graphs was the same calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart import fit
from headstart.errors import SourceError
from headstart.export.checking.heads import refuse_head
from headstart.export.folders.linear_layer import calibration_terms


@pytest.fixture(scope="module")
def model():
    x = np.random.default_rng(0).normal(size=(60, 3))
    return fit((x, (x[:, :2] > 0).astype(int)), task="multilabel", baselines="none", verbose=False).model


def with_calibration(model, **more):
    return replace(model, head=replace(model.head, calibration={**model.head.calibration, **more}))


def test_weights_of_classes_change_no_answer_and_are_held(model):
    weighted = with_calibration(model, class_weight=np.array([1.0, 2.0]))
    refuse_head(weighted, "sklearn")
    terms = [calibration_terms(one.head.calibration) for one in (weighted, model)]
    for mine, others in zip(*terms, strict=True):
        np.testing.assert_array_equal(mine, others)


def test_an_unknown_calibration_is_refused(model):
    with pytest.raises(SourceError, match=r"does not hold the calibration of this model \(warp\)"):
        refuse_head(with_calibration(model, warp=np.ones(1)), "onnx")
