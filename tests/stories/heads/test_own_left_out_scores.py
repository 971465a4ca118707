"""Heads that know their left-out scores, against refits without each row and each group."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.knn import KNearestNeighbours
from headstart.heads.nearest_mean import NearestMean

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 30)
X = RNG.normal(size=(30, 4)) + np.eye(3, 4)[Y]


def scale(head):
    """What `NearestMean` divides its scores by, which is fitted on all rows."""
    return head.temperature_ if isinstance(head, NearestMean) else 1.0


@pytest.mark.parametrize("groups", [np.arange(30), np.arange(30) // 2], ids=["rows", "groups"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: NearestMean("euclidean"),
        lambda: NearestMean("cosine"),
        lambda: KNearestNeighbours(5, kind="classification"),
    ],
    ids=["euclidean", "cosine", "knn"],
)
def test_left_out_scores_are_those_of_refits(make, groups):
    whole = make()
    found = whole.left_out_scores(X, Y, groups) * scale(whole)
    for group in np.unique(groups):
        out = groups == group
        head = make().fit(X[~out], Y[~out])
        expected = head.decision_function(X[out]) * scale(head)
        if isinstance(head, KNearestNeighbours):  # whose smoothing reads the shares of the classes
            found_share, expected = (
                np.exp(s) - 1e-3 * t.mean(axis=0) for s, t in ((found[out], np.eye(3)[Y]), (expected, head.targets_))
            )
            np.testing.assert_allclose(found_share, expected, atol=1e-9)
        else:
            np.testing.assert_allclose(found[out], expected, rtol=0, atol=1e-9)


def test_knn_of_values_and_labels_masks_the_row_itself():
    values = KNearestNeighbours(1, kind="regression").left_out_scores(X, X[:, :1])
    assert np.abs(values - X[:, :1]).min() > 0
    labels = KNearestNeighbours(1, kind="multilabel").left_out_scores(X, np.eye(3)[Y])
    assert ((labels > 0).astype(float) != np.eye(3)[Y]).any()


def test_knn_chooses_as_many_neighbours_as_noise_asks_for():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    clean = (x[:, 0] > 0).astype(int)
    noisy = np.where(rng.random(300) < 0.3, 1 - clean, clean)
    assert KNearestNeighbours(kind="classification").fit(x, noisy).k_ > 10
    assert KNearestNeighbours(kind="classification").fit(x, clean).k_ <= 20
