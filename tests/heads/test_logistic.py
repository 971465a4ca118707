"""Softmax regression against scikit-learn, and its approximate leave-one-out against exact refits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from headstart.heads.estimator.softmax_path import SoftmaxProblem, approximate_leave_one_out, fit_softmax
from headstart.heads.estimator.threads import threads_for
from headstart.heads.logistic import MultinomialLogisticRegression
from headstart.linear.calibration import log_loss, softmax


@pytest.fixture(autouse=True)
def _one_thread():
    with threads_for(10, 10):
        yield


def clouds(n, d, classes, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return rng.normal(size=(n, d)) + spread * rng.normal(size=(classes, d))[y], y


@pytest.mark.parametrize(("n", "d"), [(120, 5), (40, 60)], ids=["more rows", "more columns"])
@pytest.mark.parametrize("lam", [100.0, 1.0, 0.01])
def test_it_agrees_with_sklearn(n, d, lam):
    x, y = clouds(n, d, 4)
    x *= np.logspace(0, -2, d)
    ours = MultinomialLogisticRegression(lam, tol=1e-10).fit(x, y)
    theirs = LogisticRegression(C=1 / lam, tol=1e-10, max_iter=20_000, solver="newton-cg").fit(x, y)
    np.testing.assert_allclose(
        ours.coef_ - ours.coef_.mean(axis=0), theirs.coef_ - theirs.coef_.mean(axis=0), atol=1e-5
    )
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=0, atol=1e-6)


def test_two_classes_have_half_of_sklearns_penalty():
    x, y = clouds(80, 4, 2)
    ours = MultinomialLogisticRegression(2.0, tol=1e-10).fit(x, y).predict_proba(x)
    theirs = LogisticRegression(C=2 / 2.0, tol=1e-10, max_iter=20_000).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("classes", "lam"), [(2, 1.0), (3, 0.3), (4, 3.0)])
def test_approximate_leave_one_out_is_near_exact_refits(classes, lam):
    x, y = clouds(60, 4, classes)
    problem, _ = SoftmaxProblem.of(x, y, classes)
    near = approximate_leave_one_out(problem, fit_softmax(problem, lam, tol=1e-9))
    exact = np.empty_like(near)
    for i in range(60):
        rest = np.delete(np.arange(60), i)
        exact[i] = fit_softmax(problem.take(rest), lam, tol=1e-9).scores(problem.rows[i : i + 1])[0]
    inside = fit_softmax(problem, lam, tol=1e-9).scores(problem.rows)
    gap = log_loss(exact, y) - log_loss(inside, y)  # what leave-one-out is about
    assert abs(log_loss(near, y) - log_loss(exact, y)) < 0.15 * gap
    assert np.median(np.abs(softmax(near) - softmax(exact)).max(axis=1)) < 0.002


def test_approximate_leave_one_out_is_one_newton_step():
    """The block formula is what a Newton step on all rows but one gives, by brute force."""
    x, y = clouds(25, 2, 3)
    problem, _ = SoftmaxProblem.of(x, y, 3)
    fitted = fit_softmax(problem, 0.5, tol=1e-12)
    near = approximate_leave_one_out(problem, fitted)
    rows = np.hstack([problem.rows, np.ones((25, 1))])
    proba = softmax(fitted.scores(problem.rows))
    for i in (0, 7, 24):
        hessian, slope = np.zeros((9, 9)), np.zeros(9)  # class by class
        for j in np.delete(np.arange(25), i):
            curvature = np.diag(proba[j]) - np.outer(proba[j], proba[j])
            hessian += np.kron(curvature, np.outer(rows[j], rows[j]))
            slope += np.kron(proba[j] - problem.onehot[j], rows[j])
        hessian += 0.5 * np.kron(np.eye(3), np.diag([1.0, 1.0, 0.0]))
        slope += 0.5 * np.hstack([fitted.weight.T, np.zeros((3, 1))]).ravel()
        both = np.vstack([fitted.weight, fitted.bias]).T.ravel() - np.linalg.lstsq(hessian, slope, rcond=1e-12)[0]
        expected = both.reshape(3, 3) @ rows[i]
        np.testing.assert_allclose(near[i] - near[i].mean(), expected - expected.mean(), atol=1e-6)


def test_the_chosen_penalty_is_near_the_best_by_exact_refits():
    x, y = clouds(80, 10, 3, spread=0.7)
    head = MultinomialLogisticRegression()
    left_out = head.left_out_scores(x, y)
    assert left_out.shape == (80, 3)
    exact = []
    for lam in (head.lam_ / 10, head.lam_, head.lam_ * 10):
        scores = np.empty((80, 3))
        for i in range(80):
            rest = np.delete(np.arange(80), i)
            scores[i] = (
                MultinomialLogisticRegression(lam, tol=1e-5).fit(x[rest], y[rest]).decision_function(x[i : i + 1])[0]
            )
        exact.append(log_loss(scores, y))
    assert exact[1] == min(exact)


def test_groups_take_the_folds():
    x, y = clouds(60, 4, 3)
    alone = MultinomialLogisticRegression().left_out_scores(x, y)
    grouped = MultinomialLogisticRegression().left_out_scores(x, y, np.arange(60) // 3)
    assert np.abs(alone - grouped).max() > 1e-3


def test_few_steps_suffice_whatever_the_spread_of_the_columns(monkeypatch):
    """The eigenbasis and Böhning's bound make a problem of condition 10⁸ as easy as one of condition 1."""
    from headstart.heads.estimator import softmax_path

    steps = []
    minimize = softmax_path.minimize
    monkeypatch.setattr(softmax_path, "minimize", lambda *a, **k: steps.append(minimize(*a, **k)) or steps[-1])
    x, y = clouds(200, 10, 3)
    for spread in (0, 4):
        problem, _ = SoftmaxProblem.of(x * np.logspace(0, -spread, 10), y, 3)
        fit_softmax(problem, 0.1, tol=1e-6)
    assert max(found.nit for found in steps) <= 60
