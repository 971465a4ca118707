"""Task kinds: calibration that cannot turn ignorance into certainty, and losses against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from headstart.heads import select_head
from headstart.tasks import TASKS
from headstart.types import Task


def test_classification_loss_is_log_loss():
    rng = np.random.default_rng(0)
    proba, y = rng.dirichlet(np.ones(4), size=50), rng.integers(0, 4, 50)
    assert TASKS["classification"].loss(proba, y).mean() == pytest.approx(log_loss(y, proba, labels=range(4)))


def test_multilabel_loss_is_the_mean_log_loss_over_labels():
    rng = np.random.default_rng(0)
    proba, y = rng.uniform(0.01, 0.99, size=(50, 3)), rng.integers(0, 2, (50, 3))
    expected = np.mean([log_loss(y[:, j], proba[:, j]) for j in range(3)])
    assert TASKS["multilabel"].loss(proba, y).mean() == pytest.approx(expected)


def test_regression_loss_weighs_targets_of_different_scale_alike():
    y = np.array([[0.0, 0.0], [2.0, 2000.0]])
    off = y + np.array([1.0, 1000.0])
    np.testing.assert_allclose(TASKS["regression"].loss(off, y), [1.0, 1.0])


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_labels_without_any_signal_are_not_predicted_with_confidence(kind):
    """Left-out means run against the labels; a falling calibration would exploit that."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    codes = rng.integers(0, 2, 60)
    y = codes if kind == "classification" else np.column_stack([codes, 1 - codes]).astype(float)
    head = select_head(x, y, Task(kind, ("a", "b")))
    assert head.loss > 0.6
    new = TASKS[kind].outputs(head.scores(rng.normal(size=(200, 3))), head.calibration)
    assert np.abs(new - 0.5).max() < 0.3
