"""A head of masks after an update equals the head solved with the same choices on all pictures."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads.masks.cell_rows import read_cells
from headstart.heads.masks.class_moments import ClassSums
from headstart.heads.masks.linear_map import LinearMap
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.solve import solve_masks
from headstart.heads.masks.sums import MaskSums
from headstart.heads.masks.toy import toy_masks
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import maps_of
from headstart.types import Dataset, Task

ENGINE = Engine(cache=False)
SETTINGS = MapSettings(blocks=(), stride=2)  # colour and local statistics: no body runs
SOURCE = open_source("headstart:image")
TASK = Task("mask", ("background", "square"))


def joined(one: Dataset, other: Dataset) -> Dataset:
    y = np.concatenate([one.labelled()[1], other.labelled()[1]])
    return Dataset([*one.items, *other.items], tuple(map(str, range(len(y)))), "image", TASK, y)


def start(kind: str, *, boundary: bool) -> MaskHead:
    """A head with choices, whose weights say nothing."""
    linear = LinearMap(kind, 0.01, np.zeros((9, 2 + boundary)), np.zeros(2 + boundary))
    return MaskHead(SETTINGS, linear, MaskDecoder(boundary=boundary), 2)


def solved(data: Dataset, kind: str, *, boundary: bool) -> tuple[MaskSums, MaskHead]:
    """From scratch: the cells of all pictures."""
    maps, sums = maps_of(SOURCE, SETTINGS), ClassSums(2 + boundary)
    for each in read_cells(maps, data, range(len(data)), engine=ENGINE, boundary=boundary):
        sums.add(each.rows, each.targets.shares, each.targets.labelled)
    found = MaskSums(sums.finish(), 0.5)
    return found, found.solved(start(kind, boundary=boundary), TASK)


def same(one: MaskHead, other: MaskHead) -> None:
    np.testing.assert_allclose(one.linear.weight, other.linear.weight, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(one.linear.bias, other.linear.bias, rtol=1e-8, atol=1e-8)
    assert one.decoder == other.decoder


@pytest.mark.parametrize(("kind", "boundary"), [("ridge", True), ("lda", False)])
def test_an_update_equals_the_head_solved_on_all_pictures(kind: str, *, boundary: bool) -> None:
    old, new = toy_masks(3, objects=boundary), toy_masks(2, objects=boundary, seed=1)
    sums, head = solved(old, kind, boundary=boundary)
    own = sums.of_items(head, SOURCE, new, engine=ENGINE)
    same((sums + own).solved(head, TASK), solved(joined(old, new), kind, boundary=boundary)[1])
    same((sums + own - own).solved(head, TASK), head)


def test_the_sums_of_a_fit_give_its_head() -> None:
    found = solve_masks(toy_masks(3, objects=False), maps_of(SOURCE, SETTINGS), engine=ENGINE)
    same(found.sums.solved(found.head, TASK), found.head)


def test_saved_sums_are_read_as_they_were_written() -> None:
    sums, head = solved(toy_masks(2), "ridge", boundary=True)
    again = MaskSums.from_saved(sums.tensors(), sums.facts(), head, TASK)
    same(again.solved(head, TASK), head)
    with pytest.raises(ValueError, match="exponent"):
        MaskSums.from_saved(sums.tensors(), {"beta": 2.0}, head, TASK)
    with pytest.raises(ValueError, match="lack"):
        MaskSums.from_saved({}, sums.facts(), head, TASK)


def test_masks_that_do_not_fit_are_refused() -> None:
    sums, head = solved(toy_masks(2), "ridge", boundary=True)
    with pytest.raises(DataError, match="tells objects apart"):
        sums.of_items(head, SOURCE, toy_masks(1, objects=False), engine=ENGINE)
    with pytest.raises(DataError, match="further classes"):
        sums.for_task(Task("mask", ("background", "square", "circle", "line")))
