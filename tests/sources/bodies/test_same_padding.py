"""SAME padding: the number of places that TensorFlow documents, and the larger half at the end."""

import itertools

import pytest
import torch

from headstart.sources.bodies.same_padding import same_pads


@pytest.mark.parametrize(("side", "kernel", "stride"), [*itertools.product((6, 7, 8), (1, 2, 3, 5), (1, 2, 3))])
def test_there_are_as_many_places_as_the_side_divided_by_the_stride_rounded_up(side, kernel, stride):
    left, right, top, bottom = same_pads((side, 9), (kernel, 3), (stride, 2))
    assert (left, right) == (1, 1)
    assert bottom - top in (0, 1)
    padded = torch.nn.functional.pad(torch.zeros(1, 1, side, 9), (left, right, top, bottom))
    made = torch.nn.functional.conv2d(padded, torch.zeros(1, 1, kernel, 3), stride=(stride, 2))
    assert made.shape[2:] == (-(-side // stride), 5)


def test_dilated_windows_reach_further():
    assert same_pads((9, 9), (3, 3), (1, 1), (2, 3)) == [3, 3, 2, 2]
