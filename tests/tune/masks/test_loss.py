"""The loss against its definition, and without ignored pixels."""

from __future__ import annotations

import pytest
import torch

from headstart.tune.masks.loss import mask_loss


def test_it_is_cross_entropy_plus_one_minus_dice() -> None:
    torch.manual_seed(0)
    logits, codes = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    shares = logits.softmax(1)
    entropy = -shares.gather(1, codes[:, None]).log().mean()
    dice = []
    for k in (1, 2):
        truth = (codes == k).float()
        dice.append((2 * (shares[:, k] * truth).sum() + 1) / (shares[:, k].sum() + truth.sum() + 1))
    assert float(mask_loss(logits, codes)) == pytest.approx(float(entropy + 1 - sum(dice) / 2), abs=1e-5)


def test_ignored_pixels_change_nothing() -> None:
    torch.manual_seed(0)
    logits, codes = torch.randn(1, 3, 4, 5), torch.randint(0, 3, (1, 4, 5))
    codes[0, 2] = -1
    before = float(mask_loss(logits, codes))
    logits[0, :, 2] += torch.randn(3, 5)
    assert float(mask_loss(logits, codes)) == pytest.approx(before)
    assert float(mask_loss(logits, torch.full_like(codes, -1))) == 0.0
