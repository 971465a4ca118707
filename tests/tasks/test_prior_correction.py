"""Prior correction against Bayes' rule and the likelihood's own maximum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from headstart.errors import ParameterError
from headstart.tasks.prior_correction import corrected, estimated_priors, named_priors

OLD, NEW = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
MEANS = np.array([-2.0, 0.0, 2.0])


def posterior(x, priors):
    density = np.exp(-0.5 * (x[:, None] - MEANS) ** 2) * priors
    return density / density.sum(axis=1, keepdims=True)


def test_correction_is_bayes_rule_with_the_new_shares():
    x = np.linspace(-4, 4, 50)
    np.testing.assert_allclose(corrected(posterior(x, OLD), OLD, NEW), posterior(x, NEW), rtol=1e-12)


def test_estimated_shares_are_the_maximum_of_the_likelihood():
    rng = np.random.default_rng(0)
    codes = rng.choice(3, 2000, p=NEW)
    outputs = posterior(MEANS[codes] + rng.normal(size=2000), OLD)
    found = estimated_priors(outputs, OLD)

    def cost(free):
        return -np.log(outputs @ (softmax(np.append(free, 0.0)) / OLD)).mean()

    best = minimize(cost, np.zeros(2), tol=1e-12)
    np.testing.assert_allclose(found, softmax(np.append(best.x, 0.0)), atol=1e-4)
    np.testing.assert_allclose(found, NEW, atol=0.04)
    assert cost(np.log(found[:2] / found[2])) <= best.fun + 1e-9


def test_the_right_shares_are_better_than_those_of_the_fit():
    rng = np.random.default_rng(1)
    codes = rng.choice(3, 3000, p=NEW)
    outputs = posterior(MEANS[codes] + rng.normal(size=3000), OLD)
    again = corrected(outputs, OLD, estimated_priors(outputs, OLD))
    assert (again.argmax(axis=1) == codes).mean() > (outputs.argmax(axis=1) == codes).mean() + 0.02


def test_a_class_without_share_stays_impossible():
    found = corrected(np.array([[0.7, 0.3, 0.0]]), np.array([0.5, 0.5, 0.0]), np.full(3, 1 / 3))
    np.testing.assert_allclose(found, [[0.7, 0.3, 0.0]])


@pytest.mark.parametrize("given", ["even", [1.0], [0, 0, 0], [1, -1, 1], {"a": 1, "b": 1}, {"a": "x", "b": 1, "c": 1}])
def test_bad_priors_are_refused(given):
    with pytest.raises(ParameterError, match="Priors must"):
        named_priors(given, ("a", "b", "c"))
