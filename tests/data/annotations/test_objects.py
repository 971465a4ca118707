"""Annotated pictures that are given as Python objects."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import MaskArray
from headstart.data import read
from headstart.errors import DataError

PICTURE = np.zeros((4, 6, 3), np.uint8)


def boxes(corners, labels, **more):
    return read(([PICTURE], [{"boxes": corners, "labels": labels, **more}]))


def masks(*values):
    return read(([PICTURE] * len(values), list(values)), task="mask")


def test_boxes_without_area_outside_or_beyond_the_picture_are_treated_as_those_of_files():
    """A fault: boxes from Python were taken as they were."""
    data = boxes([[0, 0, 2, 2], [3, 3, 3, 4], [5, 2, 1, 3], [9, 0, 12, 2], [2, 2, 20, 20], [0, 0, 2, 2]], ["cup"] * 6)
    assert data.y[0].xyxy.tolist() == [[0, 0, 2, 2], [2, 2, 6, 4]]
    assert data.y[0].size == (6, 4)
    notes = " ".join(data.notes)
    assert "2 boxes have no area" in notes
    for words in ("outside of its picture", "was clipped", "repeats another"):
        assert words in notes


@pytest.mark.parametrize(
    ("corners", "labels", "more", "words"),
    [
        ([[0, 0, np.nan, 2]], ["cup"], {}, "side of a box in item 0 must be a number"),
        ([[0, 0, 2, np.inf]], ["cup"], {}, "side of a box in item 0 must be a number"),
        ([[0, 0, 2, 2]], ["cup", "cat"], {}, "1 boxes, 2 labels"),
        ([[0, 0, 2]], ["cup"], {}, "four numbers"),
        ([[0, 0, 2, 2]], ["cup"], {"scores": [1.5]}, "score in item 0 must be a number from 0 to 1"),
    ],
)
def test_boxes_that_are_none_are_refused(corners, labels, more, words):
    with pytest.raises(DataError, match=words):
        boxes(corners, labels, **more)


def test_boxes_of_a_picture_that_cannot_be_read_are_kept():
    data = read((["there_is_none.jpg"], [{"boxes": [[0, 0, 900, 2]], "labels": ["cup"]}]))
    assert (data.y[0].xyxy.tolist(), data.y[0].size) == ([[0, 0, 900, 2]], (0, 0))


def test_a_picture_whose_boxes_are_all_set_aside_is_left_out():
    given = [{"boxes": [[3, 3, 3, 4]], "labels": ["cup"]}, {"boxes": [], "labels": []},
             {"boxes": [[0, 0, 2, 2]], "labels": ["cup"]}]  # fmt: skip
    data = read(([PICTURE] * 3, given), task="box")
    assert (data.ids, [len(own) for own in data.y]) == (("1", "2"), [0, 1])
    assert "1 picture keeps none of its objects and was set aside: item 0." in data.notes


def test_classes_that_are_numbers_are_in_the_order_of_numbers():
    assert boxes([[0, 0, 2, 2]] * 3, [10, 9, 2]).task.labels == ("2", "9", "10")


def test_values_of_arrays_are_read_as_those_of_mask_files():
    """Faults: values beyond 16 bits changed to other classes, and 0 and 255 became 256 classes."""
    binary = masks(np.array([[0, 255]], np.uint8))
    assert (binary.task.labels, binary.y[0].classes().tolist()) == (("background", "object"), [[0, 1]])
    void = masks(np.array([[0, 1, 7, 255, -1]]))
    assert (void.task.labels, void.y[0].classes().tolist()) == (("background", "1", "7"), [[0, 1, 2, -1, -1]])
    large = masks(np.array([[0, 1, 65535, 65537]]))
    assert (large.task.labels, large.y[0].classes().tolist()) == (("background", "1", "65535", "65537"), [[0, 1, 2, 3]])


def test_a_class_of_masks_has_the_same_name_whatever_other_classes_occur():
    assert masks(np.array([[0, 2, 5]])).task.labels == ("background", "2", "5")
    assert masks(np.array([[0, 2, 3, 5]])).task.labels == ("background", "2", "3", "5")


@pytest.mark.parametrize("value", [-2, 2**24, 2**40])
def test_values_that_are_no_codes_are_refused(value):
    with pytest.raises(DataError, match="must hold class codes from 0"):
        masks(np.array([[0, value]]))


def test_numbers_of_objects_are_not_taken_for_classes():
    with pytest.raises(DataError, match="301 different values"):
        masks(np.arange(301).reshape(7, 43))


def test_arrays_beside_masks_hold_codes():
    given = [MaskArray(np.array([[0, 2]], np.int16)), np.array([[0, 1]])]
    data = read(([PICTURE] * 2, given), task="mask")
    assert data.task.labels == ("background", "1", "2")
    assert data.y[1].classes().tolist() == [[0, 1]]
    with pytest.raises(DataError, match="at most 255"):
        read(([PICTURE] * 2, [given[0], np.array([[0, 65537]])]), task="mask")
