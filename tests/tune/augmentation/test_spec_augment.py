"""SpecAugment."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.tune.augmentation.spec_augment import SpecAugment

PICTURE = np.random.default_rng(0).integers(1, 255, (64, 96, 1), dtype=np.uint8).repeat(3, axis=2)


def blanked(out, fill):
    """Which bands and which frames are the fill throughout."""
    hit = (out == fill).all(axis=2)
    return hit.all(axis=1), hit.all(axis=0)


def runs(flags):
    return int((np.diff(np.concatenate([[0], flags.astype(int)])) == 1).sum())


def test_masks_are_bands_of_bounded_width_filled_with_the_mean():
    fill = round(float(PICTURE.mean()))
    augment = SpecAugment(masks=1, frequency=0.25, time=0.125, shift=0)
    bands, frames = zip(
        *(blanked(augment([PICTURE], np.random.default_rng(k))[0], fill) for k in range(300)), strict=True
    )
    assert all(runs(one) <= 1 for one in [*bands, *frames])
    assert max(one.sum() for one in bands) == 16
    assert min(one.sum() for one in bands) == 0
    assert max(one.sum() for one in frames) == 12
    assert np.any(bands, axis=0).all()
    assert np.any(frames, axis=0).all()


def test_what_is_not_masked_stays():
    fill = round(float(PICTURE.mean()))
    out = SpecAugment(shift=0)([PICTURE], np.random.default_rng(3))[0]
    bands, frames = blanked(out, fill)
    assert 0 < bands.sum() < 30
    assert 0 < frames.sum() < 40
    kept = ~bands[:, None] & ~frames[None]
    assert np.array_equal(out[kept], PICTURE[kept])
    assert runs(bands) <= 2
    assert runs(frames) <= 2


def test_the_shift_is_circular_in_time_and_bounded_on_both_sides():
    augment = SpecAugment(masks=0, shift=0.1)
    shifts = set()
    for seed in range(300):
        out = augment([PICTURE], np.random.default_rng(seed))[0]
        [found] = [k for k in range(-9, 10) if np.array_equal(np.roll(PICTURE, k, axis=1), out)]
        shifts.add(found)
    assert shifts == set(range(-9, 10))


def test_each_picture_of_a_sound_has_draws_of_its_own():
    first, second = SpecAugment()([PICTURE, PICTURE], np.random.default_rng(0))
    assert not np.array_equal(first, second)


def test_floating_point_pictures_keep_their_type_and_exact_mean():
    picture = PICTURE.astype(np.float32) / 255
    out = SpecAugment(shift=0)([picture], np.random.default_rng(3))[0]
    assert out.dtype == np.float32
    assert (out == picture.mean()).any()


def test_what_is_no_picture_of_a_sound_is_refused():
    with pytest.raises(DataError, match=r"arrays \(bands, frames, channels\)"):
        SpecAugment()([np.zeros((3, 4))], np.random.default_rng(0))
    with pytest.raises(ParameterError, match=r"'time' parameter of SpecAugment must be a number in \[0, 1\]"):
        SpecAugment(time=1.5)
