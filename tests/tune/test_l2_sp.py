"""L2-SP: the pull to the source's weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from array_batches import ArrayBatches

from headstart.errors import ParameterError
from headstart.model import TransferModel
from headstart.sources.toy_shift import toy_shift
from headstart.tune.l2_sp import L2_SP, L2SP, squared_distance
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Training


def test_solves_the_toy_shift_and_reopens(tmp_path):
    shift = toy_shift()
    training = Training(epochs=25, batch_size=64, learning_rate=0.03)
    model = replace(L2_SP, training=training).fit(shift.source, shift.train)
    truth = [shift.test.task.labels[k] for k in shift.test.y]
    assert np.mean(np.array(model.predict(shift.test.items)) == truth) >= 0.85
    opened = TransferModel.load(model.save(tmp_path / "model"), source=model.source)
    assert np.array_equal(opened.predict_proba(shift.test.items), model.predict_proba(shift.test.items))


def test_on_a_linear_model_it_is_ridge_with_the_start_as_prior_mean():
    rng = np.random.default_rng(0)
    x, noise, start = rng.normal(size=(40, 3)), rng.normal(size=40), np.array([2.0, -1.0, 0.5])
    y, alpha = x @ [1.0, 1.0, -2.0] + noise, 0.8
    gram = 2 / 40 * x.T @ x + alpha * np.eye(3)  # of the mean of (y - xw)² + alpha/2 ‖w - w⁰‖²
    ridge = start + np.linalg.solve(gram, 2 / 40 * x.T @ (y - x @ start))

    model = torch.nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(start[None]))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    origin = [model.weight.detach().clone()]

    def loss(batch):
        fit = ((model(batch[0])[:, 0] - batch[1]) ** 2).mean()
        return fit + alpha / 2 * squared_distance([model.weight], origin)

    job = Job(
        model, (ParameterGroup(("weight",), weight_decay=0.0),), ArrayBatches((inputs, targets), 40, seed=0), loss
    )
    settings = Training(
        epochs=600, learning_rate=0.1, optimizer="sgd", schedule="constant", warmup=0, clip=0, precision="fp32"
    )
    train(job, settings)
    assert model.weight.detach().numpy()[0] == pytest.approx(ridge, abs=1e-9)


@pytest.mark.parametrize(("head", "expected"), [("start", 0.0), ("zero", 1.0)])
def test_the_penalty_is_that_of_the_paper(head, expected, planned):
    setting, plan = planned(L2SP(alpha=0.2, beta=0.6, head=head))
    weights = [setting.network.head.weight, setting.network.head.bias]
    whole = 0.3 * sum((value**2).sum().item() for value in weights)
    assert plan.penalty(None, (), None).item() == pytest.approx(expected * whole, rel=1e-6)
    with torch.no_grad():
        setting.network.body.blocks[0][0].weight += 0.5
    moved = 0.1 * 0.25 * setting.network.body.blocks[0][0].weight.numel()
    assert plan.penalty(None, (), None).item() == pytest.approx(expected * whole + moved, rel=1e-5)
    assert all(group.weight_decay == 0 for group in plan.groups)


def test_parameters_are_checked():
    with pytest.raises(ParameterError, match="'alpha' parameter of L2SP"):
        L2SP(alpha=-1)
    with pytest.raises(ParameterError, match="'head' parameter of L2SP"):
        L2SP(head="mean")
