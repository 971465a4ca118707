"""TrivialAugment against torchvision's own transform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from headstart.tune.augmentation.trivial_augment import BINS, operations, trivial_augment


@pytest.fixture(scope="module")
def photograph():
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(30, 220, (5, 7, 3), dtype=np.uint8))
    return coarse.resize((56, 48), Image.Resampling.BICUBIC)


def by_torchvision(picture, place, level, negative, monkeypatch):
    """What torchvision's transform gives where its own draws are ``place``, ``level`` and ``negative``."""
    drawn = iter([place, level])
    with monkeypatch.context() as patch:
        patch.setattr(torch, "randint", lambda *_: torch.tensor(next(drawn)))
        patch.setattr(torch, "rand", lambda *_: torch.tensor(0.0 if negative else 1.0))
        return v2.TrivialAugmentWide(num_magnitude_bins=BINS)(picture)


@pytest.mark.parametrize("place", range(14))
def test_every_operation_is_torchvisions_at_every_strength(place, photograph, monkeypatch):
    operation = operations()[place]
    for level, magnitude in enumerate(operation.magnitudes):
        for negative in (False, True) if operation.signed else (False,):
            theirs = by_torchvision(photograph, place, level, negative, monkeypatch)
            ours = operation.apply(photograph, -magnitude if negative else magnitude)
            assert np.array_equal(np.asarray(ours), np.asarray(theirs)), (operation.name, level, negative)


def test_the_table_is_torchvisions():
    theirs = v2.TrivialAugmentWide._AUGMENTATION_SPACE
    assert [one.name for one in operations()] == list(theirs)
    for one in operations():
        magnitudes, signed = theirs[one.name]
        values = magnitudes(BINS, 48, 56)
        assert one.signed == signed
        assert list(one.magnitudes) == ([0.0] if values is None else values.tolist())


def test_operations_are_drawn_evenly_and_with_both_signs(monkeypatch):
    seen = []
    table = [
        replace(one, apply=lambda _, m, place=place: seen.append((place, m))) for place, one in enumerate(operations())
    ]
    monkeypatch.setattr("headstart.tune.augmentation.trivial_augment.operations", lambda: table)
    rng = np.random.default_rng(0)
    for _ in range(2800):
        trivial_augment(None, rng)
    counts = np.bincount([place for place, _ in seen], minlength=14)
    assert 150 < counts.min() <= counts.max() < 250  # 200 each, 13.6 being one standard deviation
    turns = np.array([m for place, m in seen if table[place].name == "Rotate"])
    assert (turns < 0).mean() == pytest.approx(0.48, abs=0.12)
    assert abs(turns).max() > 100
