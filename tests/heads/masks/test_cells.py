"""Targets of cells are the shares of their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import MaskArray
from headstart.errors import DataError
from headstart.heads.masks.cells import cell_targets, pixel_codes, resized_codes


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_shares_are_counted_in_each_cell(stride: int) -> None:
    codes = np.random.default_rng(0).integers(-1, 3, (7, 10)).astype(np.int16)
    found = cell_targets(codes, 3, stride)
    k = 0
    for top in range(0, 7, stride):
        for left in range(0, 10, stride):
            cell = codes[top : top + stride, left : left + stride]
            kept = cell[cell >= 0]
            assert found.labelled[k] == len(kept) / cell.size
            wanted = np.bincount(kept, minlength=3) / max(len(kept), 1)
            np.testing.assert_allclose(found.shares[k], wanted)
            k += 1
    assert k == len(found.shares)


def test_codes_are_resized_by_the_nearest_pixel_and_never_mixed() -> None:
    codes = np.array([[0, 5], [9, -1]], np.int16)
    assert resized_codes(codes, (4, 6)).tolist() == [[0, 0, 0, 5, 5, 5]] * 2 + [[9, 9, 9, -1, -1, -1]] * 2
    assert resized_codes(resized_codes(codes, (6, 10)), (2, 2)).tolist() == codes.tolist()


def test_outlines_become_a_class_only_where_objects_are_told_apart() -> None:
    numbers = np.zeros((7, 7), np.int32)
    numbers[1:6, 1:6] = 1
    mask = MaskArray((numbers > 0).astype(np.int16), numbers)
    assert (pixel_codes(mask, 2, boundary=True, width=1) == 1).sum() == 9
    assert (pixel_codes(mask, 2, boundary=True, width=1) == 2).sum() == 16
    assert pixel_codes(mask, 2, boundary=False).max() == 1
    assert pixel_codes(MaskArray(mask.values), 2, boundary=True).max() == 1


def test_codes_outside_of_the_task_are_refused() -> None:
    with pytest.raises(DataError, match="must lie in -1"):
        pixel_codes(MaskArray(np.full((2, 2), 2, np.int16)), 2, boundary=False)
