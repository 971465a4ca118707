"""Pictures are cut where objects are tiny, and tiles keep the boxes that they show."""

from __future__ import annotations

import numpy as np
from drawn_squares import TASK, tiny_body

from headstart.annotations import Boxes
from headstart.engine.options import Engine
from headstart.heads.boxes.tiled import TiledBoxes
from headstart.reporting import SilentReporter
from headstart.transfer.annotating.box_tiles import tile_side, tiled_pictures
from headstart.transfer.annotating.boxes import BoxAnnotating
from headstart.transfer.stages.context import RunContext
from headstart.types import Dataset


def large(count: int = 3) -> Dataset:
    """Pictures of 400 x 300 pixels with squares of 12 pixels."""
    rng, items, y = np.random.default_rng(0), [], np.empty(count, object)
    for k in range(count):
        picture = rng.integers(90, 110, (300, 400, 3)).astype(np.uint8)
        corner = rng.integers(0, 280, (4, 2))
        for left, top in corner:
            picture[top : top + 12, left : left + 12] = (250, 40, 40)
        items.append(picture)
        y[k] = Boxes(np.concatenate([corner, corner + 12], axis=1), np.zeros(4, int), (400, 300))
    return Dataset(items, tuple(map(str, range(count))), "image", TASK, y)


def test_only_large_pictures_with_tiny_objects_are_cut() -> None:
    assert tile_side(list(large().y), 64) == 64
    wide = [Boxes(np.array([[0, 0, 90, 90]]), np.array([0]), (400, 300))]
    assert tile_side(wide, 64) == 0
    small = [Boxes(np.array([[0, 0, 3, 3]]), np.array([0]), (60, 60))]
    assert tile_side(small, 64) == 0
    assert tile_side([Boxes.empty((400, 300))], 64) == 0


def test_every_object_is_whole_in_a_tile_and_tiles_of_a_picture_stay_together() -> None:
    data = large()
    tiles = tiled_pictures(data, list(data.y), 64, 64)
    assert set(tiles.groups.tolist()) == {0, 1, 2}
    for group in range(3):
        own = [one for one, code in zip(tiles.y, tiles.groups, strict=True) if code == group]
        whole = sum(int((one.areas[~one.ignored] > 143).sum()) for one in own)
        assert whole >= 4
    assert all(item.shape == (64, 64, 3) for item in tiles.items)
    assert sum(len(one) == 0 for one in tiles.y) <= sum(len(one) > 0 for one in tiles.y)


def test_a_fit_on_such_pictures_reads_tiles() -> None:
    context = RunContext(SilentReporter(), Engine(backend="torch", cache=False))
    made = BoxAnnotating(side=64).solve(large(), tiny_body(), context)
    assert isinstance(made.head, TiledBoxes)
    assert made.record["tile"] == 64
    assert "tiles of 64 x 64 pixels" in made.notes[-1]
    [found] = made.head.annotate(made.source, large(1).items, engine=context.engine)
    assert found.size == (400, 300)
