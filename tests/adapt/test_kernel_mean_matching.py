"""Kernel mean matching: the quadratic programme against a general solver, moments, and many rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from headstart.adapt import KernelMeanMatching
from headstart.adapt.kernel_mean_matching import matched_weights


@pytest.mark.parametrize(("bound", "epsilon"), [(1000.0, 0.8), (1.5, 0.8), (1000.0, 0.01)])
def test_the_weights_solve_the_quadratic_programme(bound, epsilon):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(15, 2)), 0.7 + rng.normal(size=(12, 2))

    def k(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(axis=2) / 2)

    kernel, kappa = k(x, x), 15 / 12 * k(x, t).sum(axis=1)

    def objective(beta):
        return beta @ kernel @ beta / 2 - kappa @ beta

    found = matched_weights(kernel, kappa, bound, epsilon)
    assert found.min() >= 0
    assert found.max() <= bound
    assert abs(found.sum() - 15) <= 15 * epsilon + 1e-6
    best = minimize(
        objective,
        np.ones(15),
        jac=lambda beta: kernel @ beta - kappa,
        bounds=[(0, bound)] * 15,
        constraints=[
            {"type": "ineq", "fun": lambda beta: beta.sum() - 15 * (1 - epsilon)},
            {"type": "ineq", "fun": lambda beta: 15 * (1 + epsilon) - beta.sum()},
        ],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert objective(found) == pytest.approx(best.fun, abs=1e-6)


def test_rows_beyond_the_bound_are_matched_in_parts():
    rng = np.random.default_rng(0)
    xs, xt = rng.normal(size=(120, 2)), 0.5 + rng.normal(size=(80, 2))
    whole, parts = (KernelMeanMatching(max_rows=rows).fit(xs, xt).weights for rows in (1000, 40))
    for weights in (whole, parts):
        assert weights.mean() == pytest.approx(1)
        np.testing.assert_allclose(weights @ xs / 120, xt.mean(axis=0), atol=0.15)
