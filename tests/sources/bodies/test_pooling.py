"""Pooled blocks of a body."""

import pytest
import torch
from torch import nn

from headstart.errors import SourceError
from headstart.sources.bodies.pooling import blocks_forward, collect_outputs, masked_mean, pool


def test_pooling_by_layout():
    x = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    torch.testing.assert_close(pool(x), x.mean((2, 3)))
    torch.testing.assert_close(pool(x.permute(0, 2, 3, 1), channels_first=False), x.mean((2, 3)))
    torch.testing.assert_close(pool((x.flatten(2).transpose(1, 2),)), x.mean((2, 3)))
    with pytest.raises(SourceError, match="name other blocks"):
        pool(torch.ones(3))
    with pytest.raises(SourceError, match="dict"):
        pool({"a": 1})


def test_masked_mean_ignores_padding():
    hidden = torch.randn(2, 4, 3)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    torch.testing.assert_close(masked_mean(hidden, mask)[0], hidden[0, :2].mean(0))
    torch.testing.assert_close(masked_mean(hidden, mask)[1], hidden[1].mean(0))


def test_what_submodules_give_is_collected_beside_the_output():
    body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = torch.randn(4, 2)
    output, found = collect_outputs(body, ["1"], lambda: body(x), lambda name, given: (name, given.shape))
    torch.testing.assert_close(output, body(x))
    assert found == {"1": ("1", (4, 3))}
    assert not body[1]._forward_hooks


def test_hooks_are_removed_even_when_the_body_fails():
    body = nn.Sequential(nn.Conv2d(3, 4, 3))

    def fail(module, batch):
        module(batch)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        blocks_forward(["0"], fail)(body, torch.ones(1, 3, 9, 9))
    assert not body[0]._forward_hooks
