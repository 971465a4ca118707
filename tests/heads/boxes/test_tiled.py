"""Large pictures are read in tiles by a head that was made on tiles."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_squares import TASK, squares, tiny_body

from headstart.engine.options import Engine
from headstart.heads.boxes.solve import solve_boxes
from headstart.heads.boxes.tiled import TiledBoxes, cut_tiles

TORCH = Engine(backend="torch", cache=False)


@pytest.fixture(scope="module")
def head() -> TiledBoxes:
    data = squares(12)
    return TiledBoxes(solve_boxes(tiny_body(), data.items, list(data.y), 2, side=64, engine=TORCH).head, 80)


def test_a_picture_of_one_tile_is_read_as_it_is(head: TiledBoxes) -> None:
    picture = squares(1, 3).items[0]
    [tiled], [plain] = (one.annotate(tiny_body(), [picture], engine=TORCH) for one in (head, head.inner))
    np.testing.assert_allclose(tiled.xyxy, plain.xyxy)
    assert tiled.shown == plain.shown


def test_boxes_of_a_large_picture_are_in_its_pixels(head: TiledBoxes) -> None:
    picture = np.concatenate([squares(1, 4).items[0]] * 3, axis=1)
    [found] = head.annotate(tiny_body(), [picture], engine=TORCH)
    assert found.size == (240, 64)
    assert found.xyxy[:, 2].max() > 100


def test_tiles_are_the_pixels_of_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 130, 3)).astype(np.uint8)
    tiles, places, size = cut_tiles(picture, 64)
    assert size == (130, 90)
    for tile, (left, top, right, bottom) in zip(tiles, places, strict=True):
        np.testing.assert_array_equal(tile, picture[top:bottom, left:right])


def test_a_saved_head_finds_the_same(head: TiledBoxes) -> None:
    again = TiledBoxes.from_saved(head.tensors(), head.facts(), TASK)
    picture = squares(1, 6).items[0]
    [first], [second] = (one.annotate(tiny_body(), [picture], engine=TORCH) for one in (head, again))
    np.testing.assert_array_equal(first.xyxy, second.xyxy)


@pytest.mark.parametrize("fact", [{"tile": 3}, {"tile": 1e9}, {"inner": {}}, {"inner": {"name": "tiled_boxes"}}])
def test_damaged_facts_are_refused(head: TiledBoxes, fact: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="tile"):
        TiledBoxes.from_saved(head.tensors(), {**head.facts(), **fact}, TASK)
