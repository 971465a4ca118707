"""Wilson's interval against scipy's and a published table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from headstart.errors import ParameterError
from headstart.evaluate.intervals.wilson import wilson


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(n, data, level):
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_published_value_and_edges():
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 and 0 of 20.
    assert [round(bound, 4) for bound in wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(bound, 4) for bound in wilson(0, 20)] == [0.0, 0.1611]
    assert all(math.isnan(bound) for bound in wilson(0, 0))


@pytest.mark.parametrize("call", [lambda: wilson(3, 2), lambda: wilson(1, 2, 1.0), lambda: wilson(1, 2, 0.0)])
def test_wilson_refuses(call):
    with pytest.raises(ParameterError):
        call()
