"""The last-layer Laplace approximation."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.estimator.threads import threads_for
from headstart.heads.laplace import LastLayerLaplace
from headstart.heads.logistic import MultinomialLogisticRegression


@pytest.fixture(autouse=True)
def _one_thread():
    with threads_for(10, 10):
        yield


def clouds(n, d, classes, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return rng.normal(size=(n, d)) + spread * rng.normal(size=(classes, d))[y], y


def test_laplace_is_less_sure_far_from_the_rows():
    x, y = clouds(40, 3, 2, spread=1.5)
    head, plain = LastLayerLaplace().fit(x, y), MultinomialLogisticRegression
    far = 50 * x[:5]
    sure = plain(head.lam_).fit(x, y).predict_proba(far).max(axis=1)
    assert (head.predict_proba(far).max(axis=1) < sure + 1e-12).all()
    assert head.predict_proba(far).max(axis=1).mean() < 0.999


def test_laplace_by_kronecker_factors_is_near_the_exact_one(monkeypatch):
    from headstart.heads import laplace

    x, y = clouds(150, 4, 3)
    exact = LastLayerLaplace().fit(x, y).predict_proba(x)
    monkeypatch.setattr(laplace, "EXACT_SIDE", 0)
    near = LastLayerLaplace().fit(x, y).predict_proba(x)
    assert np.abs(near - exact).max() < 0.05
