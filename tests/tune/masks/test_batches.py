"""Batches depend on seed and epoch alone, and hold each picture equally often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from headstart.tune.masks.batches import CropBatches, KeptPictures
from headstart.tune.masks.crops import CropSettings


def picture(position: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((32, 32, 3), np.uint8), np.full((32, 32), position, np.int16)


def made() -> CropBatches:
    return CropBatches(picture, 5, 3, 10, CropSettings(32, scale=1.0), seed=1)


def test_each_picture_is_drawn_equally_often() -> None:
    codes = torch.cat([batch["codes"][:, 0, 0] for [batch] in made().epoch(0, 0)])
    assert Counter(codes.tolist()) == dict.fromkeys(range(5), 6)


def test_an_epoch_that_is_resumed_has_the_same_batches() -> None:
    whole, rest = list(made().epoch(2, 0)), list(made().epoch(2, 7))
    assert len(rest) == 3
    for [one], [other] in zip(whole[7:], rest, strict=True):
        assert torch.equal(one["pictures"], other["pictures"])
        assert torch.equal(one["codes"], other["codes"])
    assert not torch.equal(whole[0][0]["codes"], next(made().epoch(3, 0))[0]["codes"])


def test_pictures_are_read_once() -> None:
    calls: list[int] = []

    def read(position: int) -> tuple[np.ndarray, np.ndarray]:
        calls.append(position)
        return picture(position)

    kept = KeptPictures(read)
    assert [int(kept(k)[1][0, 0]) for k in (1, 2, 1)] == [1, 2, 1]
    assert calls == [1, 2]
