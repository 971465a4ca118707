"""Boxes of one picture."""

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.errors import DataError


def test_taking_keeps_scores_and_flags() -> None:
    boxes = Boxes(
        np.array([[0, 0, 2, 2], [1, 1, 4, 3]]), np.array([1, 0]), (8, 6), np.array([0.2, 0.9]), np.array([False, True])
    )
    taken = boxes.take(boxes.scores > 0.5 if boxes.scores is not None else [])
    assert taken.xyxy.tolist() == [[1, 1, 4, 3]]
    assert taken.labels.tolist() == [0]
    assert taken.ignored.tolist() == [True]
    assert taken.size == (8, 6)


def test_a_picture_without_objects() -> None:
    assert len(Boxes.empty((8, 6))) == 0
    assert Boxes.empty().areas.shape == (0,)


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="one label, score and flag each"):
        Boxes(np.array([[0, 0, 2, 2]]), np.array([0, 1]))
