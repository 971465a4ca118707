"""Balanced classes: weights, left-out losses and what the fit becomes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.class_weight import compute_class_weight

from headstart.checks import toy_task
from headstart.errors import ParameterError
from headstart.heads import HeadSearch, select_head
from headstart.heads.spectral.class_weights import balanced_weights, row_weights
from headstart.types import Block, Task

TASK = Task("classification", ("rare", "common"))
BLOCKS = (Block("only", 4),)


def uneven(n=300, share=0.1, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) > share).astype(int)
    return rng.normal(size=(n, 4)) + 0.8 * y[:, None], y


def test_weights_are_those_of_sklearn():
    _, y = uneven()
    expected = compute_class_weight("balanced", classes=np.arange(2), y=y)
    np.testing.assert_allclose(balanced_weights(y, 2), expected)
    assert row_weights(y, TASK, "balanced").sum() == pytest.approx(len(y))


def test_a_balanced_ridge_is_that_of_sklearn():
    x, y = uneven()
    head = select_head(x, y, TASK, blocks=BLOCKS, search=HeadSearch(("ridge",), "balanced"))
    mapped, weights = head.feature_map(x), balanced_weights(y, 2)[y]
    reference = Ridge(alpha=head.lam).fit(mapped, np.eye(2)[y], sample_weight=weights)
    np.testing.assert_allclose(head.scores(x), reference.predict(mapped), atol=1e-8)


def test_balance_raises_the_recall_of_the_rare_class():
    x, y = uneven()
    plain, balanced = (
        select_head(x, y, TASK, blocks=BLOCKS, search=HeadSearch(None, way)) for way in (None, "balanced")
    )
    rare = y == 0
    assert (balanced.scores(x[rare]).argmax(axis=1) == 0).mean() > (
        plain.scores(x[rare]).argmax(axis=1) == 0
    ).mean() + 0.2
    np.testing.assert_allclose(balanced.calibration["shares"], [0.5, 0.5])
    np.testing.assert_allclose(plain.calibration["shares"], np.bincount(y) / len(y))


def test_left_out_loss_is_weighted_like_the_fit():
    x, y = uneven(n=60)
    head = select_head(x, y, TASK, blocks=BLOCKS, search=HeadSearch(("ridge",), "balanced"))
    weights = balanced_weights(y, 2)[y]
    own = -np.log(head.evidence.outputs[np.arange(len(y)), y])
    assert head.loss == pytest.approx(np.average(own, weights=weights))


def test_other_tasks_have_no_class_weight():
    x, y, task = toy_task("regression")
    with pytest.raises(ParameterError, match="classification only"):
        select_head(x, y, task, search=HeadSearch(None, "balanced"))
    with pytest.raises(ParameterError, match="must be one of 'balanced'"):
        row_weights(np.array([0, 1]), TASK, "equal")


def test_heads_that_would_ignore_the_weights_are_refused():
    x, y = uneven(60)
    with pytest.raises(ParameterError, match="solved in closed form"):
        select_head(x, y, TASK, search=HeadSearch(("knn",), "balanced"))
