"""Cells of the grid: what they say decodes to the boxes, mirrors with the picture, and knows the border."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.heads.boxes.cells import cell_rows, centres, decode_cells, encode_cells, object_cells
from headstart.tune.boxes.augmentation import flipped

CELLS, STRIDE = 6, 16
SIDE = CELLS * STRIDE
SCALE = (float(STRIDE), 30.0, 20.0)
POINTS = centres(CELLS, STRIDE)


def objects(seed: int, count: int = 5) -> Boxes:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 70, (count, 2))
    boxes = np.concatenate([corner, np.minimum(corner + rng.uniform(4, 60, (count, 2)), SIDE)], axis=1)
    return Boxes(boxes, rng.integers(0, 2, count), (SIDE, SIDE))


@pytest.mark.parametrize("seed", range(4))
def test_what_a_cell_says_decodes_to_the_box(seed: int) -> None:
    boxes = objects(seed).xyxy
    points = POINTS[np.random.default_rng(seed).integers(0, len(POINTS), len(boxes))]
    said = encode_cells(boxes, points, SCALE)
    np.testing.assert_allclose(decode_cells(said, points, SCALE, 1e4), boxes, atol=1e-9)
    np.testing.assert_allclose(encode_cells(decode_cells(said, points, SCALE, 1e4), points, SCALE), said, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_targets_of_the_mirrored_picture_are_the_mirrored_targets(seed: int) -> None:
    one = objects(seed)
    mirrored = Boxes(flipped(one.xyxy / SIDE) * SIDE, one.labels, one.size)
    first, second = (object_cells(each, POINTS, 2, SCALE) for each in (one, mirrored))
    turned = np.arange(CELLS**2).reshape(CELLS, CELLS)[:, ::-1].ravel()
    np.testing.assert_allclose(second.heat, first.heat[turned], atol=1e-12)
    np.testing.assert_allclose(second.weights, first.weights[turned], atol=1e-12)
    assert set(second.inner.tolist()) == {int(turned[k]) for k in first.inner}
    said = {int(turned[k]): row * (-1, 1, 1, 1) for k, row in zip(first.inner, first.boxes, strict=True)}
    np.testing.assert_allclose(second.boxes, [said[int(k)] for k in second.inner], atol=1e-9)


def test_of_two_objects_the_smaller_one_gets_a_cell() -> None:
    both = Boxes(np.array([[0, 0, 96, 96], [40, 40, 56, 56.0]]), np.array([0, 1]), (SIDE, SIDE))
    made = object_cells(both, POINTS, 2, SCALE)
    widths = dict(zip(made.inner.tolist(), np.exp(made.boxes[:, 2]) * SCALE[1], strict=True))
    assert round(widths[14]) == 16  # the nearest cell to the centre of both
    assert round(widths[21]) == 96


def test_objects_at_the_border_have_cells_of_their_own() -> None:
    edges = Boxes(np.array([[0, 0, 6, 6], [90, 0, 96, 5], [0, 91, 4, 96.0]]), np.zeros(3, int), (SIDE, SIDE))
    made = object_cells(edges, POINTS, 1, SCALE)
    assert made.inner.tolist() == [0, 5, 30]
    assert np.isfinite(made.boxes).all()


def test_ignored_regions_have_no_weight_and_no_heat() -> None:
    aside = Boxes(np.array([[0, 0, 48, 48.0]]), np.zeros(1, int), (SIDE, SIDE), ignored=np.array([True]))
    made = object_cells(aside, POINTS, 1, SCALE)
    assert made.heat.max() == 0
    assert len(made.inner) == 0
    assert sorted(np.flatnonzero(made.weights == 0).tolist()) == [0, 1, 2, 6, 7, 8, 12, 13, 14]


def test_neighbours_are_those_of_the_grid() -> None:
    rows = np.random.default_rng(0).random((CELLS**2, 3)).astype(np.float32)
    seen = cell_rows(rows, CELLS)
    at = 2 * CELLS + 3
    wanted = np.concatenate([rows[k] for k in (at, at - 1, at + 1, at - CELLS, at + CELLS)])
    np.testing.assert_array_equal(seen[at], wanted)
