"""Dark experience replay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.tune.der import DER, DarkExperienceReplay
from headstart.tune.training.batches import Batch


@pytest.mark.parametrize("own", [False, True])
def test_the_penalty_is_that_of_a_computation_by_hand(own, planned):
    """The body is changed after the logits were stored; both draws are repeated from the same seed."""
    shift = toy_shift()
    data = shift.source_data
    strategy = DarkExperienceReplay(source_data=data, alpha=0.3, beta=0.7)
    setting, plan = planned(strategy, toy_with_head(shift) if own else shift.source)
    network = setting.network
    body = network.body

    def outputs(positions):
        inputs = network.trainable.collate([data.items[k] for k in positions])
        if own:
            return network.trainable.source_head(body, inputs).detach().double().numpy()
        return network.source_head(torch.cat(network.blocks(inputs), dim=1)).detach().double().numpy()

    before = outputs(range(len(data)))
    with torch.no_grad():
        body.blocks[1][0].weight *= 1.1
    torch.manual_seed(3)
    first = torch.randint(len(data), (6,)).numpy()
    torch.randint(2**62, ())
    second = torch.randint(len(data), (6,)).numpy()
    z = outputs(second)
    z = z - z.max(axis=1, keepdims=True)
    cross_entropy = -np.mean((z - np.log(np.exp(z).sum(axis=1, keepdims=True)))[np.arange(6), data.y[second]])
    expected = 0.3 * np.mean((outputs(first) - before[first]) ** 2) + 0.7 * cross_entropy
    torch.manual_seed(3)
    found = plan.penalty(Batch(None, torch.zeros(6, 2), np.arange(6), 6), (torch.zeros(6, 1),), torch.zeros(6, 2))
    assert found.item() == pytest.approx(expected, rel=1e-5)
    plan.finish()
    assert not hasattr(network, "source_head")


def test_what_is_wrong_is_said():
    shift = toy_shift()
    with pytest.raises(DataError, match="'der' also needs items of the source task"):
        DER.fit(shift.source, shift.train)
    with pytest.raises(ParameterError, match="'alpha' parameter of DarkExperienceReplay"):
        DarkExperienceReplay(alpha=-1)
