"""Batches depend on seed and epoch alone."""

from __future__ import annotations

import numpy as np
import torch

from headstart.annotations import Boxes
from headstart.tune.boxes.augmentation import BoxAugmentation
from headstart.tune.boxes.batches import BoxBatches, shares_of
from headstart.tune.training.settings import Training

ITEMS = [np.full((32, 32, 3), 20 * k, np.uint8) for k in range(5)]
BOXES = [Boxes(np.array([[4, 4, 12 + k, 20]]), np.array([k % 2]), (32, 32)) for k in range(5)]


CHANGES = BoxAugmentation()


def batches(augment: BoxAugmentation | None = CHANGES, seed: int = 0) -> BoxBatches:
    return BoxBatches(ITEMS, BOXES, np.asarray, Training(batch_size=2), seed=seed, augment=augment)


def test_an_epoch_that_is_entered_in_the_middle_goes_on_the_same() -> None:
    whole = [batch for [batch] in batches().epoch(1, 0)]
    rest = [batch for [batch] in batches().epoch(1, 1)]
    assert len(whole) == batches().steps
    for one, other in zip(whole[1:], rest, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_seed_or_epoch_gives_other_pictures() -> None:
    first = next(batches().epoch(0, 0))[0]["pictures"]
    assert not torch.equal(first, next(batches().epoch(1, 0))[0]["pictures"])
    assert not torch.equal(first, next(batches(seed=1).epoch(0, 0))[0]["pictures"])


def test_without_augmentation_boxes_are_shares_of_their_pictures() -> None:
    found = {}
    for [batch] in batches(None).epoch(0, 0):
        for owner, box in zip(batch["owners"].tolist(), batch["boxes"], strict=True):
            found[int(batch["pictures"][owner, 0, 0, 0]) // 20] = box.numpy()
    for k, box in found.items():
        np.testing.assert_allclose(box, shares_of(BOXES[k], (32, 32))[0], atol=1e-6)
