"""Numbers of a model folder are checked before they are used."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.boxes.saved import check_tensor, number, whole


@pytest.mark.parametrize("value", [True, "3", float("nan"), float("inf"), 11, -1, None])
def test_numbers_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a side must be a"):
        number(value, "a side", 0, 10)
    with pytest.raises(ValueError, match="a side must be a whole"):
        whole(value, "a side", 0, 10)


def test_tensors_of_another_kind_are_refused() -> None:
    assert check_tensor({"w": np.ones((2, 3), np.float32)}, "w", (2, None)).dtype == np.float64
    for bad in (
        {},
        {"w": np.ones(3)},
        {"w": np.ones((3, 3))},
        {"w": np.full((2, 3), np.nan)},
        {"w": np.array([["a"] * 3] * 2)},
    ):
        with pytest.raises(ValueError, match="'w'"):
            check_tensor(bad, "w", (2, None))
