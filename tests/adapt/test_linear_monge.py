"""Linear Monge mapping: agreement with POT; moments."""

from __future__ import annotations

import numpy as np
from adaptation_references import domains, references

from headstart.adapt import LinearMonge


def test_it_agrees_with_pot_and_gives_the_moments_of_the_target():
    xs, _, xt = domains()
    mapped = LinearMonge(shrinkage=0.0).fit(xs, xt).transform_source(xs)
    np.testing.assert_allclose(mapped, references()["pot"]["linear monge"], atol=1e-8)
    np.testing.assert_allclose(mapped.mean(axis=0), xt.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(np.cov(mapped.T, bias=True), np.cov(xt.T, bias=True), atol=1e-9)
