"""SFDA against the published steps, and where published code is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.scores import sfda
from headstart.scores.sfda import discriminant_posterior


def made(seed, n=60, d=8, classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    y[: 2 * classes] = np.tile(np.arange(classes), 2)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + spread * rng.normal(size=(classes, d))[y] + 1, y


def published_sfda(x, y, classes):
    """The published steps with all generalised eigenvectors, on a copy of the rows and with exact eigenvalues."""

    def fit(x, shrinkage):
        means = np.stack([x[y == c].mean(axis=0) for c in range(classes)])
        priors = np.bincount(y) / len(y)
        within = sum(priors[c] * np.cov(x[y == c].T, bias=True) for c in range(classes))
        if shrinkage is None:
            shrinkage = max(np.exp(-5 * np.linalg.eigvalsh(within)[-1]), 1e-10)
        d = x.shape[1]
        total = np.cov(x.T, bias=True)
        total = (1 - shrinkage) * total + shrinkage * np.trace(total) / d * np.eye(d)
        shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / d * np.eye(d)
        vectors = eigh(total - shrunk, shrunk)[1]
        coef = means @ vectors @ vectors.T
        scores = x @ coef.T - 0.5 * np.diag(means @ coef.T) + np.log(priors)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True), shrinkage, means

    p, shrinkage, means = fit(x, None)
    p = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    mixed = x.copy()
    for c in range(classes):
        confidence = p[y == c, c][:, None]
        others = np.delete(means, c, axis=0).mean(axis=0)
        mixed[y == c] = confidence * x[y == c] + (1 - confidence) * others
    return fit(mixed, shrinkage)[0][np.arange(len(y)), y].mean()


@pytest.mark.parametrize(("seed", "scale"), [(0, 1.0), (1, 0.2), (2, 3.0)])
def test_sfda_is_that_of_the_published_steps(seed, scale):
    x, y = made(seed)
    kept = (scale * x).copy()
    assert sfda(kept, y) == pytest.approx(published_sfda(scale * x, y, 3), abs=1e-10)
    assert (kept == scale * x).all()


def test_sfda_does_not_depend_on_columns_that_are_not_there():
    rng = np.random.default_rng(0)
    x, y = 0.3 * rng.normal(size=(20, 40)), np.tile([0, 1], 10)
    rotation = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    assert sfda(x @ rotation + 2, y) == pytest.approx(sfda(x, y), abs=1e-9)
    assert 0 < sfda(x, y) <= 1


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_the_discriminant_is_sklearn_s(shrinkage):
    x, y = made(3)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, y)
    found, _ = discriminant_posterior(x - x.mean(axis=0), y, 3, width=8, shrinkage=shrinkage)
    assert found == pytest.approx(model.predict_proba(x), abs=1e-10)


def test_a_symmetric_solver_on_a_matrix_that_is_not_gives_the_nearest_mean():
    x, y = made(4)
    means = np.stack([x[y == c].mean(axis=0) for c in range(3)])
    within = sum((y == c).mean() * np.cov(x[y == c].T, bias=True) for c in range(3))
    between = np.cov(x.T, bias=True) - within
    wrong = np.linalg.eigh(np.linalg.solve(within, between))[1]  # orthonormal, as for any symmetric matrix
    assert means @ wrong @ wrong.T == pytest.approx(means, abs=1e-10)
    scores = x @ means.T - 0.5 * (means**2).sum(axis=1) + np.log(np.bincount(y) / 60)
    nearest = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found, _ = discriminant_posterior(x - x.mean(axis=0), y, 3, width=8, shrinkage=0.0)
    assert np.abs(found - nearest).max() > 0.1
