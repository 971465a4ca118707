"""Sampled Shapley values against their definition, by brute force over all subsets, and against the linear form."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest

import headstart
from headstart.explain.explain import ask
from headstart.explain.shapley_sampling import ShapleySampling


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 3))
    labels = np.where(rows[:, 0] * rows[:, 1] + rows[:, 2] > 0, "yes", "no").tolist()
    return rows, labels


def exact(query, training):
    """The Shapley values by their definition, with all training rows as the background."""
    others = np.asarray(training.rows[:], float)
    d = others.shape[1]

    def worth(known):
        mixed = others.copy()
        mixed[:, list(known)] = query.mapped[list(known)]
        head = query.model.head
        from headstart.heads.estimator.scores import estimator_scores

        scores = estimator_scores(head.estimator, mixed, len(head.bias)) + head.bias
        return query.contrast(scores).mean()

    values = np.zeros(d)
    for column in range(d):
        rest = [k for k in range(d) if k != column]
        for size in range(d):
            weight = factorial(size) * factorial(d - size - 1) / factorial(d)
            for known in combinations(rest, size):
                values[column] += weight * (worth((*known, column)) - worth(known))
    return values


def test_they_agree_with_the_definition(problem, three_folds):
    rows, labels = problem
    model = headstart.fit((rows, labels), heads=["forest"], baselines="none", verbose=False).model
    query = ask(model, rows[2], training=(rows, labels))
    found = ShapleySampling(orders=2000)(query)
    wanted = exact(query, query.training_rows)
    assert np.abs(found.shown.values - wanted).max() < 5 * found.checks["largest standard error"]
    assert found.completeness < 1e-9


def test_for_a_linear_head_they_agree_with_the_exact_shares(problem):
    rows, labels = problem
    model = headstart.fit((rows, labels), heads=["ridge"], baselines="none", verbose=False).model
    both = model.explain(rows[2], method=["linear_attribution", "shapley_sampling"], training=(rows, labels))
    error = both["shapley_sampling"].checks["largest standard error"]
    gap = both["shapley_sampling"].shown.values - both["linear_attribution"].shown.values
    assert np.abs(gap).max() < 5 * error + 1e-12
