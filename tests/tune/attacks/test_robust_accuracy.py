"""Accuracy under attack."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from headstart.errors import DataError
from headstart.tune.attacks.fgsm import fgsm
from headstart.tune.attacks.pgd import pgd
from headstart.tune.attacks.robust_accuracy import robust_accuracy


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network():
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(3)
    )
    body(torch.rand(8, 3, 6, 6))
    return body.eval()


def test_robust_accuracy_has_an_entry_for_each_item(network):
    x = torch.rand(20, 3, 6, 6, generator=seeded(2))
    y = network(x).argmax(dim=1)
    y[:4] = (y[:4] + 1) % 3  # wrong from the start
    parts = [(x[:7], y[:7]), (x[7:], y[7:])]
    weak, strong = (robust_accuracy(network, parts, partial(pgd, epsilon=epsilon)) for epsilon in (0.0, 0.5))
    assert weak.clean.tolist() == strong.clean.tolist() == [False] * 4 + [True] * 16
    assert weak.robust.tolist() == weak.clean.tolist()
    assert weak.clean_accuracy == weak.robust_accuracy == 0.8
    assert strong.robust_accuracy < 0.5
    assert not (strong.robust & ~strong.clean).any()
    attacked = pgd(lambda moved: cross_entropy(network(moved), y), x, epsilon=0.5)
    wanted = (network(attacked).argmax(dim=1) == y).numpy() & strong.clean
    assert np.array_equal(strong.robust, wanted)


def test_robust_accuracy_needs_codes_and_items():
    with pytest.raises(DataError, match="a class code for each of 2 items"):
        robust_accuracy(nn.Identity(), [(torch.zeros(2, 3), torch.zeros(2, 3))], partial(fgsm, epsilon=0.1))
    with pytest.raises(DataError, match="at least one batch"):
        robust_accuracy(nn.Identity(), [], partial(fgsm, epsilon=0.1))
