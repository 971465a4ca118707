"""Co-Tuning: target and source head together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError, SourceError
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.tune.co_tuning import CO_TUNING, CoTuning, category_relation
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training
from headstart.types import Task

TRAINING = Training(epochs=30, batch_size=48, learning_rate=0.05)


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    model = replace(CO_TUNING, training=TRAINING).fit(toy_with_head(shift), shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


def test_the_relation_is_the_mean_of_each_class():
    rng = np.random.default_rng(0)
    probabilities, y = rng.dirichlet(np.ones(5), size=30), rng.integers(3, size=30)
    found = category_relation(probabilities, np.eye(4)[y])
    for code in range(3):
        assert found[code] == pytest.approx(probabilities[y == code].mean(axis=0))
    assert found[3] == pytest.approx(probabilities.mean(axis=0))


def test_the_penalty_is_the_cross_entropy_with_the_relation(planned):
    shift = toy_shift()
    setting, plan = planned(CO_TUNING, toy_with_head(shift))
    head, body = setting.network.trainable.source_head, setting.network.body
    with torch.no_grad():
        logits = head(body, setting.batches.inputs(range(len(setting.items)))).double().numpy()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    relation = np.stack([p[setting.y == code].mean(axis=0) for code in (0, 1)])
    chosen, targets = np.arange(7), np.eye(2)[setting.y[:7]]
    targets[0] = [0.25, 0.75]  # as mixed
    expected = 2.3 * np.mean(-(targets @ relation * np.log(p[:7])).sum(axis=1))
    inputs = setting.batches.inputs(chosen)
    batch = Batch(inputs, torch.tensor(targets, dtype=torch.float32), chosen, 7)
    assert plan.penalty(batch, (), None).item() == pytest.approx(expected, rel=1e-5)


def test_the_source_head_moves_and_statistics_are_followed_once(planned):
    setting, plan = planned(CO_TUNING, toy_with_head(toy_shift()))
    names = {name for group in plan.groups for name in group.names}
    assert {"body.classifier.weight", "body.classifier.bias", "head.weight"} <= names
    network = setting.network.train()
    before = network.body.blocks[0][1].running_mean.clone()
    batch = Batch(setting.batches.inputs(range(8)), torch.eye(2)[:1].expand(8, 2), np.arange(8), 8)
    plan.penalty(batch, (), None).backward()
    assert torch.equal(network.body.blocks[0][1].running_mean, before)
    assert float(network.body.classifier.weight.grad.abs().sum()) > 0


def test_a_body_without_source_head_is_refused():
    shift = toy_shift()
    with pytest.raises(SourceError, match="'co_tuning' needs the head of the source task, and 'module:toy' has none"):
        CO_TUNING.fit(shift.source, shift.train)


def test_a_regression_is_refused():
    shift = toy_shift()
    values = replace(shift.train, task=Task("regression", ("size",)), y=shift.train.y[:, None].astype(float))
    with pytest.raises(
        DataError,
        match="so the task must be a classification",
    ):
        CO_TUNING.fit(toy_with_head(shift), values)


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'weight' parameter of CoTuning"):
        CoTuning(weight=-1)
