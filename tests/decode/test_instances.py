"""Objects grow from seeds, stay apart where they touch, and stay inside the foreground."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from headstart.decode.instances import objects_of, outlines


def discs() -> np.ndarray:
    """Two discs that touch, as numbers of objects."""
    rows, columns = np.mgrid[:24, :40]
    numbers = np.zeros((24, 40), np.int32)
    for number, centre in ((1, 12), (2, 26)):
        numbers[(rows - 12) ** 2 + (columns - centre) ** 2 <= 7.2**2] = number
    return numbers


def test_objects_that_touch_are_separated() -> None:
    truth = discs()
    foreground = truth > 0
    assert label(foreground)[1] == 1
    found = objects_of(foreground & ~outlines(truth, 2), foreground, grow=4)
    assert found.max() == 2
    assert (found > 0).sum() == foreground.sum()
    for number in (1, 2):
        own = found[truth == number]
        assert (own == np.bincount(own).argmax()).mean() > 0.95


def test_growth_is_bounded_and_stays_inside() -> None:
    foreground = np.ones((1, 12), bool)
    foreground[0, 6] = False
    seeds = np.zeros((1, 12), bool)
    seeds[0, 0] = True
    assert objects_of(seeds, foreground, grow=3).tolist() == [[1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 2]]


def test_small_objects_become_background() -> None:
    foreground = np.array([[1, 0, 1, 1]], bool)
    assert objects_of(foreground, foreground, least=2).tolist() == [[0, 0, 1, 1]]
    assert objects_of(np.zeros((2, 2), bool), np.zeros((2, 2), bool)).max() == 0


def test_outlines_lie_inside_of_objects() -> None:
    truth = discs()
    found = outlines(truth, 1)
    assert not found[truth == 0].any()
    assert found[12, 19] == (truth[12, 19] > 0)  # where the discs meet
    assert not outlines(np.ones((4, 4), int), 1).any()
