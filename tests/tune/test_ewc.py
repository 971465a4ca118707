"""Elastic weight consolidation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.tune.ewc import EWC, ElasticWeightConsolidation, diagonal_fisher, fisher_of
from headstart.tune.training.batches import Batch
from headstart.types import Task

KINDS = ["classification", "multilabel", "regression"]


def log_likelihood_of(kind, outputs, answer):
    """Of one item's answer: a class, one of the 2^k sets of labels, or ±1 noise on each value."""
    if kind == "classification":
        return torch.distributions.Categorical(logits=outputs).log_prob(answer)
    if kind == "multilabel":
        return torch.distributions.Bernoulli(logits=outputs).log_prob(answer).sum()
    return torch.distributions.Normal(outputs, 1.0).log_prob(answer).sum()


def answers_of(kind, outputs):
    """All answers with their probabilities; for values, points that have the moments of a normal distribution."""
    k = len(outputs)
    if kind == "classification":
        return [(torch.tensor(c), outputs.softmax(0)[c]) for c in range(k)]
    signs = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=outputs.dtype)] * k)
    if kind == "multilabel":
        p = outputs.sigmoid()
        return [(one, (p * one + (1 - p) * (1 - one)).prod()) for one in signs]
    return [(outputs + 2 * one - 1, torch.tensor(0.5**k)) for one in signs]


@pytest.mark.parametrize("kind", KINDS)
def test_the_fisher_is_that_of_brute_force(kind):
    """Every answer's log-likelihood is differentiated for every item, and weighted by its probability."""
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    items = torch.randn(6, 1, 4, dtype=torch.float64)
    parameters = dict(body.named_parameters())
    found = diagonal_fisher(Task(kind, ("a", "b", "c")), body, parameters, list(items))
    wanted = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for item in items:
        for answer, probability in answers_of(kind, body(item)[0].detach()):
            body.zero_grad()
            log_likelihood_of(kind, body(item)[0], answer.detach()).backward()
            for name, value in parameters.items():
                wanted[name] += probability * value.grad**2 / len(items)
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("own", [False, True])
def test_the_penalty_weights_the_change_of_each_parameter(own, planned):
    shift = toy_shift()
    source = toy_with_head(shift) if own else shift.source
    few = shift.source_data.take(range(12))
    setting, plan = planned(ElasticWeightConsolidation(source_data=few, weight=0.5), source)
    network, fisher = setting.network, fisher_of(source, few)
    assert not hasattr(network, "source_head")
    batch = Batch(None, torch.zeros(6, 2), np.arange(6), 6)
    assert plan.penalty(batch, (), torch.zeros(6, 2)).item() == 0
    with torch.no_grad():
        network.body.blocks[1][0].weight[2, 3] += 0.1
        network.body.blocks[2][1].bias[4] -= 0.3
        network.head.weight += 1
    f, g = fisher["body.blocks.1.0.weight"][2, 3], fisher["body.blocks.2.1.bias"][4]
    expected = 0.25 * (f.item() * 0.01 + g.item() * 0.09)
    assert plan.penalty(batch, (), torch.zeros(6, 2)).item() == pytest.approx(expected, rel=1e-4)


def test_importance_of_earlier_tasks_is_added(planned):
    shift = toy_shift()
    few = shift.source_data.take(range(12))
    fisher = fisher_of(shift.source, few)
    penalties = []
    for strategy in (
        ElasticWeightConsolidation(importance=fisher),
        ElasticWeightConsolidation(source_data=few),
        ElasticWeightConsolidation(source_data=few, importance=fisher),
    ):
        setting, plan = planned(strategy, shift.source)
        with torch.no_grad():
            setting.network.body.blocks[0][0].weight += 0.1
        penalties.append(plan.penalty(Batch(None, torch.zeros(6, 2), np.arange(6), 6), (), torch.zeros(6, 2)).item())
    assert penalties[1:] == pytest.approx([penalties[0], 2 * penalties[0]], rel=1e-4)


def test_what_is_wrong_is_said():
    shift = toy_shift()
    with pytest.raises(DataError, match="'ewc' also needs items of the source task"):
        replace(EWC).fit(shift.source, shift.train)
    with pytest.raises(ParameterError, match="'weight' parameter of ElasticWeightConsolidation"):
        ElasticWeightConsolidation(weight=-1)
