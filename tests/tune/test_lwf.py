"""Learning without forgetting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import ParameterError
from headstart.evaluate.forgetting import forgetting
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.tune.losses.distillation import row_distance, softened_divergence
from headstart.tune.lwf import LWF, LearningWithoutForgetting
from headstart.tune.training.settings import Training

TRAINING = Training(epochs=30, batch_size=48, learning_rate=0.03)


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    source, truth = toy_with_head(shift), [shift.test.task.labels[k] for k in shift.test.y]
    model = replace(LWF, training=TRAINING).fit(source, shift.train)
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


@pytest.mark.slow
def test_less_is_forgotten():
    shift = toy_shift()
    source = toy_with_head(shift)
    models = [replace(LWF, weight=weight, training=TRAINING).fit(source, shift.train) for weight in (4.0, 0.0)]
    held, free = (forgetting(source, model.source, shift.test.items) for model in models)
    assert held.lost < free.lost


def test_without_a_source_head_the_rows_are_held():
    shift = toy_shift()
    model = replace(LWF, training=TRAINING).fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85


def test_the_divergence_is_that_of_the_softened_probabilities():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(scale=4, size=(2, 6, 5))
    p, q = (np.exp(x / 3) / np.exp(x / 3).sum(axis=1, keepdims=True) for x in (theirs, ours))
    found = softened_divergence(torch.from_numpy(ours), torch.from_numpy(theirs), 3.0)
    assert float(found) == pytest.approx(np.mean((p * np.log(p / q)).sum(axis=1)), rel=1e-5)


def test_the_row_distance_is_twice_one_less_the_cosine():
    ours, theirs = np.random.default_rng(0).normal(size=(2, 6, 5))
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    found = row_distance(torch.from_numpy(ours), torch.from_numpy(theirs))
    assert float(found) == pytest.approx(np.mean(2 - 2 * cosines), rel=1e-5)


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'temperature' parameter of LearningWithoutForgetting"):
        LearningWithoutForgetting(temperature=0)
