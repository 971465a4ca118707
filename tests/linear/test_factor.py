"""`RidgeFactor`: rows in and out agree with a fit from scratch, weighted, and after the factor was made anew."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.linear.factor import LEAST_CHANGES, RidgeFactor
from headstart.linear.moments import Moments
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(400, 12)) + 100.0, RNG.normal(size=(400, 3))
W = RNG.uniform(0.1, 2.0, size=400)
LAM = 0.7


def scratch(rows) -> tuple[np.ndarray, np.ndarray]:
    """The reference: the same rows through moments and an eigendecomposition."""
    return ridge_coefficients(Spectrum.from_moments(Moments.from_rows(X[rows], Y[rows], W[rows])), LAM)


def start(count: int = 40) -> RidgeFactor:
    return RidgeFactor.of(Moments.from_rows(X[:count], Y[:count], W[:count]), LAM)


def test_rows_in_and_out_agree_with_a_fit_from_scratch():
    fit, there = start(), set(range(40))
    for step in range(60):
        if step % 3 == 2:
            gone = sorted(RNG.choice(sorted(there), 3, replace=False).tolist())
            fit, there = fit.removed(X[gone], Y[gone], W[gone]), there - set(gone)
        else:
            new = [k for k in range(40 + 5 * step, 45 + 5 * step) if k < 400]
            fit, there = (fit.added(X[new], Y[new], W[new]), there | set(new)) if new else (fit, there)
        wanted, intercept = scratch(sorted(there))
        np.testing.assert_allclose(fit.coefficients, wanted, atol=1e-11)
        np.testing.assert_allclose(fit.intercept, intercept, atol=1e-9)
        assert len(fit.signs) <= LEAST_CHANGES  # the factor was made anew where more rows had changed


def test_new_targets_are_columns_of_zeros():
    fit = start().with_targets(5)
    more = fit.added(X[40:44], np.eye(5)[[4, 4, 3, 0]])
    y = np.concatenate([np.pad(Y[:40], ((0, 0), (0, 2))), np.eye(5)[[4, 4, 3, 0]]])
    moments = Moments.from_rows(X[:44], y, np.concatenate([W[:40], np.ones(4)]))
    np.testing.assert_allclose(more.coefficients, RidgeFactor.of(moments, LAM).coefficients, atol=1e-11)


def test_rows_of_weight_zero_change_nothing():
    fit = start()
    np.testing.assert_array_equal(fit.added(X[50:52], Y[50:52], [0.0, 0.0]).coefficients, fit.coefficients)


def test_a_penalty_beside_which_rounding_is_large_is_refused():
    x = np.array([[1e8, 1e8], [2e8, 2e8], [0.0, 0.0]])
    with pytest.raises(ParameterError, match="too small beside the squares"):
        RidgeFactor.of(Moments.from_rows(x, np.eye(3)), 1e-6)
    with pytest.raises(ParameterError):
        RidgeFactor.of(Moments.from_rows(x, np.eye(3)), 0.0)


def test_removing_all_rows_is_refused():
    with pytest.raises(ParameterError, match="must leave a row"):
        start(3).removed(X[:3], Y[:3], W[:3])
