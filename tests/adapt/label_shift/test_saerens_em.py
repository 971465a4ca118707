"""EM: agreement with QuaPy and with the maximum of the likelihood; the fixed point of calibrated probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import predictions, references
from scipy.optimize import minimize

from headstart.adapt.label_shift import saerens_em


def test_it_agrees_with_quapy():
    found = saerens_em(*predictions(), calibrate=False, resamples=2)
    np.testing.assert_allclose(found.shares, references()["quapy"]["emq"], rtol=0, atol=1e-7)


def test_it_finds_the_maximum_of_the_likelihood():
    left_out, y, new = predictions(3)
    shares = np.bincount(y) / len(y)
    found = minimize(
        lambda p: -np.log((new / shares) @ p).mean(),
        shares,
        bounds=[(1e-9, 1)] * 3,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-15, "maxiter": 500},
    )
    mine = saerens_em(left_out, y, new, calibrate=False, resamples=2).shares
    np.testing.assert_allclose(mine, found.x, atol=1e-5)


def test_without_shift_calibrated_probabilities_give_the_old_shares_exactly():
    left_out, y, _ = predictions()
    found = saerens_em(left_out, y, left_out, resamples=2)
    np.testing.assert_allclose(found.shares, np.bincount(y) / len(y), atol=1e-7)
    # a bias towards class 0 alone would count as shift
    assert abs(saerens_em(left_out, y, left_out, calibrate=False, resamples=2).shares - found.shares).max() > 0.01


def test_the_interval_counts_the_sampling_of_both_sides():
    def width(n, m):
        found = saerens_em(*predictions(2, n=n, m=m), resamples=60)
        return float((found.high - found.low).mean())

    both, few_labelled, few_new = width(800, 800), width(60, 800), width(800, 60)
    assert few_labelled > 1.3 * both
    assert few_new > 1.3 * both


def test_a_change_is_told_from_none():
    left_out, y, new = predictions(4, n=300, m=300)
    assert saerens_em(left_out, y, new, resamples=100).p_value == pytest.approx(1 / 101)
    half = np.arange(len(y)) % 2 == 0
    assert saerens_em(left_out[half], y[half], left_out[~half], resamples=100).p_value > 0.05
