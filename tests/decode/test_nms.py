"""Non-maximum suppression equals torchvision's, class by class."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.decode.nms import box_iou, nms


def boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 40, (count, 2))], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_torchvision(seed: int) -> None:
    import torch
    from torchvision.ops import batched_nms
    from torchvision.ops import box_iou as reference_iou

    rng = np.random.default_rng(seed)
    made, scores, labels = boxes(rng, 80), rng.random(80), rng.integers(0, 3, 80)
    tensors = torch.from_numpy(made), torch.from_numpy(scores), torch.from_numpy(labels)
    assert nms(made, scores, labels, threshold=0.4).tolist() == batched_nms(*tensors, 0.4).tolist()
    np.testing.assert_allclose(box_iou(made, made), reference_iou(tensors[0], tensors[0]), atol=1e-12)


def test_no_boxes_and_a_limit() -> None:
    nothing = np.empty((0, 4))
    assert nms(nothing, np.empty(0), np.empty(0, np.int64)).size == 0
    apart = np.array([[0.0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]])
    assert nms(apart, np.array([0.1, 0.9, 0.5]), np.zeros(3, np.int64), most=2).tolist() == [1, 2]


def test_of_equal_scores_the_earlier_box_stays() -> None:
    twice = np.array([[0.0, 0, 4, 4], [0, 0, 4, 4]])
    assert nms(twice, np.array([0.5, 0.5]), np.zeros(2, np.int64)).tolist() == [0]


def test_the_limit_of_a_class_is_not_one_of_the_others() -> None:
    apart = np.arange(6.0)[:, None] * 10 + [0, 0, 1, 1]
    kept = nms(apart, np.linspace(0.9, 0.4, 6), np.array([0, 0, 0, 1, 0, 1]), most_each=2)
    assert kept.tolist() == [0, 1, 3, 5]
