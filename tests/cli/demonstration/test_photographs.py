"""The photographs of the demo: tiles that look alike because they are neighbours are held out together."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from headstart.cli.demonstration.photographs import RECTANGLE, REGIONS, SIDE, cut_photographs


def tiles(rectangle):
    left, top, right, bottom = rectangle
    return left, top, left + (right - left) // SIDE * SIDE, top + (bottom - top) // SIDE * SIDE


def gap(one, other):
    """Pixels between two rectangles, in the direction in which they are further apart."""
    across = max(other[0] - one[2], one[0] - other[2])
    return max(across, other[1] - one[3], one[1] - other[3])


@pytest.mark.parametrize("thing", REGIONS)
def test_each_thing_is_left_in_training_and_no_neighbour_is(thing):
    """Kind: neighbouring tiles on both sides of a split, on which any body reaches an accuracy of 1."""
    rectangles = [tiles(one) for one in REGIONS[thing][1]]
    assert len(rectangles) >= 2
    assert min(gap(one, other) for one, other in combinations(rectangles, 2)) >= SIDE // 3


def test_the_group_of_a_tile_is_its_rectangle(tmp_path):
    cut_photographs(tmp_path)
    names = sorted(str(path.relative_to(tmp_path).as_posix()) for path in tmp_path.rglob("*.png"))
    groups = [re.search(RECTANGLE, name).group(1) for name in names]
    assert set(groups) == {f"{thing}/{k}" for thing, (_, places) in REGIONS.items() for k in range(len(places))}
    areas = {
        f"{thing}/{k}": (right - left) // SIDE * ((bottom - top) // SIDE)
        for thing, (_, places) in REGIONS.items()
        for k, (left, top, right, bottom) in enumerate(places)
    }
    assert {group: groups.count(group) for group in areas} == areas
