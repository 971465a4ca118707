"""f⁻ⁱ(x) and f⁻ᴮ(x) from one fit, against refits without the rows (references that share no code with headstart)."""

from __future__ import annotations

import numpy as np
import pytest
from linear_reference import assert_agrees, refit, rows

from headstart.linear.leave_out import fitted, leave_one_group_out, leave_one_out
from headstart.linear.predictions_without import RidgeWithout, kernel_of
from headstart.linear.spectrum import Spectrum

CASES = [(40, 7, "plain"), (12, 30, "plain"), (20, 20, "plain"), (40, 9, "deficient")]


def refits(x, y, new, lam, groups, w):
    found = np.empty((len(new), len(np.unique(groups)), y.shape[1]))
    for code in np.unique(groups):
        keep = groups != code
        coefficients, intercept = refit(x[keep], y[keep], lam, w[keep])
        found[:, code] = new @ coefficients + intercept
    return found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("lam", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
def test_predictions_without_a_row_equal_refits(n, d, kind, lam, weighted):
    x, y = rows(0, n, d, kind=kind)
    new = np.random.default_rng(5).normal(size=(6, d)) @ (np.linalg.pinv(x) @ x if kind == "deficient" else np.eye(d))
    w = np.random.default_rng(1).uniform(0.2, 4, n) if weighted else np.ones(n)
    spectrum = Spectrum.from_rows(x, y, w)
    (left,) = leave_one_out(spectrum, x, y, [lam], sample_weight=w)
    kernel = kernel_of(spectrum, x, new, lam, sample_weight=w)
    found = RidgeWithout(y - left.predictions)(fitted(spectrum, new, lam), kernel)
    assert_agrees(found, refits(x, y, new, lam, np.arange(n), w))


@pytest.mark.parametrize(("n", "d", "kind"), CASES[:3])
def test_predictions_without_a_group_equal_refits(n, d, kind):
    x, y = rows(0, n, d, kind=kind)
    groups = np.random.default_rng(2).integers(0, n // 3, n)
    groups = np.unique(groups, return_inverse=True)[1]
    spectrum, new = Spectrum.from_rows(x, y), np.random.default_rng(5).normal(size=(6, d))
    (left,) = leave_one_group_out(spectrum, x, y, groups, [0.3])
    without = RidgeWithout(y - left.predictions, groups)
    found = without(fitted(spectrum, new, 0.3), kernel_of(spectrum, x, new, 0.3))
    assert without.count == len(np.unique(groups))
    assert_agrees(found, refits(x, y, new, 0.3, groups, np.ones(n)))


def test_the_kernel_is_the_weight_of_each_label_in_the_prediction():
    x, y = rows(3, 15, 4)
    spectrum, new = Spectrum.from_rows(x, y), np.random.default_rng(5).normal(size=(3, 4))
    kernel = kernel_of(spectrum, x, new, 0.5)
    assert_agrees(kernel @ y, fitted(spectrum, new, 0.5), 1e-12)
    assert_agrees(kernel.sum(axis=1), np.ones(3), 1e-12)  # an unpenalised intercept
