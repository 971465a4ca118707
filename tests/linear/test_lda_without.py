"""LDA of new rows without each training row or group, against fits of LDA to the other rows."""

from __future__ import annotations

import numpy as np
import pytest
from linear_reference import one_hot

from headstart.linear.lda_without import LDAWithout, within_residuals
from headstart.linear.leave_out import fitted, leave_one_group_out, leave_one_out
from headstart.linear.optimal_scoring import optimal_scoring
from headstart.linear.predictions_without import kernel_of
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.spectrum import Spectrum


def softmax(scores):
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return scores / scores.sum(axis=-1, keepdims=True)


def problem(n, d, classes, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    return rng.normal(size=(classes, d))[codes] + rng.normal(size=(n, d)), codes, rng.normal(size=(7, d))


def refitted(x, codes, new, lam, keep, classes, w):
    """Probabilities of LDA fitted to the rows ``keep``; it shares the scores, not the removal, with what is tested."""
    spectrum = Spectrum.from_rows(x[keep], one_hot(codes[keep], classes), w[keep])
    priors = np.bincount(codes[keep], w[keep], minlength=classes) / w[keep].sum()
    weight, bias = ridge_coefficients(spectrum, lam)
    weight, bias = optimal_scoring(spectrum, lam, priors=priors).coefficients(weight, bias)
    return softmax(new @ weight + bias)


def built(x, codes, lam, groups, classes, w):
    y = one_hot(codes, classes)
    spectrum = Spectrum.from_rows(x, y, w)
    if groups is None:
        (left,) = leave_one_out(spectrum, x, y, [lam], sample_weight=w)
    else:
        (left,) = leave_one_group_out(spectrum, x, y, groups, [lam], sample_weight=w)
    within = within_residuals(spectrum, lam, np.ones(classes, bool))
    return spectrum, LDAWithout(within, w @ y, y, left.predictions, left.fitted, left.leverage, w, groups)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "classes"), [(40, 6, 2), (60, 8, 5), (30, 50, 4)])
def test_without_a_row_equals_the_fit_to_the_others(n, d, classes, weighted):
    x, codes, new = problem(n, d, classes)
    w = np.random.default_rng(1).uniform(0.3, 3, n) if weighted else np.ones(n)
    spectrum, without = built(x, codes, 0.7, None, classes, w)
    found = softmax(without(fitted(spectrum, new, 0.7), kernel_of(spectrum, x, new, 0.7, sample_weight=w)))
    wanted = [refitted(x, codes, new, 0.7, np.arange(n) != i, classes, w) for i in range(n)]
    np.testing.assert_allclose(found, np.stack(wanted, axis=1), rtol=0, atol=1e-10)


def test_without_a_group_equals_the_fit_to_the_others_also_where_a_class_is_gone():
    x, codes, new = problem(40, 6, 4)
    codes[codes == 3] = 0
    codes[[5, 6]] = 3  # all rows of class 3 are one group
    groups = np.arange(40)
    groups[6] = 5
    groups[[10, 11, 12]] = 10
    groups = np.unique(groups, return_inverse=True)[1]
    w = np.ones(40)
    spectrum, without = built(x, codes, 0.7, groups, 4, w)
    found = softmax(without(fitted(spectrum, new, 0.7), kernel_of(spectrum, x, new, 0.7)))
    wanted = [refitted(x, codes, new, 0.7, groups != g, 4, w) for g in range(without.count)]
    np.testing.assert_allclose(found, np.stack(wanted, axis=1), rtol=0, atol=1e-10)
    assert np.flatnonzero(without.last_of_class).tolist() == [5, 6]
    assert (found[:, groups[5], 3] == 0).all()


def test_the_only_row_of_a_class_makes_its_class_impossible_without_it():
    x, codes, new = problem(30, 5, 3)
    codes[codes == 2] = 0
    codes[7] = 2
    spectrum, without = built(x, codes, 0.7, None, 3, np.ones(30))
    found = softmax(without(fitted(spectrum, new, 0.7), kernel_of(spectrum, x, new, 0.7)))
    wanted = [refitted(x, codes, new, 0.7, np.arange(30) != i, 3, np.ones(30)) for i in range(30)]
    np.testing.assert_allclose(found, np.stack(wanted, axis=1), rtol=0, atol=1e-10)
    assert np.flatnonzero(without.last_of_class).tolist() == [7]
