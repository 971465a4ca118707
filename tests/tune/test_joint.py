"""Joint training with source replay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError
from headstart.evaluate.forgetting import forgetting
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.tune.joint import JOINT, Joint
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Training

TRAINING = Training(epochs=30, batch_size=48, learning_rate=0.05)


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    strategy = Joint(source_data=shift.source_data, training=TRAINING)
    model = strategy.fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


@pytest.mark.slow
def test_the_source_task_is_kept():
    shift = toy_shift()
    strategies = [Joint(source_data=shift.source_data, weight=weight, training=TRAINING) for weight in (1.0, 0.0)]
    models = [strategy.fit(shift.source, shift.train) for strategy in strategies]
    kept, lost = (forgetting(shift.source, model.source, (), source_data=shift.source_data) for model in models)
    assert kept.after > lost.after


@pytest.mark.parametrize("own", [False, True])
def test_the_penalty_is_the_source_loss_of_the_drawn_items(own, planned):
    shift = toy_shift()
    data = shift.source_data
    source = toy_with_head(shift) if own else shift.source
    setting, plan = planned(Joint(source_data=data, weight=0.7), source)
    network = setting.network.train()
    assert hasattr(network, "source_head") != own
    torch.manual_seed(3)
    chosen = torch.randint(len(data), (6,))
    inputs, targets = network.trainable.collate([data.items[k] for k in chosen]), torch.eye(3)[data.y[chosen]]
    before = network.body.blocks[0][1].running_mean.clone()
    batch = Batch(None, torch.zeros(6, 2), np.arange(6), 6)
    torch.manual_seed(3)
    found = plan.penalty(batch, (torch.zeros(6, 1),), torch.zeros(6, 2))
    assert torch.equal(network.body.blocks[0][1].running_mean, before)
    if own:
        logits = network.trainable.source_head(network.body, inputs)
    else:
        logits = network.source_head(torch.cat(network.blocks(inputs), dim=1))
    expected = 0.7 * task_loss(data.task, logits, targets).mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    plan.finish()
    assert not hasattr(network, "source_head")


def test_a_source_head_of_other_classes_is_not_used(planned):
    shift = toy_shift()
    data = replace(shift.source_data, y=(shift.source_data.y + 1) % 3)
    setting, _ = planned(Joint(source_data=data), toy_with_head(shift))
    assert hasattr(setting.network, "source_head")


def test_without_source_items_it_says_so():
    shift = toy_shift()
    with pytest.raises(
        DataError,
        match=r"'joint' also needs items of the source task, and none were given; give .* --source-data",
    ):
        JOINT.fit(shift.source, shift.train)


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'weight' parameter of Joint"):
        Joint(weight=-1)
