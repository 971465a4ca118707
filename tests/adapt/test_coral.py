"""CORAL: agreement with skada, and with the paper's form."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import domains, references, scaled
from scipy.linalg import sqrtm

from headstart.adapt import Coral
from headstart.errors import ParameterError


def test_it_agrees_with_skada():
    xs, _, xt = domains()
    adapter = Coral(shrinkage=0.2).fit(xs, xt)
    expected = references()["skada"]["coral 0.2"]
    middle = xt.mean(axis=0)  # skada takes it from both domains, which no head sees
    np.testing.assert_allclose(adapter.transform_source(xs) - middle, expected["source"], atol=1e-9)
    np.testing.assert_allclose(adapter.transform(xt) - middle, expected["target"], atol=1e-9)


def test_identity_one_without_shrinkage_is_the_form_of_the_paper():
    xs, xt, _ = scaled(*domains()[::2])
    own, other = np.cov(xs.T, bias=True) + np.eye(4), np.cov(xt.T, bias=True) + np.eye(4)
    weight = np.linalg.inv(np.real(sqrtm(own))) @ np.real(sqrtm(other))
    found = Coral(shrinkage=0.0, identity=1.0).fit(xs, xt)
    np.testing.assert_allclose(found.source_map_.weight, weight, atol=1e-10)


def test_fewer_rows_than_columns_are_no_obstacle():
    rng = np.random.default_rng(0)
    found = Coral().fit(rng.normal(size=(5, 20)), rng.normal(size=(4, 20)))
    assert np.isfinite(found.source_map_.weight).all()
    with pytest.raises(ParameterError, match="'shrinkage' parameter of Coral"):
        Coral(shrinkage=2.0).fit(np.eye(3), np.eye(3))
