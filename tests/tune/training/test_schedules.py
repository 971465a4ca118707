"""Schedules of the learning rate against torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.tune.training.schedules import schedule_factor


def rates(scheduler, optimizer, count):
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_schedules_are_those_of_torch():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = rates(torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40), optimizer, 41)
    assert [schedule_factor("cosine", step / 40, warmup=0.0) for step in range(41)] == pytest.approx(cosine, abs=1e-12)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    total = 101  # torch rises for 0.3 · 101 - 1 steps, and ends with the last one
    one = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=total, final_div_factor=1e5 / 25)
    rise = 0.3 * total - 1
    shares = [0.3 * s / rise if s <= rise else 0.3 + 0.7 * (s - rise) / (total - 1 - rise) for s in range(total)]
    expected = rates(one, optimizer, total - 1)
    assert [schedule_factor("one_cycle", share) for share in shares[:-1]] == pytest.approx(expected, abs=1e-9)
    peak = [schedule_factor("slanted", share) for share in (0.0, 0.1, 0.55, 1.0)]
    assert peak == pytest.approx([1 / 32, 1.0, (1 + 0.5 * 31) / 32, 1 / 32])
