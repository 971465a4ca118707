"""Classifier ratio: near the true ratio, flattened, bounded, and refused where the domains do not overlap."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.adapt import ClassifierRatio
from headstart.errors import DataError


def test_the_weights_are_near_the_true_ratio():
    rng = np.random.default_rng(0)
    xs, xt = rng.normal(size=(600, 2)), rng.normal(size=(300, 2)) + np.array([0.5, 0.0])
    found = ClassifierRatio().fit(xs, xt)
    slope = np.linalg.lstsq(np.column_stack([xs, np.ones(600)]), np.log(found.weights))[0]
    np.testing.assert_allclose(slope, [0.5, 0.0, -0.125], atol=0.25)
    assert 300 < found.effective < 600
    assert ClassifierRatio(flatten=0.5).fit(xs, xt).effective > found.effective
    assert ClassifierRatio(flatten=0.0).fit(xs, xt).effective == pytest.approx(600)


def test_domains_that_are_alike_give_even_weights():
    rng = np.random.default_rng(1)
    assert ClassifierRatio().fit(rng.normal(size=(50, 30)), rng.normal(size=(40, 30))).effective > 45


def test_domains_without_overlap_are_refused():
    rng = np.random.default_rng(0)
    xs = np.r_[rng.normal(size=(99, 2)), [[8.0, 8.0]]]
    with pytest.raises(DataError, match="amount to"):
        ClassifierRatio().fit(xs, 8 + 0.1 * rng.normal(size=(50, 2)))
