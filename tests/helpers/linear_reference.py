"""References that share no code with headstart: refits by least squares, and one scale-aware comparison."""

from __future__ import annotations

import numpy as np

TIGHT = 1e-10


def assert_agrees(found, wanted, tolerance=TIGHT):
    """Assert that the largest difference is at most `tolerance` of the largest wanted value (at least of 1e-3)."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    difference = float(np.abs(found - wanted).max() / max(1e-3, np.abs(wanted).max()))
    assert difference <= tolerance, f"differs by {difference:.1e}, allowed {tolerance:.0e}"


def refit(x, y, lam, weights=None, prior=None):
    """Ridge by the stacked system [W^½ X̃; √λ I], with no Gram matrix; coefficients and intercept."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    weights = np.ones(len(x)) if weights is None else weights
    prior = np.zeros((x.shape[1], y.shape[1])) if prior is None else prior
    mean, target_mean = np.average(x, axis=0, weights=weights), np.average(y, axis=0, weights=weights)
    root = np.sqrt(weights)[:, None]
    left = np.vstack([root * (x - mean), np.sqrt(lam) * np.eye(x.shape[1])])
    right = np.vstack([root * (y - target_mean), np.sqrt(lam) * prior])
    if lam > 1e5:  # here the normal equations are close to λI, and keep the digits of small coefficients
        coefficients = np.linalg.solve(left.T @ left, left.T @ right)
    else:
        coefficients = np.linalg.lstsq(left, right, rcond=1e-12)[0]
    return coefficients, target_mean - mean @ coefficients


def refit_without(x, y, lam, out, weights=None):
    """Predictions for the rows `out` by the refit to the others."""
    keep = np.setdiff1d(np.arange(len(x)), out)
    coefficients, intercept = refit(x[keep], y[keep], lam, None if weights is None else weights[keep])
    return np.asarray(x, float)[out] @ coefficients + intercept


def one_hot(codes, classes=None):
    return np.eye(classes or int(max(codes)) + 1)[codes]


def rows(seed, n, d, k=2, kind="plain"):
    """Random rows and targets: plain, rank-deficient (three directions fewer), or of very unequal scales."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) + rng.normal(size=d)
    if kind == "deficient":
        x = x[:, : d - 3] @ rng.normal(size=(d - 3, d))
    if kind == "scaled":
        x *= np.logspace(-1, 1, d)
    return x, x @ rng.normal(size=(d, k)) / d + rng.normal(size=(n, k))
