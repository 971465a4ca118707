"""The words of the project: what a data set says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.types import Dataset, group_codes


@pytest.mark.parametrize(
    ("groups", "codes"),
    [
        (["site b", "site a", "site b", "site c"], [1, 0, 1, 2]),  # in sorted order, not in that of appearance
        ([30, 10, 30, 20], [2, 0, 2, 1]),
        (None, [0, 1, 2, 3]),  # each stands alone
        (["x"] * 4, [0, 0, 0, 0]),
    ],
)
def test_codes_of_groups_are_places_in_their_sorted_order(groups: list[str] | None, codes: list[int]) -> None:
    found = group_codes(groups, 4)
    assert found.tolist() == codes
    assert found.dtype == np.int64


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"one for each of the 3 items\. Got the shape \(2,\)"):
        group_codes(["a", "b"], 3)


def test_a_data_set_without_groups_has_no_codes_and_keeps_them_with_its_items() -> None:
    items = ["one", "two", "three"]
    assert Dataset(items, ("0", "1", "2"), "text").group_codes is None
    grouped = Dataset(items, ("0", "1", "2"), "text", groups=np.array(["b", "a", "b"]))
    assert grouped.group_codes.tolist() == [1, 0, 1]
    assert grouped.take([2, 0]).group_codes.tolist() == [0, 0]  # codes of the items that are left
