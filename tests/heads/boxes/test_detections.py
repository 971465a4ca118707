"""Boxes of a picture from what its cells say."""

from __future__ import annotations

import numpy as np

from headstart.heads.boxes.detections import MOST_OF_A_CLASS, as_boxes


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
