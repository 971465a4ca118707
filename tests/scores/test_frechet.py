"""The Fréchet distance against a matrix root."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from headstart.scores import frechet_distance


def made(seed, n=25, m=40, d=3, shift=0.8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ np.diag([1, 2, 0.5]) + shift


def test_frechet_distance_is_that_of_a_matrix_root():
    xs, xt = made(3)
    cs, ct = np.cov(xs.T), np.cov(xt.T)
    wanted = ((xs.mean(axis=0) - xt.mean(axis=0)) ** 2).sum() + np.trace(cs + ct - 2 * np.real(sqrtm(cs @ ct)))
    assert frechet_distance(xs, xt) == pytest.approx(wanted, rel=1e-11)
    assert frechet_distance(xt, xs) == pytest.approx(wanted, rel=1e-11)


def test_frechet_distance_of_fewer_rows_than_features():
    rng = np.random.default_rng(0)
    xs, xt = rng.normal(size=(6, 20)), rng.normal(size=(8, 20))
    values, vectors = np.linalg.eigh(np.cov(xs.T))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ np.cov(xt.T) @ root), 0)).sum()
    wanted = ((xs.mean(axis=0) - xt.mean(axis=0)) ** 2).sum() + np.trace(np.cov(xs.T) + np.cov(xt.T)) - 2 * shared
    assert frechet_distance(xs, xt) == pytest.approx(wanted, rel=1e-6)  # roots of rounding, 1e-16, are 1e-8
    assert frechet_distance(xs, xs) == pytest.approx(0, abs=1e-10)
