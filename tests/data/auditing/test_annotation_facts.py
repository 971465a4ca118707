"""Counts and sizes of annotations."""

from __future__ import annotations

import numpy as np

from headstart.annotations import Boxes, MaskArray
from headstart.data.auditing.annotation_facts import annotation_facts
from headstart.types import Dataset, Task


def of(kind, labels, y):
    cells = np.empty(len(y), dtype=object)
    cells[:] = y
    items = [np.zeros((8, 8, 3), np.uint8)] * len(y)
    return annotation_facts(Dataset(items, tuple(map(str, range(len(y)))), "image", Task(kind, labels), cells))


def test_boxes():
    one = Boxes(np.array([[0, 0, 4, 4], [0, 0, 40, 50], [1, 1, 2, 2]]), np.array([0, 1, 1]), (64, 48), None,
                np.array([False, False, True]))  # fmt: skip
    facts = of("box", ("cat", "dog"), [one, Boxes.empty((10, 20))])
    assert facts["counts"] == {"cat": 1, "dog": 1}
    assert (facts["ignored"], facts["without"], facts["small"]) == (1, 1, 2)
    assert facts["sizes"] == {"least": 10, "median": 34, "largest": 64}


def test_masks():
    values = np.zeros((4, 5), np.int16)
    values[:2], values[3, 0] = 1, -1
    facts = of("mask", ("background", "cell"), [MaskArray(values, values.clip(0).astype(np.int32))])
    assert facts["shares"] == {"cell": 0.5}
    assert (facts["objects"], facts["ignored"]) == (1, 1)
