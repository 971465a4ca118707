"""Tiles cover a picture, and boxes of tiles become those of the picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.decode.tiles import merge_tiles, tiles_of


@pytest.mark.parametrize("size", [(50, 50), (100, 30), (250, 130), (61, 60)])
def test_tiles_cover_every_pixel_and_overlap(size: tuple[int, int]) -> None:
    covered = np.zeros(size[::-1], int)
    tiles = tiles_of(size, 60, 0.25)
    for left, top, right, bottom in tiles:
        assert right - left == min(60, size[0])
        assert bottom - top == min(60, size[1])
        covered[top:bottom, left:right] += 1
    assert covered.min() >= 1
    starts = sorted({tile[0] for tile in tiles})
    assert all(b - a <= 45 for a, b in pairwise(starts))


def test_an_object_that_two_tiles_show_is_found_once_and_whole() -> None:
    size, objects = (200, 100), np.array([[10, 10, 40, 40], [85, 30, 110, 60], [150, 50, 190, 90.0]])
    tiles, found = tiles_of(size, 100, 0.4), []
    for left, top, right, bottom in tiles:
        cut = np.clip(objects, [left, top, left, top], [right, bottom, right, bottom]) - [left, top, left, top]
        seen = cut[(cut[:, 2] > cut[:, 0] + 3) & (cut[:, 3] > cut[:, 1] + 3)]
        found.append(Boxes(seen, np.zeros(len(seen), int), (100, 100), np.linspace(0.9, 0.5, len(seen))))
    merged = merge_tiles(tiles, found, size)
    assert sorted(map(tuple, merged.xyxy.tolist())) == sorted(map(tuple, objects.tolist()))


def test_empty_tiles_give_an_empty_picture() -> None:
    assert len(merge_tiles(tiles_of((90, 10), 60), [Boxes.empty((60, 10))] * 2, (90, 10))) == 0
