"""Leave-one-out ridge against refits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import Ridge

from headstart.scores import leave_one_out_ridge
from headstart.types import Task

CLASSES = Task("classification", ("a", "b", "c"))


def made(seed, n=40, d=6, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    y[:6] = [0, 1, 2, 0, 1, 2]
    return rng.normal(size=(n, d)) + spread * rng.normal(size=(3, d))[y], y


def refitted(x, targets, lam, groups):
    out = np.empty(targets.shape)
    for group in np.unique(groups):
        left = groups == group
        out[left] = Ridge(alpha=lam).fit(x[~left], targets[~left]).predict(x[left]).reshape(-1, targets.shape[1])
    return out


@pytest.mark.parametrize(("n", "d"), [(40, 6), (20, 50)])
@pytest.mark.parametrize("grouped", [False, True])
def test_ridge_log_likelihood_is_that_of_refits(n, d, grouped):
    x, y = made(n, n, d, spread=0.3)
    groups = np.arange(n) // 3 if grouped else np.arange(n)
    found = leave_one_out_ridge(x, y, CLASSES, groups=groups if grouped else None, lambdas=[2.0])
    scores = refitted(x, np.eye(3)[y], 2.0, groups)

    def losses(u):
        return -log_softmax(scores * np.exp(u), axis=1)[np.arange(n), y]

    best = minimize_scalar(lambda u: losses(u).mean(), bounds=(-10, 10), method="bounded", options={"xatol": 1e-12})
    assert found.log_likelihood == pytest.approx(-losses(best.x).mean(), abs=1e-10)
    assert found.losses == pytest.approx(losses(best.x), abs=1e-5)
    assert found.accuracy == (scores.argmax(axis=1) == y).mean()
    assert found.lam == 2.0


def test_ridge_for_values_is_the_scaled_error_of_refits():
    x, _ = made(3)
    y = x @ np.random.default_rng(0).normal(size=(6, 2)) + np.random.default_rng(1).normal(size=(40, 2))
    found = leave_one_out_ridge(x, y, Task("regression", ("u", "v")), lambdas=[0.5])
    wanted = ((refitted(x, y, 0.5, np.arange(40)) - y) ** 2 / y.var(axis=0)).mean(axis=1)
    assert found.losses == pytest.approx(wanted, abs=1e-10)
    assert found.log_likelihood == pytest.approx(-wanted.mean(), abs=1e-10)
    assert found.accuracy is None


def test_ridge_takes_the_best_penalty_of_its_grid():
    x, y = made(5)
    best = leave_one_out_ridge(x, y, CLASSES)
    single = [leave_one_out_ridge(x, y, CLASSES, lambdas=[lam]).log_likelihood for lam in np.logspace(-3, 4, 8)]
    assert best.log_likelihood >= max(single) - 0.01
    assert leave_one_out_ridge(x, y, CLASSES, lambdas=[best.lam]).log_likelihood == best.log_likelihood


def test_ridge_on_drawn_rows_has_the_losses_that_all_rows_have():
    x, y = made(6, n=60)
    part = leave_one_out_ridge(x, y, CLASSES, lambdas=[1.0], max_rows=30, seed=3)
    again = leave_one_out_ridge(2 * x, y, CLASSES, max_rows=30, seed=3)
    assert len(part.rows) == 30
    assert (part.rows == again.rows).all()
    values = np.random.default_rng(0).normal(size=(60, 1))
    task = Task("regression", ("v",))
    whole = leave_one_out_ridge(x, values, task, lambdas=[1.0]).losses * values.var()
    drawn = leave_one_out_ridge(x, values, task, lambdas=[1.0], max_rows=30)
    assert drawn.losses * values[drawn.rows].var() == pytest.approx(whole[drawn.rows], abs=1e-12)


def test_multilabel_ridge_scores_single_labels():
    rng = np.random.default_rng(0)
    y = (rng.random(size=(50, 2)) < 0.5).astype(float)
    x = 4 * y + rng.normal(size=(50, 2))
    found = leave_one_out_ridge(x, y, Task("multilabel", ("u", "v")))
    assert found.accuracy > 0.9
    assert found.log_likelihood > leave_one_out_ridge(rng.normal(size=(50, 2)), y, Task("multilabel", ("u", "v"))
                                                      ).log_likelihood  # fmt: skip
