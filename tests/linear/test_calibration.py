from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_reference import assert_agrees
from scipy import optimize, special
from sklearn.metrics import log_loss as sklearn_log_loss

from headstart.errors import DataError, ParameterError
from headstart.linear import calibration
from headstart.linear.calibration import fit_platt, fit_temperature, fit_temperatures, log_loss, log_softmax, softmax


def noisy(seed, n=200, count=4, scale=1.0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, count, n)
    return scale * (rng.normal(size=(n, count)) + 1.5 * np.eye(count)[codes]), codes


def slope_of_loss(scores, codes, beta, w):
    p = special.softmax(beta * scores, axis=1)
    own = scores[np.arange(len(codes)), codes]
    return (w * ((p * scores).sum(1) - own)).sum() / w.sum()


def best_temperature(scores, codes, w):
    spread = np.ptp(scores)
    beta = optimize.brentq(
        lambda b: slope_of_loss(scores, codes, b, w), 1e-5 / spread, 1e3 / spread, xtol=1e-15, rtol=1e-14
    )
    return 1 / beta


def test_softmax_equals_scipy():
    scores = np.random.default_rng(0).normal(size=(20, 5)) * 100
    assert_agrees(softmax(scores), special.softmax(scores, axis=1), 1e-14)
    assert_agrees(log_softmax(scores), special.log_softmax(scores, axis=1), 1e-14)
    assert np.isfinite(softmax([[1e305, -1e305]])).all()
    assert_agrees(softmax([[0.0, -np.inf]]), [[1.0, 0.0]], 0)


def test_log_loss_equals_scikit_learn():
    scores, codes = noisy(1)
    w = np.random.default_rng(2).uniform(0.1, 3, 200)
    assert log_loss(scores, codes) == pytest.approx(sklearn_log_loss(codes, softmax(scores)), rel=1e-13)
    wanted = sklearn_log_loss(codes, softmax(scores), sample_weight=w)
    assert log_loss(scores, codes, w) == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("count", [2, 4, 30])
def test_temperature_is_where_the_slope_is_zero(count, scale, weighted):
    scores, codes = noisy(3, count=count, scale=scale)
    w = np.random.default_rng(4).uniform(0.1, 3, 200) if weighted else np.ones(200)
    assert fit_temperature(scores, codes, w) == pytest.approx(best_temperature(scores, codes, w), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 30), count=st.integers(2, 6), factor=st.floats(1e-3, 1e3))
def test_temperature_follows_the_scale_and_ignores_offsets(seed, n, count, factor):
    scores, codes = noisy(seed, n, count)
    found = fit_temperature(scores, codes)
    assert 0 < found < np.inf
    assert fit_temperature(factor * scores, codes) == pytest.approx(factor * found, rel=1e-7)
    offsets = np.random.default_rng(seed).normal(size=(n, 1))
    assert fit_temperature(scores + offsets, codes) == pytest.approx(found, rel=1e-7)
    assert fit_temperature(scores, codes, np.full(n, 7.0)) == pytest.approx(found, rel=1e-7)


@pytest.mark.parametrize("n", [1, 10, 1000])
@pytest.mark.parametrize("gap", [1e-6, 1.0, 1e6])
def test_perfect_separation_is_one_undecided_row(n, gap):
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 3, n)
    scores = gap * (np.eye(3)[codes] + rng.uniform(0, 0.5, (n, 3)))
    temperature = fit_temperature(scores, codes)
    assert n * log_loss(scores / temperature, codes) == pytest.approx(np.log(2), rel=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [60, 900])
def test_many_temperatures_are_found_in_one_search(n, weighted):
    """Noise, signal, right answers only, misleading scores and constant ones; each as if it were alone, to the bit."""
    rng = np.random.default_rng(11)
    codes = rng.integers(0, 3, n)
    w = rng.uniform(0, 2, n) * (rng.random(n) < 0.9) if weighted else None
    signal = np.eye(3)[codes]
    noise = rng.normal(size=(n, 3))
    scores = np.stack([noise + strength * signal for strength in (0.0, 0.5, 1.5, 1e3, -1.0)] + [-signal, 0 * noise])
    found = fit_temperatures(scores, codes, w)
    assert found.tolist() == [fit_temperature(one, codes, w) for one in scores]
    assert found[-2:] == pytest.approx([1e3, 1.0], rel=1e-6)
    known = np.ones(n) if w is None else w
    assert found[1:3] == pytest.approx([best_temperature(one, codes, known) for one in scores[1:3]], rel=1e-9)


def test_the_search_ends_in_few_steps(monkeypatch):
    """Kind: an equation that is solved to the last bit was halved away from forty times more."""
    calls = []
    evaluated = calibration._Equations.__call__
    monkeypatch.setattr(calibration._Equations, "__call__", lambda self, u: calls.append(1) or evaluated(self, u))
    for seed in range(40):
        fit_temperature(*noisy(seed, 40, 3))
    assert len(calls) <= 40 * 8


def test_classes_without_rows_may_differ_between_arrays():
    scores, codes = noisy(12, 30, 3)
    wider = np.stack([np.column_stack([scores, scores[:, 0]]), np.column_stack([scores, np.full(30, -np.inf)])])
    found = fit_temperatures(wider, codes)
    assert found.tolist() == [fit_temperature(one, codes) for one in wider]
    assert found[0] != found[1]


def test_scores_that_mislead_or_say_nothing_end_near_uniform():
    codes = np.array([0, 1, 2] * 10)
    misleading = -np.eye(3)[codes]
    assert fit_temperature(misleading, codes) == pytest.approx(1e3, rel=1e-6)
    assert softmax(misleading / fit_temperature(misleading, codes)).max() < 0.334
    assert fit_temperature(np.zeros((30, 3)), codes) == 1.0


def test_ties_alone_stay_in_range():
    scores = np.array([[1.0, 1.0, 0.0]] * 4)
    assert 1e-6 <= fit_temperature(scores, [0, 1, 0, 1]) < 1.0


def test_a_class_without_rows_changes_nothing():
    scores, codes = noisy(6)
    wider = np.column_stack([scores, np.full(200, -np.inf)])
    assert fit_temperature(wider, codes) == fit_temperature(scores, codes)


def platt_reference(scores, y, w):
    up, down = w[y == 1].sum(), w[y == 0].sum()
    t = np.where(y == 1, (up + 1) / (up + 2), 1 / (down + 2))

    def gradient(ab):
        p = special.expit(ab[0] * scores + ab[1])
        return np.array([(w * (p - t)) @ scores, (w * (p - t)).sum()])

    def loss(ab):
        z = ab[0] * scores + ab[1]
        return (w * (np.logaddexp(0, z) - t * z)).sum()

    start = optimize.minimize(loss, [0.0, 0.0], jac=gradient, method="BFGS", options={"gtol": 1e-6}).x
    return optimize.root(gradient, start, tol=1e-13).x


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["noisy", "separated", "rare", "far", "one class"])
def test_platt_equals_scipy(kind, weighted):
    rng = np.random.default_rng(7)
    y = (rng.random(150) < (0.03 if kind == "rare" else 0.4)).astype(int)
    if kind == "one class":
        y[:] = 0
    scores = rng.normal(size=150) + (8.0 if kind == "separated" else 1.0) * y + (20.0 if kind == "far" else 0.0)
    w = rng.uniform(0.1, 3, 150) if weighted else np.ones(150)
    assert_agrees(fit_platt(scores, y, w), platt_reference(scores, y, w), 1e-8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), factor=st.floats(1e-4, 1e4), shift=st.floats(-100, 100))
def test_platt_follows_an_affine_change_of_scores(seed, factor, shift):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 20)
    scores = rng.normal(size=20) + y
    slope, intercept = fit_platt(scores, y)
    moved_slope, moved_intercept = fit_platt(factor * scores + shift, y)
    logits = slope * scores + intercept
    moved = moved_slope * (factor * scores + shift) + moved_intercept
    np.testing.assert_allclose(moved, logits, rtol=1e-8, atol=1e-8)


def test_platt_of_constant_scores_is_the_share():
    slope, intercept = fit_platt(np.full(4, 3.0), [1, 1, 1, 0])
    # targets are 4/5 three times and 1/3 once
    assert slope == 0
    assert special.expit(intercept) == pytest.approx((3 * 4 / 5 + 1 / 3) / 4, rel=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: softmax([1.0, 2.0]), ParameterError, r"\(n, d\)"),
        (lambda: log_loss(np.eye(2), [0, 2]), ParameterError, "from 0 to 1"),
        (lambda: log_loss(np.eye(2), [0.0, 1.0]), ParameterError, "integer class code"),
        (lambda: fit_temperature(np.eye(2), [0]), ParameterError, "integer class code"),
        (lambda: fit_temperature(np.eye(2), [0, 1], [0, 0]), ParameterError, "positive weight"),
        (lambda: fit_temperature([[0.0, np.nan]], [0]), DataError, "finite scores"),
        (lambda: fit_temperature([[0.0, -np.inf]], [1]), DataError, "must be possible"),
        (lambda: fit_platt([0.0, 1.0], [0, 2]), ParameterError, "labels 0 or 1"),
        (lambda: fit_platt(np.eye(2), np.eye(2)), ParameterError, r"\(n,\)"),
        (lambda: fit_platt([0.0, np.inf], [0, 1]), DataError, "finite"),
        (lambda: fit_platt([0.0, 1.0], [0, 1], [0, 0]), ParameterError, "positive weight"),
    ],
)
def test_wrong_input_is_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
