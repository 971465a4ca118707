"""What every distance between domains refuses, and domains without any spread."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.scores import frechet_distance, maximum_mean_discrepancy, proxy_a_distance


def made(seed, n=25, m=40, d=3, shift=0.8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ np.diag([1, 2, 0.5]) + shift


@pytest.mark.parametrize("distance", [proxy_a_distance, maximum_mean_discrepancy, frechet_distance])
def test_bad_domains_are_refused_and_good_ones_are_left_as_they_are(distance):
    xs, xt = made(0)
    kept = xs.copy(), xt.copy()
    distance(xs, xt)
    distance(xs.astype(np.float32), xt.astype(np.float32))
    assert (xs == kept[0]).all()
    assert (xt == kept[1]).all()
    with pytest.raises(ParameterError, match=r"'xt' parameter of .* must be an array \(n, 3\)"):
        distance(xs, xt[:, :2])
    with pytest.raises(DataError, match="needs 2 rows or more"):
        distance(xs[:1], xt)
    with pytest.raises(DataError, match="Row 2 of the features holds a NaN"):
        distance(np.where(np.arange(25)[:, None] == 2, np.nan, xs), xt)


def test_domains_without_any_spread():
    same = np.ones((5, 2))
    assert proxy_a_distance(same, same) == 0.0
    assert proxy_a_distance(same, 2 * same) == 2.0
    assert frechet_distance(same, 2 * same) == 2.0
    with pytest.raises(DataError, match="half of all pairs of rows are equal"):
        maximum_mean_discrepancy(same, same)
