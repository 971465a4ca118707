"""Mixup and CutMix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from headstart.errors import DataError, ParameterError
from headstart.tune.augmentation.cutmix import cutmix
from headstart.tune.augmentation.mixing import draw_mixing
from headstart.tune.augmentation.mixup import mixup

N = 6
Y = torch.eye(N)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def flat_pictures(shape, dtype=torch.float32):
    """Picture i is i * 20 everywhere, so that a mixture tells its parts."""
    values = 20 * torch.arange(N).reshape(N, 1, 1, 1)
    return values.expand(N, *shape).to(dtype).contiguous()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_are_beta_distributed(alpha):
    generator = seeded(0)
    weights = [draw_mixing(2, alpha, generator).weight for _ in range(1500)]
    assert stats.kstest(weights, stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_only_the_given_generator_is_drawn_from(mix):
    x = torch.rand(N, 3, 16, 16, generator=seeded(1))
    torch.manual_seed(0)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (mix(x, Y, generator=seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpys)  # noqa: NPY002
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


@pytest.mark.parametrize("mix", [mixup, cutmix])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 24, 32), (24, 32, 3)])
def test_pictures_and_targets_are_mixed_alike(mix, dtype, shape):
    x = flat_pictures(shape, dtype)
    for seed in range(20):
        mixed, y = mix(x, Y, alpha=1.0, generator=seeded(seed))
        assert mixed.dtype == dtype
        assert mixed.shape == x.shape
        means = mixed.double().mean(dim=(1, 2, 3))
        step = 0.5 if dtype != torch.float32 else 1e-4
        assert torch.allclose(means, y.double() @ (20.0 * torch.arange(N).double()), atol=step)
        assert torch.allclose(y.sum(dim=1), torch.ones(N))
    assert torch.equal(x, flat_pictures(shape, dtype))


def test_mixup_is_the_formula():
    x, generator = torch.rand(N, 5, generator=seeded(1)), seeded(3)
    mixed, y = mixup(x, Y, alpha=0.4, generator=generator)
    drawn = draw_mixing(N, 0.4, seeded(3))
    assert torch.allclose(mixed, drawn.weight * x + (1 - drawn.weight) * x[drawn.partners])
    assert torch.allclose(y, drawn.weight * Y + (1 - drawn.weight) * Y[drawn.partners])


def test_cutmix_replaces_one_box():
    x = flat_pictures((3, 40, 40))
    areas = []
    for seed in range(200):
        mixed, y = cutmix(x, Y, generator=seeded(seed))
        hit = (mixed != x).any(dim=1)
        moved = hit.any(dim=0)
        rows, columns = torch.where(moved.any(dim=1))[0], torch.where(moved.any(dim=0))[0]
        if len(rows):
            assert moved[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert set(mixed.unique().tolist()) <= set(x.unique().tolist())
        areas.append(1 - float(y.max(dim=1).values.min()) if y.max() < 1 else 0.0)
    assert max(areas) > 0.3
    assert min(areas) < 0.05


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_wrong_targets_and_parameters_are_refused(mix):
    x = torch.zeros(N, 3, 4, 4)
    with pytest.raises(DataError, match="needs a row of targets"):
        mix(x, torch.arange(N), generator=seeded(0))
    with pytest.raises(DataError, match="for each of 6 items"):
        mix(x, Y[:3], generator=seeded(0))
    with pytest.raises(ParameterError, match="'alpha' parameter"):
        mix(x, Y, alpha=0.0, generator=seeded(0))


def test_cutmix_needs_pictures():
    with pytest.raises(DataError, match="cutmix needs pictures"):
        cutmix(torch.zeros(N, 4), Y, generator=seeded(0))
