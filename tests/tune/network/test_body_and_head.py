"""Body and head as one module, and the losses of items."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from headstart.errors import ParameterError
from headstart.sources.toy_shift import toy_shift
from headstart.tune.frozen import FROZEN
from headstart.tune.lp_ft import LP_FT
from headstart.tune.network.body_and_head import task_loss
from headstart.types import Task


def test_it_says_what_frozen_features_and_their_head_say(planned):
    setting, _ = planned(LP_FT)
    part = toy_shift().train.take(range(60))
    with torch.no_grad():
        logits = setting.network.eval()(setting.batches.inputs(range(60)))
    rows = setting.source.body(np.stack(part.items))  # in the number format of the machine, as the head was fitted on
    wanted = FROZEN.fit(setting.source, part).outputs(rows)
    plain = torch.softmax(logits, dim=1).numpy()
    assert plain == pytest.approx(wanted, abs=0.1 if setting.source.body.precision == "bf16" else 0.01)


def test_groups_name_each_moving_parameter_of_the_body_once(planned):
    network = planned(LP_FT)[0].network
    named = [name for group in network.groups for name in group]
    known = dict(network.named_parameters())
    assert len(set(named)) == len(named)
    assert set(named) | set(network.head_names) <= set(known)
    assert {name for name in known if name.startswith("body.blocks.")} <= set(named)
    assert network.head_names == ("head.weight", "head.bias")


def test_a_state_is_a_copy(planned):
    network = planned(LP_FT)[0].network
    before = network.state()
    with torch.no_grad():
        network.head.weight.add_(1.0)
    assert not torch.equal(before["head.weight"], network.state()["head.weight"])
    network.load_state_dict(before)
    assert torch.equal(before["head.weight"], network.state()["head.weight"])


def test_losses_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(5, 3)))
    classes = torch.from_numpy(np.eye(3)[rng.integers(0, 3, 5)])
    task = Task("classification", ("a", "b", "c"))
    logs = torch.log_softmax(logits, dim=1)
    assert torch.allclose(task_loss(task, logits, classes), -(classes * logs).sum(dim=1))
    smooth = 0.9 * classes + 0.1 / 3
    assert torch.allclose(task_loss(task, logits, classes, smoothing=0.1), -(smooth * logs).sum(dim=1))
    assert torch.allclose(task_loss(task, logits, classes), cross_entropy(logits, classes, reduction="none"))
    many = torch.from_numpy(rng.integers(0, 2, (5, 3)).astype(float))
    p = torch.sigmoid(logits)
    wanted = -(many * p.log() + (1 - many) * (1 - p).log()).mean(dim=1)
    assert torch.allclose(task_loss(Task("multilabel", ("a", "b", "c")), logits, many), wanted)
    values = task_loss(Task("regression", ("a", "b", "c")), logits, many)
    assert torch.allclose(values, ((logits - many) ** 2).mean(dim=1))


def test_label_smoothing_draws_independent_labels_towards_a_half_and_refuses_values():
    """Valid input: what Keras does to binary targets; and a mistake of use."""
    logits, labels = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    task = Task("multilabel", ("a", "b"))
    p = torch.sigmoid(logits)
    drawn = torch.tensor([[0.9, 0.1]])
    wanted = -(drawn * p.log() + (1 - drawn) * (1 - p).log()).mean(dim=1)
    assert torch.allclose(task_loss(task, logits, labels, smoothing=0.2), wanted)
    assert torch.equal(task_loss(task, logits, labels, smoothing=0.0), task_loss(task, logits, labels))
    with pytest.raises(ParameterError, match=r"'label_smoothing' parameter .* must be 0 for a regression task"):
        task_loss(Task("regression", ("size", "age")), logits, labels, smoothing=0.2)
