"""Optimal transport: agreement with POT, the plan's marginals, new rows, and class shares."""

from __future__ import annotations

import numpy as np
import pytest
from adaptation_references import domains, references
from scipy.optimize import linprog

from headstart.adapt import OptimalTransport
from headstart.adapt.optimal_transport import sinkhorn
from headstart.errors import DataError, ParameterError


def centred(rows):
    return rows - rows.mean(axis=0)


@pytest.mark.parametrize(("marginal", "name"), [(np.inf, "balanced"), (0.5, "unbalanced")])
def test_it_agrees_with_pot(marginal, name):
    xs, _, xt = domains()
    epsilon = 0.1
    if marginal == np.inf:  # the same ε in units of the rows: POT's numbers are for costs that are not centred
        medians = [np.median(((a[:, None] - b) ** 2).sum(axis=2)) for a, b in ((xs, xt), (centred(xs), centred(xt)))]
        epsilon *= medians[0] / medians[1]
    adapter = OptimalTransport(epsilon=epsilon, marginal=marginal).fit(xs, xt)
    np.testing.assert_allclose(adapter.transform_source(xs), references()["pot"][name], atol=1e-6)
    mass = references()["pot"]["unbalanced mass"] if marginal < np.inf else np.ones(len(xs))
    np.testing.assert_allclose(adapter.mass_, mass, atol=1e-6)


def test_the_potentials_give_the_marginals_and_near_zero_entropy_the_cost_of_the_linear_programme():
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(5))
    cost = rng.random((6, 5))
    f, g = sinkhorn(a, b, cost, 0.005)
    plan = np.outer(a, b) * np.exp((f[:, None] + g - cost) / 0.005)
    np.testing.assert_allclose(plan.sum(axis=0), b, atol=1e-9)
    np.testing.assert_allclose(plan.sum(axis=1), a, atol=1e-4)
    rows, columns = np.kron(np.eye(6), np.ones(5)), np.kron(np.ones(6), np.eye(5))
    best = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.r_[a, b]).fun
    assert (plan * cost).sum() == pytest.approx(best, abs=0.01)


def test_a_source_row_with_little_mass_has_no_counterpart():
    xs, _, xt = domains()
    found = OptimalTransport(marginal=0.5).fit(np.vstack([xs, np.full(4, 30.0)]), xt)
    assert found.mass_[-1] < 0.01 * found.mass_[:-1].mean()


def test_options_and_rows_that_do_not_differ_are_refused():
    with pytest.raises(ParameterError, match="'epsilon' parameter"):
        OptimalTransport(epsilon=0.0).fit(np.eye(2), np.eye(2))
    with pytest.raises(DataError, match="rows that differ"):
        OptimalTransport().fit(np.ones((3, 2)), np.ones((3, 2)))
    small = OptimalTransport(max_rows=10).fit(*domains()[::2])
    assert small.mass_.shape == (10,)
