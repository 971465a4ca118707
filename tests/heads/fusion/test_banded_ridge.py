"""Banded ridge: a penalty for each source."""

import numpy as np
import pytest
from fused_rows import make_problem
from sklearn.linear_model import Ridge

from headstart.heads.fusion.banded_ridge import banded_map, kernel_left_out, learn_bands


@pytest.mark.parametrize("grouped", [False, True])
def test_kernel_left_out_agrees_with_refits(grouped):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(14, 30)), rng.normal(size=(14, 2))
    x -= x.mean(axis=0)
    groups = np.arange(14) // 3 if grouped else None
    for lam, found in zip([0.3, 20.0], kernel_left_out(x @ x.T, y, [0.3, 20.0], groups), strict=True):
        for part in np.unique(np.arange(14) if groups is None else groups):
            out = np.arange(14) == part if groups is None else groups == part
            refit = Ridge(alpha=lam, solver="cholesky").fit(x[~out], y[~out])
            assert np.allclose(refit.predict(x[out]), found[out], atol=1e-8, rtol=0)


def test_a_band_of_noise_gets_no_weight():
    found = banded_map(make_problem(), "banded")
    inside = {start for start, _ in found.blocks}
    assert {0, 6} <= inside
    assert 12 not in inside  # twenty columns of noise


def test_learn_bands_finds_the_lowest_point():
    target = np.array([0.7, 0.3, 0.0])
    kernels = [np.eye(3)[[k]].T @ np.eye(3)[[k]] for k in range(3)]

    def losses(kernel):
        return np.full(5, ((np.diag(kernel) - target) ** 2).sum())

    found = learn_bands(kernels, losses)
    assert found.weights == pytest.approx(target, abs=0.08)
    assert found.weights[2] == 0
    assert np.array_equal(found.weights, learn_bands(kernels, losses).weights)


def test_banded_columns_are_scaled_by_the_root_of_their_weight():
    problem = make_problem(strength=(1.2, 0.4, 0.0))
    found = banded_map(problem, "banded")
    mapped = np.asarray(found(problem.rows), np.float64)
    widths = np.cumsum([stop - start for start, stop in found.blocks])[:-1]
    total = [part.var(axis=0).sum() for part in np.split(mapped, widths, axis=1)]
    assert sum(total) == pytest.approx(1.0, abs=1e-4)  # the weights of blocks of variance one
