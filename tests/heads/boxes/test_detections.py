"""Boxes of a picture from what its cells say."""

from __future__ import annotations

import numpy as np

from headstart.annotations import Boxes, MaskArray
from headstart.heads.boxes.detections import MOST_OF_A_CLASS, as_boxes, limit_note


def test_boxes_are_cut_at_the_edges_and_those_without_area_go() -> None:
    boxes = np.array([[-0.2, 0, 0.5, 0.5], [1.1, 0, 1.4, 0.5], [0.6, 0.6, 0.6, 0.9]])
    found = as_boxes(boxes, np.full((3, 2), [0.5, 0.001]), (200, 100))
    assert found.xyxy.tolist() == [[0, 0, 100, 50]]
    assert found.labels.tolist() == [0]


def test_a_class_has_a_hundred_boxes_at_most_the_best_ones() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 0.98, (3000, 2))
    scores = rng.random((3000, 1))
    found = as_boxes(np.concatenate([corner, corner + 0.005], axis=1), scores, (1000, 1000))
    assert len(found) == MOST_OF_A_CLASS
    assert found.scores is not None
    assert found.scores.min() > np.sort(scores[:, 0])[-200]


def test_a_frequent_class_leaves_room_for_a_rare_one() -> None:
    """The kind: a limit over all classes, as 150 cells of one class kept the objects of another out."""
    corner = np.stack(np.meshgrid(np.linspace(0, 0.9, 15), np.linspace(0, 0.9, 14)), axis=-1).reshape(-1, 2)
    scores = np.zeros((210, 2))
    scores[:, 0], scores[207:] = 0.8, [0, 0.3]
    found = as_boxes(np.concatenate([corner, corner + 0.01], axis=1), scores, (1000, 1000))
    assert np.bincount(found.labels).tolist() == [100, 3]


def many(labels: list[int], shown: float = 0.5, score: float = 0.9) -> Boxes:
    corners = np.tile([0.0, 0.0, 9.0, 9.0], (len(labels), 1))
    return Boxes(corners, np.array(labels), (9, 9), np.full(len(labels), score), shown=shown)


def test_pictures_that_show_the_most_boxes_are_said_once() -> None:
    full = many([0] * 100 + [1] * 3)
    said = "2 pictures show 100 boxes of a class, the most that are given; objects beyond them may be missing."
    assert limit_note([full, many([1] * 99), full]) == said
    assert limit_note([many(list(np.arange(1000) % 20))]).startswith("1 picture shows 1,000 boxes, the most")
    # of boxes below the threshold none is missed, and masks have no limit
    assert limit_note([many([0] * 100, score=0.1), MaskArray(np.zeros((2, 2), np.int16)), Boxes.empty()]) == ""
