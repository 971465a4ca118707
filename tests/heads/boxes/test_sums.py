"""A solved head of boxes after an update equals the head solved with the same choices on all pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.options import Engine
from headstart.heads.boxes.calibration import ScoreCalibration
from headstart.heads.boxes.solved import SolvedBoxes, grid_settings
from headstart.heads.boxes.sums import BoxSums, sum_cells
from headstart.sources.positions.maps import maps_of
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import Dataset, SourceInfo, Task

SIDE = 64
TORCH = Engine(backend="torch", cache=False)
TASK = Task("box", ("red", "blue"))


@pytest.fixture(scope="module")
def source() -> TimmSource:
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


@pytest.fixture(autouse=True)
def fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BF16_SWITCH, "0")


@pytest.fixture(scope="module")
def blank(source: TimmSource) -> SolvedBoxes:
    """A head with choices, and no weights yet."""
    settings = maps_of(source, grid_settings(SIDE)).settings
    width = maps_of(source, settings).width
    matrix = np.random.default_rng(0).normal(size=(width, 6))
    sizes = (5 * 6 + 1, 2), (5 * 6 + 1, 4)
    calibration = ScoreCalibration(1.5, 0.2, 0.3)
    empty = np.zeros(sizes[0]), np.zeros(sizes[1])
    return SolvedBoxes(settings, (np.zeros(width), matrix), *empty, (20.0, 20.0), calibration, (0.5, 2.0))


def drawn(count: int, seed: int, task: Task = TASK) -> Dataset:
    rng = np.random.default_rng(seed)
    pictures, y = [], np.empty(count, object)
    for k in range(count):
        picture = rng.integers(100, 150, (48, 80, 3)).astype(np.uint8)
        left, top = rng.integers(0, 60), rng.integers(0, 30)
        picture[top : top + 15, left : left + 15] = 255 * np.eye(3)[2 * (k % 2)]
        pictures.append(picture)
        # every second size is unknown, and read from the picture
        y[k] = Boxes(np.array([[left, top, left + 15, top + 15]]), np.array([k % 2]), (80, 48) if k % 2 else (0, 0))
    return Dataset(pictures, tuple(map(str, range(count))), "image", task, y)


def joined(one: Dataset, other: Dataset) -> Dataset:
    y = np.concatenate([one.labelled()[1], other.labelled()[1]])
    return Dataset([*one.items, *other.items], tuple(map(str, range(len(y)))), "image", other.labelled()[0], y)


def solved(source: TimmSource, blank: SolvedBoxes, data: Dataset) -> tuple[BoxSums, SolvedBoxes]:
    """From scratch: the cells of all pictures at once, with known sizes."""
    truth = [replace(one, size=(80, 48)) for one in data.labelled()[1]]
    maps, classes = maps_of(source, blank.settings), len(data.labelled()[0].labels)
    found = sum_cells(data.items, truth, maps, blank, classes=classes, engine=TORCH)
    sums = BoxSums(found.heat, found.box)
    return sums, sums.solved(blank, data.labelled()[0])


def same(one: SolvedBoxes, other: SolvedBoxes) -> None:
    for name in ("heat", "box"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-8, atol=1e-8)
    assert (one.calibration, one.usual, one.penalties) == (other.calibration, other.usual, other.penalties)


def test_an_update_equals_the_head_solved_on_all_pictures(source: TimmSource, blank: SolvedBoxes) -> None:
    old, new = drawn(5, 0), drawn(4, 1)
    sums, head = solved(source, blank, old)
    own = sums.of_items(head, source, new, engine=TORCH)
    same((sums + own).solved(head, TASK), solved(source, blank, joined(old, new))[1])
    same((sums + own - own).solved(head, TASK), head)


def test_a_new_class_and_a_picture_without_objects(source: TimmSource, blank: SolvedBoxes) -> None:
    task = Task("box", ("red", "blue", "green"))
    old, new = drawn(5, 0), drawn(2, 1, task)
    new.labelled()[1][0] = Boxes(np.array([[10, 10, 20, 20]]), np.array([2]), (80, 48))
    new.labelled()[1][1] = Boxes.empty((80, 48))
    sums, head = solved(source, blank, old)
    more = sums.for_task(task) + sums.of_items(head, source, new, engine=TORCH)
    found = more.solved(head, task)
    assert found.heat.shape == (31, 3)
    same(found, solved(source, blank, joined(old, new))[1])


def test_saved_sums_are_read_as_they_were_written(source: TimmSource, blank: SolvedBoxes) -> None:
    sums, head = solved(source, blank, drawn(3, 0))
    again = BoxSums.from_saved(sums.tensors(), sums.facts(), head, TASK)
    np.testing.assert_array_equal(again.solved(head, TASK).heat, head.heat)
    with pytest.raises(ValueError, match="columns"):
        BoxSums.from_saved(sums.tensors(), {}, head, Task("box", ("red",)))
    with pytest.raises(ValueError, match="lack"):
        BoxSums.from_saved({"heat.n": np.ones(1)}, {}, head, TASK)
