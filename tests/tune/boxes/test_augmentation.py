"""Boxes follow their pixels through every change of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.tune.boxes.augmentation import Augmented, BoxAugmentation, flipped, placed

SIDE = 96


def one(seed: int = 0) -> Augmented:
    """A dark picture with a bright rectangle, whose box is known to the pixel."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    x, y, wide, tall = rng.integers(10, 50), rng.integers(10, 50), rng.integers(16, 40), rng.integers(16, 40)
    picture[y : y + tall, x : x + wide] = 255
    box = np.array([[x, y, x + wide, y + tall]]) / SIDE
    return Augmented(picture, box, np.zeros(1, np.int64), np.zeros(1, bool))


def bright(picture: np.ndarray) -> np.ndarray:
    """The box of the bright pixels as shares."""
    rows, columns = np.nonzero(picture[..., 0] > 200)
    tall, wide = picture.shape[:2]
    return np.array([columns.min() / wide, rows.min() / tall, (columns.max() + 1) / wide, (rows.max() + 1) / tall])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize("area", [(0, 0, 1, 1), (0.1, 0.2, 0.8, 0.9), (-0.3, -0.2, 1.2, 1.4)])
def test_the_box_follows_the_pixels(area, upside_down: bool, mirror: bool) -> None:  # type: ignore[no-untyped-def]
    made = placed(one(), area, (SIDE, SIDE), 0.1, mirror=mirror, upside_down=upside_down)
    np.testing.assert_allclose(made.boxes[0], bright(made.picture), atol=1.6 / SIDE)


@pytest.mark.parametrize("seed", range(6))
def test_augmented_boxes_cover_the_bright_pixels(seed: int) -> None:
    augment = BoxAugmentation(colour=0.0, visible=0.0)
    made = augment(0, one, 1, np.random.default_rng(seed), 0.0)
    assert made.picture.shape == (SIDE, SIDE, 3)
    if len(made.boxes):
        np.testing.assert_allclose(made.boxes[0], bright(made.picture), atol=2 / SIDE)


def test_a_mosaic_holds_the_objects_of_four_pictures() -> None:
    augment = BoxAugmentation(mosaic=1.0, colour=0.0, visible=0.0)
    made = augment(0, one, 8, np.random.default_rng(1), 0.0)
    assert made.picture.shape == (SIDE, SIDE, 3)
    assert 2 <= len(made.boxes) <= 4
    for box in made.boxes:
        left, top, right, bottom = (box * SIDE).round().astype(int)
        assert made.picture[top:bottom, left:right, 0].mean() > 150
    later = augment(0, one, 8, np.random.default_rng(1), 0.9)
    assert len(later.boxes) <= 1


def test_what_is_hardly_visible_is_an_ignored_region() -> None:
    half = Augmented(
        np.zeros((8, 8, 3), np.uint8), np.array([[0.0, 0, 1, 1]]), np.zeros(1, np.int64), np.zeros(1, bool)
    )
    assert placed(half, (0.8, 0, 1.8, 1), (8, 8), 0.35).ignored.tolist() == [True]
    assert placed(half, (0.2, 0, 1.2, 1), (8, 8), 0.35).ignored.tolist() == [False]
    assert len(placed(half, (0.999, 0, 1.999, 1), (8, 8), 0.35).boxes) == 0


def test_mirrored_twice_is_the_same() -> None:
    boxes = np.random.default_rng(0).random((5, 4))
    np.testing.assert_allclose(flipped(flipped(boxes)), boxes)
    np.testing.assert_allclose(flipped(flipped(boxes, upside_down=True), upside_down=True), boxes)


def test_the_same_generator_gives_the_same_picture() -> None:
    augment = BoxAugmentation(mosaic=0.5)
    first, second = (augment(0, one, 4, np.random.default_rng(7), 0.1) for _ in range(2))
    np.testing.assert_array_equal(first.picture, second.picture)
    np.testing.assert_array_equal(first.boxes, second.boxes)
