"""A small body of convolutions, run plainly and in the form that is found for it."""

import numpy as np
import torch
from torch import nn

from headstart.engine.backends.torch_cpu import TorchCpu
from headstart.engine.backends.torch_forms import find_form
from headstart.engine.body.agreement import measure_reference
from headstart.sources.bodies.pooling import pool


def small(seed=0):
    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Conv2d(3, 16, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
    )
    for layer in body:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return body.eval()


def forward(module, batch):
    return [pool(module(batch))]


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3, 20, 20)).astype(np.float32)


def plain(body, batch, run=forward):
    return np.concatenate(measure_reference(body, run, [batch]).blocks[0], axis=-1)


def opened(body, batch, short, run=forward, kind=TorchCpu, **options):
    """The form that is found for a body and the backend that runs it."""
    reference = measure_reference(body, run, [batch])
    form = find_form(
        body, run, reference, lambda form: kind(form, run, **options), half=short, why="fp32 was asked for"
    )
    return form, kind(form, run, **options)
