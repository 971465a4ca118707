"""Batch norms folded into convolutions: the same features, and what cannot be folded."""

import numpy as np
import torch
from small_bodies import opened, pictures, plain, small
from torch import nn

from headstart.engine.body.batch_norm_folding import fold_batch_norms, round_kernels


def test_folding_keeps_the_features_and_the_module():
    body, x = small(), torch.randn(2, 3, 12, 12)
    with torch.inference_mode():
        folded = fold_batch_norms(body, lambda module: module(x))
        torch.testing.assert_close(folded(x), body(x), atol=1e-5, rtol=1e-5)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in body.modules())


def test_nothing_to_fold():
    assert fold_batch_norms(nn.Linear(2, 2), lambda module: module(torch.ones(1, 2))) is None


class Shared(nn.Module):
    """The convolution's output is used before its normalisation too, so folding would change it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.norm.running_mean.fill_(3.0)

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


def test_a_wrong_fold_is_not_used():
    body = Shared().eval()
    form, backend = opened(body, pictures(3), None)
    assert not form.folded
    np.testing.assert_allclose(backend(pictures(5)), plain(body, pictures(5)), atol=1e-5)


def test_rounded_kernels_are_bf16_and_keep_their_sum():
    conv = nn.Conv2d(8, 8, 3, groups=8)
    before = conv.weight.detach().clone()
    round_kernels(conv)
    after = conv.weight.detach()
    torch.testing.assert_close(after, after.bfloat16().float(), atol=0, rtol=0)
    drift = (after.sum((2, 3)) - before.sum((2, 3))).abs().mean()
    plain_drift = (before.bfloat16().float().sum((2, 3)) - before.sum((2, 3))).abs().mean()
    assert drift < plain_drift / 4
