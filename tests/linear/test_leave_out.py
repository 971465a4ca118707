from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_reference import assert_agrees, one_hot, refit, refit_without, rows
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import LeaveOneGroupOut

from headstart.errors import ParameterError
from headstart.linear import leave_group_out
from headstart.linear.influence import deletion_influence
from headstart.linear.leave_out import leave_one_group_out, leave_one_out
from headstart.linear.moments import Moments
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.rotated import rotate
from headstart.linear.spectrum import Spectrum

CASES = [(40, 7, "plain"), (12, 30, "plain"), (20, 20, "plain"), (40, 9, "deficient"), (40, 7, "scaled")]
LAMBDAS = [1e-3, 0.1, 10.0, 1e3, 1e9]


def weights_for(n, weighted):
    return np.random.default_rng(1).uniform(0.2, 4, n) if weighted else np.ones(n)


def group_codes(n, groups, seed=2):
    return np.random.default_rng(seed).integers(0, groups, n)


def brute(x, y, lam, groups, w):
    wanted = np.empty_like(y)
    for code in np.unique(groups):
        out = np.flatnonzero(groups == code)
        wanted[out] = refit_without(x, y, lam, out, w)
    return wanted


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
def test_leave_one_out_equals_refits(n, d, kind, weighted):
    x, y = rows(0, n, d, kind=kind)
    w = weights_for(n, weighted)
    spectrum = Spectrum.from_rows(x, y, w)
    for left in leave_one_out(spectrum, x, y, LAMBDAS, sample_weight=w):
        assert_agrees(left.predictions, brute(x, y, left.lam, np.arange(n), w))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
def test_leverage_is_the_diagonal_of_the_hat_matrix(n, d, kind, weighted):
    x, y = rows(3, n, d, kind=kind)
    w = weights_for(n, weighted)
    for left in leave_one_out(Spectrum.from_rows(x, y, w), x, y, LAMBDAS, sample_weight=w):
        coefficients, intercept = refit(x, np.eye(n), left.lam, w)
        assert_agrees(left.leverage, (x @ coefficients + intercept).diagonal())


@pytest.mark.parametrize(("n", "d"), [(12, 30), (20, 20), (5, 100)])
@pytest.mark.parametrize("lam", [0.0, 1e-14, 1e-8])
def test_leave_one_out_where_least_squares_interpolates(n, d, lam):
    # here y-f and 1-h are both zero at λ=0; the quotient is the fit of least norm to the other rows
    x, y = rows(4, n, d)
    (left,) = leave_one_out(Spectrum.from_rows(x, y), x, y, [lam])
    # below 1e-10 the reference takes the limit, which is nearer than its own rounding
    assert_agrees(left.predictions, brute(x, y, lam if lam > 1e-10 else 0.0, np.arange(n), None))


def test_a_row_with_a_feature_of_its_own_at_no_penalty():
    # 1-h is zero for this row alone; the others have a plain fit
    x, y = rows(5, 30, 4)
    x = np.column_stack([x, np.arange(30) == 3]).astype(float)
    for left in leave_one_out(Spectrum.from_rows(x, y), x, y, [0.0, 1e-13]):
        assert_agrees(left.predictions, brute(x, y, 0.0, np.arange(30), None))


@pytest.mark.parametrize("mode", ["eigen", "svd"])
@pytest.mark.parametrize(("n", "d"), [(40, 7), (12, 30)])
def test_leave_one_out_equals_ridge_cv(n, d, mode):
    x, y = rows(6, n, d)
    lambdas = [1e-2, 1.0, 1e2]
    model = RidgeCV(alphas=lambdas, store_cv_results=True, gcv_mode=mode).fit(x, y)
    for i, left in enumerate(leave_one_out(Spectrum.from_rows(x, y), x, y, lambdas)):
        assert_agrees((left.predictions - y) ** 2, model.cv_results_[:, :, i])


def test_part_of_the_rows_gets_the_same_values():
    x, y = rows(7, 60, 8)
    w = weights_for(60, weighted=True)
    groups = group_codes(60, 12)
    spectrum = Spectrum.from_moments(Moments.from_rows(x, y, w))
    part = np.array([50, 3, 17, 4])
    (whole,) = leave_one_out(spectrum, x, y, [0.3], sample_weight=w)
    (some,) = leave_one_out(spectrum, x[part], y[part], [0.3], sample_weight=w[part])
    assert_agrees(some.predictions, whole.predictions[part], 1e-13)
    assert_agrees(some.leverage, whole.leverage[part], 1e-13)
    part = np.flatnonzero(groups % 3 == 1)
    (whole,) = leave_one_group_out(spectrum, x, y, groups, [0.3], sample_weight=w)
    (some,) = leave_one_group_out(spectrum, x[part], y[part], groups[part], [0.3], sample_weight=w[part])
    assert_agrees(some.predictions, whole.predictions[part], 1e-12)
    assert_agrees(some.leverage, whole.leverage[part], 1e-12)


@pytest.mark.parametrize("method", ["as chosen", "stack", "refit"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("count", [2, 4, 15])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
def test_leave_one_group_out_equals_refits(n, d, kind, count, weighted, method, monkeypatch):
    if method != "as chosen":
        monkeypatch.setattr(leave_group_out, "_refit_is_cheaper", lambda *_: method == "refit")
    x, y = rows(8, n, d, kind=kind)
    w = weights_for(n, weighted)
    groups = group_codes(n, count)
    for left in leave_one_group_out(Spectrum.from_rows(x, y, w), x, y, groups, LAMBDAS, sample_weight=w):
        assert_agrees(left.predictions, brute(x, y, left.lam, groups, w))


def test_both_ways_are_chosen_among():
    x, y = rows(9, 60, 8)
    groups = np.concatenate([np.zeros(40, int), np.arange(1, 11).repeat(2)])
    spectrum = Spectrum.from_rows(x, y)
    order = np.argsort(np.bincount(groups)[groups], kind="stable")
    sizes = np.bincount(groups)[groups][order]
    blocks = leave_group_out.group_batches(spectrum, rotate(spectrum, x[order], y[order], None, "test"), sizes)
    assert [(type(b).__name__, b.rows) for b in blocks] == [("Stack", slice(0, 20)), ("Refit", slice(20, 60))]


def test_large_stacks_are_cut(monkeypatch):
    x, y = rows(10, 40, 5)
    groups = np.arange(40) // 2
    (whole,) = leave_one_group_out(Spectrum.from_rows(x, y), x, y, groups, [0.3])
    monkeypatch.setattr(leave_group_out, "STACK_NUMBERS", 60)
    (cut,) = leave_one_group_out(Spectrum.from_rows(x, y), x, y, groups, [0.3])
    assert_agrees(cut.predictions, whole.predictions, 1e-13)


def test_leave_one_group_out_equals_scikit_learn():
    x, y = rows(11, 50, 6)
    groups = group_codes(50, 5)
    w = weights_for(50, weighted=True)
    (left,) = leave_one_group_out(Spectrum.from_rows(x, y, w), x, y, groups, [2.0], sample_weight=w)
    for train, test in LeaveOneGroupOut().split(x, y, groups):
        model = Ridge(alpha=2.0, solver="svd").fit(x[train], y[train], sample_weight=w[train])
        assert_agrees(left.predictions[test], model.predict(x[test]))


def test_groups_of_one_row_are_leave_one_out():
    x, y = rows(12, 30, 6)
    spectrum = Spectrum.from_rows(x, y)
    alone = leave_one_group_out(spectrum, x, y, np.arange(30)[::-1], [0.1, 1.0])
    for group, single in zip(alone, leave_one_out(spectrum, x, y, [0.1, 1.0]), strict=True):
        assert_agrees(group.predictions, single.predictions, 1e-13)
        assert_agrees(group.leverage, single.leverage, 1e-13)


@pytest.mark.parametrize("lam", [1e-14, 1e-8])
def test_groups_where_least_squares_interpolates(lam):
    x, y = rows(13, 12, 30)
    groups = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
    (left,) = leave_one_group_out(Spectrum.from_rows(x, y), x, y, groups, [lam])
    assert_agrees(left.predictions, brute(x, y, lam if lam > 1e-10 else 0.0, groups, np.ones(12)))


@pytest.mark.parametrize("method", ["stack", "refit"])
@pytest.mark.parametrize(("n", "d"), [(40, 7), (12, 30)])
def test_rows_of_weight_zero_are_predicted_too(n, d, method, monkeypatch):
    monkeypatch.setattr(leave_group_out, "_refit_is_cheaper", lambda *_: method == "refit")
    x, y = rows(14, n, d)
    w = weights_for(n, weighted=True)
    w[::3] = 0.0
    groups = group_codes(n, 4)
    spectrum = Spectrum.from_rows(x, y, w)
    (left,) = leave_one_out(spectrum, x, y, [0.3], sample_weight=w)
    assert_agrees(left.predictions, brute(x, y, 0.3, np.arange(n), w))
    (left,) = leave_one_group_out(spectrum, x, y, groups, [0.3], sample_weight=w)
    assert_agrees(left.predictions, brute(x, y, 0.3, groups, w))


@pytest.mark.parametrize("lam", [1e-3, 0.3, 100.0])
def test_rows_that_an_interpolating_fit_never_saw_are_predicted(lam):
    """The fit passes through all of its rows; rows that it lacks, given with weight zero, are not passed through."""
    x, y = rows(14, 12, 30)
    w = np.ones(12)
    w[::3] = 0.0
    groups = np.repeat([0, 1, 2], 4)
    spectrum = Spectrum.from_rows(x[w > 0], y[w > 0])
    assert spectrum.interpolates
    (left,) = leave_one_group_out(spectrum, x, y, groups, [lam], sample_weight=w)
    assert_agrees(left.predictions, brute(x, y, lam, groups, w))
    (left,) = leave_one_out(spectrum, x, y, [lam], sample_weight=w)
    assert_agrees(left.predictions, brute(x, y, lam, np.arange(12), w))


def test_a_mean_of_a_million():
    x, y = rows(15, 40, 5)
    shift = np.array([1e6, -1e6, 2e6, 0, 1.0])
    groups = group_codes(40, 8)
    moved = x + shift
    x = moved - shift  # what is left of x at that precision
    spectrum = Spectrum.from_rows(moved, y)
    (left,) = leave_one_out(spectrum, moved, y, [0.3])
    assert_agrees(left.predictions, brute(x, y, 0.3, np.arange(40), None))
    (left,) = leave_one_group_out(spectrum, moved, y, groups, [0.3])
    assert_agrees(left.predictions, brute(x, y, 0.3, groups, np.ones(40)))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(4, 25),
    d=st.integers(1, 25),
    power=st.floats(-2, 4),
    count=st.integers(2, 8),
)
def test_any_shape_equals_refits(seed, n, d, power, count):
    x, y = rows(seed, n, d)
    w = np.random.default_rng(seed).uniform(0.2, 4, n)
    groups = np.arange(n) % count
    spectrum = Spectrum.from_rows(x, y, w)
    (left,) = leave_one_out(spectrum, x, y, [10**power], sample_weight=w)
    assert_agrees(left.predictions, brute(x, y, 10**power, np.arange(n), w))
    (left,) = leave_one_group_out(spectrum, x, y, groups, [10**power], sample_weight=w)
    assert_agrees(left.predictions, brute(x, y, 10**power, groups, w))


def test_rows_that_are_all_the_same_give_the_mean_of_the_others():
    y = np.arange(5.0)[:, None]
    (left,) = leave_one_out(Spectrum.from_rows(np.ones((5, 3)), y), np.ones((5, 3)), y, [0.1])
    assert_agrees(left.predictions, (10 - y) / 4, 1e-13)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "kind"), CASES)
@pytest.mark.parametrize("lam", [1e-2, 1.0, 1e3])
def test_deletion_influence_equals_refits(n, d, kind, lam, weighted):
    x, y = rows(16, n, d, k=3, kind=kind)
    new = np.random.default_rng(17).normal(size=(4, x.shape[1])) @ (x.T @ x) / n
    w = weights_for(n, weighted)
    spectrum = Spectrum.from_rows(x, y, w)
    found = deletion_influence(spectrum, x, y, new, lam, sample_weight=w)
    whole = np.column_stack([new, np.ones(4)]) @ np.vstack(refit(x, y, lam, w))
    assert found.shape == (4, n, 3)
    for i in range(n):
        keep = np.delete(np.arange(n), i)
        coefficients, intercept = refit(x[keep], y[keep], lam, w[keep])
        assert np.abs(found[:, i] - (whole - new @ coefficients - intercept)).max() <= 1e-10 * np.abs(whole).max()


def test_influence_on_itself_is_fitted_minus_left_out():
    x, y = rows(18, 25, 4)
    spectrum = Spectrum.from_rows(x, y)
    found = deletion_influence(spectrum, x, y, x, 0.5)
    coefficients, intercept = ridge_coefficients(spectrum, 0.5)
    (left,) = leave_one_out(spectrum, x, y, [0.5])
    own = found[np.arange(25), np.arange(25)]
    assert_agrees(own, x @ coefficients + intercept - left.predictions, 1e-12)


def test_wrong_input_is_one_sentence():
    x, y = rows(19, 10, 3)
    spectrum = Spectrum.from_rows(x, y)
    with pytest.raises(ParameterError, match="integer codes"):
        leave_one_group_out(spectrum, x, y, np.arange(9), [1.0])
    with pytest.raises(ParameterError, match="integer codes"):
        leave_one_group_out(spectrum, x, y, np.arange(10) * 0.5, [1.0])
    with pytest.raises(ParameterError, match="above 0"):
        leave_one_group_out(spectrum, x, y, np.arange(10), [0.0])
    with pytest.raises(ParameterError, match="two groups"):
        leave_one_group_out(spectrum, x, y, np.zeros(10, int), [1.0])
    with pytest.raises(ParameterError, match="two rows"):
        leave_one_out(Spectrum.from_rows(x[:1], y[:1]), x[:1], y[:1], [1.0])
    with pytest.raises(ParameterError, match="Got 9 and 10"):
        leave_one_out(spectrum, x, y[:9], [1.0])
    with pytest.raises(ParameterError, match="Got 9 and 10"):
        leave_one_group_out(spectrum, x, y[:9], np.arange(10), [1.0])
    with pytest.raises(ParameterError, match=r"shape \(10,\)"):
        leave_one_group_out(spectrum, x, y, np.arange(10), [1.0], sample_weight=np.ones(9))


def test_a_group_that_leaves_nothing_determined_needs_a_larger_penalty():
    x = np.column_stack([np.arange(8.0), np.arange(8) < 4])
    y = one_hot([0, 1] * 4)
    with pytest.raises(ParameterError, match="larger λ"):
        list(leave_one_group_out(Spectrum.from_rows(x, y), x, y, np.arange(8) // 4, [1e-300]))


def test_rows_that_do_not_vary_are_predicted_by_the_mean_of_the_other_groups():
    """Kind: groups of rows without any variation ended in an error of the solver."""
    y = np.arange(12.0)[:, None]
    (left,) = leave_one_group_out(
        Spectrum.from_rows(np.ones((12, 3)), y), np.ones((12, 3)), y, np.arange(12) // 4, [1.0]
    )
    others = [y[np.arange(12) // 4 != group].mean() for group in range(3)]
    np.testing.assert_allclose(left.predictions[:, 0], np.repeat(others, 4))
