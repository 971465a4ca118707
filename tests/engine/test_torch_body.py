"""Bodies in bf16 and fp32, folded normalisations, pooled blocks."""

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.fold import fold_batch_norms, round_kernels
from headstart.engine.pooling import blocks_forward, masked_mean, pool
from headstart.engine.torch_body import TorchBody, cpu_has_bf16
from headstart.errors import ParameterError, SourceError


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


def test_fp32_equals_the_plain_module():
    body, x = small(), torch.randn(5, 3, 20, 20)
    with torch.inference_mode():
        plain = body(x).mean((2, 3)).numpy()
    np.testing.assert_allclose(TorchBody(body, forward, precision="fp32", device="cpu")(x), plain, atol=1e-5)


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU does not multiply in bf16 by itself")
def test_bf16_agrees_and_says_so():
    body, x = small(), torch.randn(5, 3, 20, 20)
    fast, plain = TorchBody(body, forward, device="cpu"), TorchBody(body, forward, precision="fp32", device="cpu")
    a, b = fast(x), plain(x)
    assert fast.precision == "bf16"
    assert "cosine" in fast.note
    assert not np.array_equal(a, b)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() >= 0.999


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU does not multiply in bf16 by itself")
def test_a_body_that_bf16_breaks_stays_in_fp32():
    class Difference(nn.Module):
        """Of two large numbers that are nearly equal."""

        def forward(self, x):
            return x @ torch.tensor([[1.0, 0.0], [-1.0, 0.0]]) + torch.tensor([[0.0, 0.3]])

    x = torch.tensor([[100.3, 100.1], [77.7, 77.2]])
    body = TorchBody(Difference(), lambda module, batch: [module(batch)], device="cpu")
    rows = body(x)
    assert body.precision == "fp32"
    assert "wanted" in body.note
    np.testing.assert_allclose(rows[:, 0], [0.2, 0.5], atol=1e-3)


def test_the_choice_rests_on_the_example_where_there_is_one():
    seen = []

    def spy(module, batch):
        seen.append(len(batch))
        return [module(batch)]

    TorchBody(nn.Linear(2, 2), spy, example=torch.ones(3, 2), device="cpu")(torch.ones(7, 2))
    assert seen[0] == 3
    assert seen[-1] == 7


def test_the_same_batch_gives_the_same_bits():
    x = torch.randn(4, 3, 20, 20)
    first, second = TorchBody(small(), forward)(x), TorchBody(small(), forward)(x)
    np.testing.assert_array_equal(first, second)


def test_a_mapping_is_a_batch():
    body = TorchBody(nn.Linear(2, 3), lambda module, batch: [module(batch["x"])])
    assert body({"x": torch.ones(4, 2)}).shape == (4, 3)
    assert body.widths({"x": torch.ones(1, 2)}) == [3]


def test_precision_is_checked():
    with pytest.raises(ParameterError, match="precision"):
        TorchBody(nn.Linear(2, 3), forward, precision="fp8")


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
    body, x = Shared().eval(), torch.randn(3, 3, 6, 6)
    with torch.inference_mode():
        plain = body(x).mean((2, 3)).numpy()
    np.testing.assert_allclose(TorchBody(body, forward, precision="fp32", device="cpu")(x), plain, atol=1e-5)


def test_rounded_kernels_are_bf16_and_keep_their_sum():
    conv = nn.Conv2d(8, 8, 3, groups=8)
    before = conv.weight.detach().clone()
    round_kernels(conv)
    after = conv.weight.detach()
    torch.testing.assert_close(after, after.bfloat16().float(), atol=0, rtol=0)
    drift = (after.sum((2, 3)) - before.sum((2, 3))).abs().mean()
    plain_drift = (before.bfloat16().float().sum((2, 3)) - before.sum((2, 3))).abs().mean()
    assert drift < plain_drift / 4


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


def test_hooks_are_removed_even_when_the_body_fails():
    body = small()

    def fail(module, batch):
        module(batch)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        blocks_forward(["0"], fail)(body, torch.ones(1, 3, 9, 9))
    assert not body[0]._forward_hooks
