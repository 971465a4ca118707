"""Target standardisation: agreement with scikit-learn, weighted moments, constant columns."""

from __future__ import annotations

import numpy as np
from adaptation_references import domains
from sklearn.preprocessing import StandardScaler

from headstart.adapt import Standardisation


def test_it_agrees_with_scikit_learn_on_each_domain():
    xs, ys, xt = domains()
    adapter = Standardisation().fit(xs, xt)
    np.testing.assert_allclose(adapter.transform_source(xs), StandardScaler().fit_transform(xs), atol=1e-12)
    np.testing.assert_allclose(adapter.transform(xt), StandardScaler().fit_transform(xt), atol=1e-12)
    weights = np.where(ys == 0, 0.2, 0.8) / np.bincount(ys)[ys]
    shared = Standardisation(shares=(0.2, 0.8)).fit(xs, xt, ys).transform_source(xs)
    np.testing.assert_allclose(shared, StandardScaler().fit(xs, sample_weight=weights).transform(xs), atol=1e-12)


def test_a_constant_column_stays_finite():
    rows = np.column_stack([np.arange(5.0), np.full(5, 0.1)])
    found = Standardisation().fit(rows, rows).transform(rows)
    np.testing.assert_allclose(found[:, 1], 0, atol=1e-12)
