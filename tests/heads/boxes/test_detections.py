"""Boxes of a picture from what its cells say."""

from __future__ import annotations

import numpy as np

from headstart.heads.boxes.detections import MOST_BOXES, as_boxes


def test_boxes_are_cut_at_the_edges_and_those_without_area_go() -> None:
    boxes = np.array([[-0.2, 0, 0.5, 0.5], [1.1, 0, 1.4, 0.5], [0.6, 0.6, 0.6, 0.9]])
    found = as_boxes(boxes, np.full((3, 2), [0.5, 0.001]), (200, 100))
    assert found.xyxy.tolist() == [[0, 0, 100, 50]]
    assert found.labels.tolist() == [0]


def test_a_picture_has_a_hundred_boxes_at_most_the_best_ones() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 0.98, (3000, 2))
    scores = rng.random((3000, 1))
    found = as_boxes(np.concatenate([corner, corner + 0.005], axis=1), scores, (1000, 1000))
    assert len(found) == MOST_BOXES
    assert found.scores is not None
    assert found.scores.min() > np.sort(scores[:, 0])[-200]
