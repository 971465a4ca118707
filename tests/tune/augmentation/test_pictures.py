"""Crop and flip against torchvision's own."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import v2

from headstart.errors import DataError, ParameterError
from headstart.tune.augmentation.pictures import PictureAugmentation, random_box


@pytest.fixture(scope="module")
def photograph():
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(30, 220, (5, 7, 3), dtype=np.uint8))
    return coarse.resize((56, 48), Image.Resampling.BICUBIC)


def test_the_crop_is_torchvisions_for_the_same_box(photograph):
    picture = np.asarray(photograph)
    augment = PictureAugmentation(flip=False, trivial=False)
    for seed in range(10):
        box = random_box(48, 56, np.random.default_rng(seed), scale=augment.scale, ratio=augment.ratio)
        theirs = v2.functional.resized_crop(photograph, *box, [48, 56])
        assert np.array_equal(augment(picture, np.random.default_rng(seed)), np.asarray(theirs))


def test_boxes_have_the_area_and_the_shape_asked_for():
    rng = np.random.default_rng(0)
    boxes = np.array([random_box(300, 400, rng, scale=(0.5, 1.0), ratio=(3 / 4, 4 / 3)) for _ in range(2000)])
    top, left, height, width = boxes.T
    area, stretch = height * width / 120_000, (width / 400) / (height / 300)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 300).all()
    assert (left + width <= 400).all()
    assert 0.495 < area.min() < 0.52
    assert 0.95 < area.max() <= 1
    assert 0.74 < stretch.min() < 0.78
    assert 1.28 < stretch.max() < 1.35
    assert np.corrcoef(top, left)[0, 1] < 0.5
    assert top.max() > 60
    assert left.max() > 80


def test_what_never_fits_is_the_whole_picture():
    assert random_box(10, 10, np.random.default_rng(0), scale=(1.0, 1.0), ratio=(3.0, 3.0)) == (0, 0, 10, 10)


def test_half_of_the_pictures_are_mirrored(photograph):
    picture = np.asarray(photograph)
    flip = PictureAugmentation(scale=(1.0, 1.0), ratio=(1.0, 1.0), trivial=False)
    still = PictureAugmentation(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=False, trivial=False)
    mirrored = 0
    for seed in range(100):
        out = flip(picture, np.random.default_rng(seed))
        mirrored += np.array_equal(out, picture[:, ::-1])
        assert np.array_equal(out, picture) or np.array_equal(out, picture[:, ::-1])
        assert np.array_equal(still(picture, np.random.default_rng(seed)), picture)
    assert 35 <= mirrored <= 65


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), [1, 2]])
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(DataError, match=r"an array \(height, width, 3\) of uint8"):
        PictureAugmentation()(bad, np.random.default_rng(0))


@pytest.mark.parametrize("settings", [{"scale": (0.9, 0.5)}, {"scale": (0.0, 1.0)}, {"scale": 0.5}, {"ratio": (1,)}])
def test_ranges_are_checked(settings):
    with pytest.raises(ParameterError, match="parameter of PictureAugmentation must be"):
        PictureAugmentation(**settings)
