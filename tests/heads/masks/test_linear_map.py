"""Maps against ridge on standardised columns, and against scikit-learn's LDA."""

from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.heads.masks.linear_map import linear_maps
from headstart.linear.moments import Moments

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 300)
X = RNG.normal(size=(300, 5)) * [1, 10, 0.1, 2, 1] + np.eye(3, 5)[Y] * [2, 20, 0.2, 0, 0]


def test_ridge_is_the_direct_solution_on_standardised_columns() -> None:
    (found,) = linear_maps(Moments.from_rows(X, np.eye(3)[Y]), [0.1], ["ridge"])
    z = (X - X.mean(0)) / X.std(0)
    coefficients = np.linalg.solve(z.T @ z + 0.1 * 300 * np.eye(5), z.T @ np.eye(3)[Y])
    wanted = z @ coefficients + np.eye(3)[Y].mean(0)
    np.testing.assert_allclose(X @ found.weight + found.bias, wanted, atol=1e-10)


def test_lda_without_penalty_is_that_of_scikit_learn() -> None:
    (found,) = linear_maps(Moments.from_rows(X, np.eye(3)[Y]), [1e-12], ["lda"])
    wanted = LinearDiscriminantAnalysis(solver="lsqr").fit(X, Y)
    assert (np.argmax(found.probabilities(X), axis=1) == wanted.predict(X)).mean() > 0.99
    np.testing.assert_allclose(found.probabilities(X), wanted.predict_proba(X), atol=0.02)


def test_columns_that_do_not_vary_get_no_weight() -> None:
    constant = np.column_stack([X[:, 0], np.full(300, 7.0)])
    (found,) = linear_maps(Moments.from_rows(constant, np.eye(3)[Y]), [1e-6], ["ridge"])
    assert (found.weight[1] == 0).all()


def test_a_column_that_varied_in_the_removed_rows_only_gets_no_weight() -> None:
    rows = np.column_stack([X, np.where(np.arange(300) < 50, RNG.normal(size=300), 0)])
    every = Moments.from_rows(rows, np.eye(3)[Y])
    rest = every - Moments.from_rows(rows[:50], np.eye(3)[Y[:50]])
    (found,) = linear_maps(rest, [1e-3], ["ridge"])
    (refit,) = linear_maps(Moments.from_rows(X[50:], np.eye(3)[Y[50:]]), [1e-3], ["ridge"])
    assert (found.weight[5] == 0).all()
    np.testing.assert_allclose(found.weight[:5], refit.weight, atol=1e-10)


def test_a_class_without_rows_is_never_found() -> None:
    targets = np.eye(4)[Y]
    for found in linear_maps(Moments.from_rows(X, targets), [1e-3]):
        assert (np.argmax(found.probabilities(X), axis=1) < 3).all()
        assert np.isfinite(found.bias).all()
