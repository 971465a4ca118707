"""Crops keep pictures and codes together."""

from __future__ import annotations

import numpy as np

from headstart.tune.masks.crops import CropSettings, plain_crops, random_crop


def test_codes_stay_with_their_pixels() -> None:
    codes = np.zeros((90, 120), np.int16)
    codes[20:60, 30:80] = 1
    pixels = np.where(codes[..., None] > 0, 220, 30).repeat(3, axis=2).astype(np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(20):
        crop, own = random_crop(pixels, codes, CropSettings(64, light=0.1), rng)
        bright = crop.mean(axis=2) > 125
        kept = own >= 0
        assert (bright[kept] == (own[kept] == 1)).mean() > 0.97


def test_crops_depend_on_the_generator_alone() -> None:
    pixels, codes = np.arange(7500, dtype=np.uint8).reshape(50, 50, 3), np.zeros((50, 50), np.int16)
    one, other = (random_crop(pixels, codes, CropSettings(32), np.random.default_rng(3))[0] for _ in range(2))
    assert (one == other).all()


def test_pixels_beyond_a_small_picture_are_ignored() -> None:
    crop, codes = random_crop(
        np.zeros((20, 20, 3), np.uint8),
        np.ones((20, 20), np.int16),
        CropSettings(64, scale=1.0),
        np.random.default_rng(0),
    )
    assert crop.shape == (64, 64, 3)
    assert (codes == 1).sum() == 400


def test_plain_crops_cover_each_pixel_once() -> None:
    codes = np.arange(70 * 50, dtype=np.int16).reshape(70, 50)
    crops = plain_crops(np.zeros((70, 50, 3), np.uint8), codes, 32)
    seen = np.concatenate([own[own >= 0] for _, own in crops])
    assert len(crops) == 6
    assert sorted(seen.tolist()) == list(range(70 * 50))
