"""Maps in the span of the rows: the same as with whole covariances, for fewer rows than columns too."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import domains
from sklearn.covariance import ledoit_wolf, shrunk_covariance

from headstart.adapt import Coral
from headstart.adapt.domains.covariance import power
from headstart.adapt.domains.span import SpanMap, matching_map


def covariances(xs, xt, shrinkage):
    """Scale, and the shrunk covariances of both domains by scikit-learn."""
    scale = np.sqrt((xs.var(axis=0) + xt.var(axis=0)) / 2)
    rows = [(x - x.mean(axis=0)) / scale for x in (xs, xt)]
    if shrinkage is None:
        return scale, [ledoit_wolf(z)[0] for z in rows]
    return scale, [shrunk_covariance(z.T @ z / len(z), shrinkage) for z in rows]


@pytest.mark.parametrize("shrinkage", [None, 0.3])
@pytest.mark.parametrize("d", [4, 80])
def test_coral_in_the_span_is_coral_with_whole_covariances(shrinkage, d):
    xs, _, xt = domains(d=d)
    scale, (own, other) = covariances(xs, xt, shrinkage)
    new = np.random.default_rng(1).normal(size=(3, d))  # outside of the span too
    expected = (new - xs.mean(axis=0)) / scale @ power(own, -0.5) @ power(other, 0.5) * scale + xt.mean(axis=0)
    found = Coral(shrinkage=shrinkage).fit(xs, xt)
    assert (found.source_map_.basis is None) == (d == 4)
    np.testing.assert_allclose(found.transform_source(new), expected, atol=1e-8)


def test_the_formula():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(5, 2)))[0]
    weight, mean, new_mean, scale = rng.normal(size=(2, 2)), rng.normal(size=5), rng.normal(size=5), rng.random(5)
    x = rng.normal(size=(4, 5))
    z = (x - mean) / scale
    c = z @ basis
    expected = (c @ weight @ basis.T + 0.3 * (z - c @ basis.T)) * scale + new_mean
    np.testing.assert_allclose(SpanMap(mean, new_mean, scale, weight, basis, 0.3).apply(x), expected, atol=1e-12)


def test_whole_weights_are_repeated_rows():
    xs, _, xt = domains()
    counts = np.arange(len(xs)) % 3
    repeated = np.repeat(xs, counts, axis=0)
    found = [
        matching_map(rows, weights, xt, lambda a, b: power(a, -0.5) @ power(b, 0.5), shrinkage=0.1).apply(xs)
        for rows, weights in ((xs, counts / counts.sum()), (repeated, np.full(len(repeated), 1 / len(repeated))))
    ]
    np.testing.assert_allclose(*found, atol=1e-10)
