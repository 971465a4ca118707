from __future__ import annotations

import numpy as np
import pytest
from linear_reference import assert_agrees, rows

from headstart.errors import DataError, ParameterError
from headstart.linear.moments import Moments
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("n", "d", "kind"), [(60, 9, "plain"), (12, 40, "plain"), (40, 40, "plain"), (50, 9, "deficient")]
)
def test_values_are_squared_singular_values(n, d, kind, weighted):
    x, y = rows(0, n, d, kind=kind)
    w = np.random.default_rng(1).uniform(0.2, 4, n) if weighted else np.ones(n)
    spectrum = Spectrum.from_rows(x, y, w)
    centred = np.sqrt(w)[:, None] * (x - np.average(x, axis=0, weights=w))
    targets = np.sqrt(w)[:, None] * (y - np.average(y, axis=0, weights=w))
    rank = min(n - 1, d - 3 if kind == "deficient" else d)
    assert spectrum.values.shape == (rank,)
    assert_agrees(spectrum.values, np.linalg.svd(centred, compute_uv=False)[:rank] ** 2, 1e-13)
    assert_agrees(spectrum.vectors.T @ spectrum.vectors, np.eye(rank), 1e-12)
    assert_agrees(spectrum.cross, spectrum.vectors.T @ centred.T @ targets, 1e-12)
    assert_agrees(spectrum.total, (targets**2).sum(axis=0), 1e-13)
    assert_agrees(spectrum.project(x), (x - np.average(x, axis=0, weights=w)) @ spectrum.vectors, 1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [12, 39, 40])
def test_both_sides_give_the_same(n, weighted):
    x, y = rows(2, n, 40)
    w = np.random.default_rng(3).uniform(0.2, 4, n) if weighted else np.ones(n)
    gram, moments = Spectrum.from_rows(x, y, w), Spectrum.from_moments(Moments.from_rows(x, y, w))
    assert gram.interpolates == moments.interpolates
    assert_agrees(gram.values, moments.values, 1e-12)
    for lam in (1e-3, 1.0, 1e3):
        for left, right in zip(ridge_coefficients(gram, lam), ridge_coefficients(moments, lam), strict=True):
            assert_agrees(left, right)


def test_float32_rows_are_projected_in_chunks():
    x, y = rows(4, 5000, 3)
    narrow = x.astype(np.float32)
    spectrum = Spectrum.from_rows(narrow, y)
    assert_agrees(spectrum.project(narrow), (narrow.astype(float) - spectrum.mean) @ spectrum.vectors, 1e-13)


def test_rows_that_are_all_the_same_have_no_values():
    spectrum = Spectrum.from_rows(np.ones((5, 3)), np.arange(5.0)[:, None])
    assert spectrum.values.shape == (0,)
    assert spectrum.project(np.ones((2, 3))).shape == (2, 0)


def test_wrong_input_is_one_sentence():
    with pytest.raises(ParameterError, match="positive weight"):
        Spectrum.from_moments(Moments.zeros(3, 1))
    with pytest.raises(ParameterError, match="positive weight"):
        Spectrum.from_rows(np.eye(2, 5), np.eye(2), [0, 0])
    with pytest.raises(DataError, match="Row 1"):
        Spectrum.from_rows([[0.0, 0, 0], [np.nan, 0, 0]], np.eye(2))
    with pytest.raises(ParameterError, match=r"\(n, 2\)"):
        Spectrum.from_rows(np.eye(2), np.eye(2)).project(np.eye(3))
