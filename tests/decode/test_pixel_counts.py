"""Counts of pixels against scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from headstart.decode.pixel_counts import dice_of, iou_of, mean_iou, pixel_confusion


def test_counts_and_overlaps_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, found = rng.integers(-1, 4, 500), rng.integers(0, 4, 500)
    counts = pixel_confusion(truth, found, 4)
    a, b = truth[truth >= 0], found[truth >= 0]
    assert (counts == confusion_matrix(a, b)).all()
    np.testing.assert_allclose(iou_of(counts), jaccard_score(a, b, average=None))
    np.testing.assert_allclose(dice_of(counts), f1_score(a, b, average=None))


def test_absent_classes_are_left_out_of_the_mean() -> None:
    counts = np.array([[[2, 0], [0, 0]], [[0, 0], [0, 0]]])
    assert mean_iou(counts)[0] == 1.0
    assert np.isnan(mean_iou(counts)[1])
