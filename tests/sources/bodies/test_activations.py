"""Layers that give something of their own, on bodies where that is known."""

import pytest
import torch
from torch import nn

from headstart.errors import SourceError
from headstart.sources.bodies.activations import activations
from headstart.sources.bodies.pooling import blocks_forward, position_rows


class Mixed(nn.Module):
    """Convolution and normalisation, an activation in place, then linear layers on channels last."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.mlp = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.5))
        self.skip, self.unused = nn.Identity(), nn.Linear(1, 1)

    def forward(self, x):
        x = self.skip(self.act(self.norm(self.conv(x))))
        return self.mlp(x.permute(0, 2, 3, 1))


def run(module):
    return module(torch.ones(2, 3, 6, 5))


def test_repetitions_and_what_never_runs_are_left_out():
    body = Mixed().eval()
    assert activations(body, run) == {"norm": True, "act": True, "mlp.0": False, "mlp.1": False}
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in body.modules())


def test_groups_have_the_layout_of_what_they_pass_on():
    found = activations(Mixed().eval(), run, groups=True)
    assert (found["mlp"], found["conv"]) == (False, True)
    assert "unused" not in found


def test_rows_for_each_position_go_row_by_row():
    x = torch.arange(24.0).view(1, 2, 3, 4)
    torch.testing.assert_close(position_rows(x)[0, 5], x[0, :, 1, 1])
    torch.testing.assert_close(position_rows(x.permute(0, 2, 3, 1), channels_first=False), position_rows(x))
    with pytest.raises(SourceError, match="rows for each position"):
        position_rows(torch.ones(2, 3))


def test_a_submodule_that_is_not_run_is_named():
    with pytest.raises(SourceError, match="'unused' has no output"):
        blocks_forward(["unused"], lambda module, x: module(x))(Mixed().eval(), torch.ones(2, 3, 6, 5))


def test_hooks_are_removed_when_the_body_fails():
    body = Mixed().eval()
    with pytest.raises(RuntimeError):
        blocks_forward(["conv"], lambda module, x: module(x))(body, torch.ones(2, 5, 6, 5))
    assert not body.conv._forward_hooks
