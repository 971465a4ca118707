"""The mixture test: residual and shares against loops and a general optimiser, false alarms and power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from headstart.adapt.label_shift import mixture_test
from headstart.errors import DataError, ParameterError


def two_classes(rng, n, share, move=0.0):
    y = (rng.random(n) < share).astype(int)
    return rng.normal(size=(n, 2)) + 2.5 * y[:, None] + move * y[:, None] * [1, -1], y


def test_the_residual_is_that_of_loops_and_its_shares_minimise_it():
    rng = np.random.default_rng(0)
    xs, ys = two_classes(rng, 14, 0.5)
    xt, _ = two_classes(rng, 9, 0.7)
    found = mixture_test(xs, ys, xt, resamples=2)

    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * found.bandwidth**2))

    def residual(p):
        w = [p[c] / (ys == c).sum() for c in ys] + [-1 / len(xt)] * len(xt)
        rows = np.vstack([xs, xt])
        return sum(w[i] * w[j] * k(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)))

    assert found.residual == pytest.approx(residual(found.shares), abs=1e-12)
    best = minimize(lambda v: residual([v[0], 1 - v[0]]), [0.5], method="Nelder-Mead", options={"xatol": 1e-6}).x[0]
    np.testing.assert_allclose(found.shares, [best, 1 - best], atol=1e-4)


def test_false_alarms_are_as_rare_as_stated_and_new_looks_are_seen():
    rng = np.random.default_rng(0)

    def alarms(share, move):
        drawn = ((two_classes(rng, 60, 0.5), two_classes(rng, 60, share, move)[0]) for _ in range(25))
        return sum(mixture_test(xs, ys, xt, resamples=40).p_value < 0.05 for (xs, ys), xt in drawn)

    assert alarms(0.8, 0.0) <= 5  # 25 draws at a level of 5%: 6 or more in 1 of 300 cases
    assert alarms(0.8, 2.0) >= 20


def test_rows_are_drawn_but_rare_classes_keep_theirs():
    rng = np.random.default_rng(0)
    xs, ys = two_classes(rng, 1000, 0.01)
    found = mixture_test(xs, ys, two_classes(rng, 300, 0.9)[0], resamples=20, max_rows=100)
    assert len(found.shares) == 2
    assert found.shares[1] > 0.6


def test_wrong_inputs_are_named():
    with pytest.raises(ParameterError, match="'ys' parameter"):
        mixture_test(np.eye(3), [0, 1], np.eye(3))
    with pytest.raises(DataError, match="two rows or more"):
        mixture_test(np.eye(3), [0, 1, 1], np.eye(3)[:1])
    with pytest.raises(DataError, match="rows that differ"):
        mixture_test(np.ones((4, 2)), [0, 1, 0, 1], np.ones((4, 2)))
