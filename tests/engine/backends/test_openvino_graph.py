"""Conversion to OpenVINO: bodies whose weights are shared, computed, plain tensors, or in script modules."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.backends.openvino import OpenVino
from headstart.engine.backends.openvino_graph import convert

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
LINE = nn.Linear(3, 3)


class Scaled(nn.Module):
    """A tensor that is neither a parameter nor a buffer."""

    def __init__(self):
        super().__init__()
        self.factor = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, x):
        return x * self.factor


BODIES = {
    "weights used twice": lambda: nn.Sequential(LINE, nn.ReLU(), LINE),
    "computed weights": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))),
    "statistics": lambda: nn.Sequential(nn.BatchNorm1d(3)),
    "a plain tensor": Scaled,
    "no weights": lambda: nn.Sequential(nn.ReLU()),
    "a script module": lambda: nn.Sequential(torch.jit.script(nn.Linear(3, 4)), nn.ReLU()),
}


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("name", BODIES)
def test_the_converted_body_gives_the_rows_of_the_body(name):
    body = BODIES[name]().eval()
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    found = OpenVino(convert(body, lambda module, batch: [module(batch)], x[:2], lengths=False), "fp32")(x)
    with torch.no_grad():
        np.testing.assert_allclose(found, body(torch.from_numpy(x)).numpy(), atol=1e-6)
