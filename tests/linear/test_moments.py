from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_reference import TIGHT, assert_agrees, one_hot, refit, rows

from headstart.errors import DataError, ParameterError
from headstart.linear.moments import Moments
from headstart.linear.ridge import ridge_coefficients
from headstart.linear.running import symmetric
from headstart.linear.spectrum import Spectrum

NAMES = ("mean", "scatter", "cross", "target_mean", "target_scatter")
RAW = {"wx": "ni,n->i", "wxx": "ni,nj,n->ij", "wxy": "ni,nk,n->ik", "wy": "nk,n->k", "wyy": "nk,nl,n->kl"}


def large_mean(seed=0, n=400):
    """Columns like a year, a timestamp and a plain feature, sorted so that the batches drift; targets likewise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) + np.array([1e6, -1e6, 0.0])
    y = rng.normal(size=(n, 2)) + np.array([1e6, 0.0])
    order = np.argsort(x[:, 0])
    return x[order], y[order]


def exact_centred(x, y, weights):
    """Centred moments in long double, which has 11 more bits."""
    x, y, w = (np.asarray(a, np.longdouble) for a in (x, y, weights))
    mean, target_mean = w @ x / w.sum(), w @ y / w.sum()
    xc, yc = x - mean, y - target_mean
    wx, wy = w[:, None] * xc, w[:, None] * yc
    return {
        "mean": mean,
        "scatter": wx.T @ xc,
        "cross": wx.T @ yc,
        "target_mean": target_mean,
        "target_scatter": wy.T @ yc,
    }


def same(left, right, tolerance=TIGHT):
    assert left.n == right.n
    assert left.w == pytest.approx(right.w, rel=1e-13)
    for name in NAMES:
        assert_agrees(getattr(left, name), getattr(right, name), tolerance)


def coefficients(moments, lam=0.7):
    return ridge_coefficients(Spectrum.from_moments(moments), lam)


@pytest.mark.parametrize("name", RAW)
def test_raw_sums_are_the_sums(name):
    x, y = rows(0, 30, 4)
    w = np.random.default_rng(1).uniform(0.1, 3, 30)
    operands = {"i": x, "j": x, "k": y, "l": y, "n": w}
    parts = RAW[name].split("->")[0].split(",")
    wanted = np.einsum(RAW[name], *(operands[part[-1]] for part in parts))
    assert_agrees(getattr(Moments.from_rows(x, y, w), name), wanted, 1e-13)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch", [1, 7, 400])
def test_a_mean_of_a_million_costs_no_digits(weighted, batch):
    x, y = large_mean()
    w = np.random.default_rng(2).uniform(0.1, 3, 400) if weighted else np.ones(400)
    batches = [(x[i : i + batch], y[i : i + batch], w[i : i + batch]) for i in range(0, 400, batch)]
    streamed = Moments.stream(batches)
    added = Moments.zeros(3, 2)
    for one in batches:
        added = added + Moments.from_rows(*one)
    wanted = exact_centred(x, y, w)
    for found in (streamed, added):
        for name in NAMES:
            assert_agrees(getattr(found, name), wanted[name], 1e-13)


def test_raw_sums_alone_would_fail_at_a_mean_of_a_million():
    x, y = large_mean()
    wanted = exact_centred(x, y, np.ones(400))["scatter"]
    naive = x.T @ x - np.outer(x.sum(0), x.sum(0)) / 400
    assert np.abs(naive - wanted).max() / np.abs(wanted).max() > 1e-8


def test_removal_at_a_mean_of_a_million():
    x, y = large_mean()
    out = np.arange(0, 400, 3)
    keep = np.setdiff1d(np.arange(400), out)
    rest = Moments.from_rows(x, y) - Moments.from_rows(x[out], y[out])
    wanted = exact_centred(x[keep], y[keep], np.ones(len(keep)))
    for name in NAMES:
        assert_agrees(getattr(rest, name), wanted[name], 1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_rows_of_any_type_are_summed_in_float64(dtype):
    x = (np.arange(24).reshape(8, 3) % 7).astype(dtype)
    y = np.ones((8, 1))
    same(Moments.from_rows(x, y), Moments.from_rows(x.astype(float), y), 1e-15)


def test_chunks_of_a_long_array_give_the_whole():
    x, y = rows(3, 9001, 3)
    wanted = exact_centred(x.astype(np.float32), y, np.ones(9001))
    found = Moments.from_rows(x.astype(np.float32), y)
    for name in NAMES:
        assert_agrees(getattr(found, name), wanted[name], 1e-13)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    cuts=st.lists(st.integers(0, 60), min_size=2, max_size=5),
    shift=st.sampled_from([0.0, 1e3, 1e6]),
)
def test_addition_in_any_order_and_bracketing(seed, cuts, shift):
    x, y = rows(seed, 60, 4)
    x = x + shift
    edges = [0, *sorted(cuts), 60]
    parts = [Moments.from_rows(x[i:j], y[i:j]) for i, j in pairwise(edges)]
    whole = Moments.from_rows(x, y)
    left = right = Moments.zeros(4, 2)
    for part in parts:
        left = left + part
    for part in reversed(parts):
        right = part + right
    same(left, whole, 1e-12)
    same(right, whole, 1e-12)
    back = left
    for part in parts[1:]:
        back = back - part
    if parts[0].n > 5:
        same(back, parts[0], 1e-10)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), order=st.permutations(range(5)))
def test_new_classes_in_any_order_equal_the_joint_fit(seed, order):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(5), 8)
    x = rng.normal(size=(40, 6)) + 3 * rng.normal(size=(5, 6))[codes]
    seen: list[int] = []
    moments = Moments.zeros(6, 0)
    for label in order:
        seen.append(label)
        mine = x[codes == label]
        moments = moments.with_targets(len(seen))
        moments = moments + Moments.from_rows(mine, one_hot(np.full(len(mine), len(seen) - 1), len(seen)))
    wanted = refit(x, one_hot(codes)[:, order], 0.7)
    for found, expected in zip(coefficients(moments), wanted, strict=True):
        assert_agrees(found, expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(50, 8), (12, 30)])
def test_update_and_removal_equal_the_refit(shape, weighted):
    x, y = rows(4, *shape)
    rng = np.random.default_rng(5)
    w = rng.uniform(0.2, 4, shape[0]) if weighted else np.ones(shape[0])
    out = rng.choice(shape[0], shape[0] // 3, replace=False)
    keep = np.setdiff1d(np.arange(shape[0]), out)
    whole = Moments.from_rows(x[keep], y[keep], w[keep]) + Moments.from_rows(x[out], y[out], w[out])
    rest = Moments.from_rows(x, y, w) - Moments.from_rows(x[out], y[out], w[out])
    for found, wanted in zip(coefficients(whole), refit(x, y, 0.7, w), strict=True):
        assert_agrees(found, wanted)
    for found, wanted in zip(coefficients(rest), refit(x[keep], y[keep], 0.7, w[keep]), strict=True):
        assert_agrees(found, wanted)


def test_recursive_least_squares_equals_the_joint_solution():
    # ACIL: K = (I + XRXᵀ)⁻¹, R -= RXᵀKXR, W += RXᵀ(Y - XW) on rows centred beforehand, one batch after another
    x, y = rows(6, 60, 7)
    x, y = x - x.mean(0), y - y.mean(0)
    r, w = np.eye(7) / 0.7, np.zeros((7, 2))
    for i in range(0, 60, 9):
        xb, yb = x[i : i + 9], y[i : i + 9]
        r = r - r @ xb.T @ np.linalg.solve(np.eye(len(xb)) + xb @ r @ xb.T, xb @ r)
        w = w + r @ xb.T @ (yb - xb @ w)
    assert_agrees(coefficients(Moments.stream((x[i : i + 9], y[i : i + 9]) for i in range(0, 60, 9)))[0], w)


def test_weights_count_as_copies_and_zero_as_absence():
    x, y = rows(7, 20, 3)
    copies = np.random.default_rng(8).integers(0, 4, 20)
    found = Moments.from_rows(x, y, copies)
    wanted = Moments.from_rows(np.repeat(x, copies, axis=0), np.repeat(y, copies, axis=0))
    for name in (*NAMES, "w"):
        assert_agrees(getattr(found, name), getattr(wanted, name), 1e-13)
    assert found.n == 20


def test_nothing_is_left_when_all_is_removed():
    x, y = rows(9, 20, 3)
    moments = Moments.from_rows(x, y)
    rest = moments - moments
    assert rest.n == 0
    assert rest.w == 0
    assert not rest.scatter.any()
    same(rest + moments, moments, 1e-15)


def test_rows_of_weight_zero_only_count():
    x, y = rows(10, 20, 3)
    moments = Moments.from_rows(x, y)
    silent = Moments.from_rows(x[:5], y[:5], np.zeros(5))
    assert (moments + silent).n == 25
    assert (moments + silent - silent).n == 20
    assert_agrees((moments + silent).scatter, moments.scatter, 0)
    only = moments + silent - moments
    assert (only.n, only.w) == (5, 0)


def test_saved_moments_return_bit_for_bit():
    moments = Moments.from_rows(*large_mean())
    arrays = moments.to_arrays()
    assert all(array.dtype == np.float64 for array in arrays.values())
    assert arrays["scatter"].shape == (6,)
    back = Moments.from_arrays(arrays)
    assert (back.n, back.w) == (moments.n, moments.w)
    for name in (*NAMES, "mean_tail", "target_mean_tail"):
        np.testing.assert_array_equal(getattr(back, name), getattr(moments, name))


def test_damaged_arrays_are_refused():
    arrays = Moments.zeros(3, 1).to_arrays()
    with pytest.raises(ParameterError, match="'scatter' of shape"):
        Moments.from_arrays(arrays | {"scatter": np.zeros(5)})
    with pytest.raises(ParameterError, match="lack cross, w"):
        Moments.from_arrays({k: v for k, v in arrays.items() if k not in {"cross", "w"}})


def test_scatter_is_exactly_symmetric():
    scatter = Moments.from_rows(*rows(11, 30, 6)).scatter
    np.testing.assert_array_equal(scatter, scatter.T)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Moments.zeros(3, 1) + Moments.zeros(4, 1), ParameterError, "cannot be added"),
        (lambda: Moments.zeros(3, 1) - Moments.zeros(3, 2), ParameterError, "with_targets"),
        (lambda: Moments.zeros(3, 1) - Moments.from_rows(np.eye(3), np.ones((3, 1))), ParameterError, "remove only"),
        (lambda: Moments.zeros(3, 2).with_targets(1), ParameterError, "reduce 2 target columns to 1"),
        (lambda: Moments.stream([]), ParameterError, "at least one batch"),
        (lambda: Moments.from_rows(np.eye(3), np.ones((2, 1))), ParameterError, "Got 2 and 3"),
        (lambda: Moments.from_rows(np.eye(3), np.ones(3)), ParameterError, r"\(n, d\)"),
        (lambda: Moments.from_rows([["a"]], np.ones((1, 1))), ParameterError, "real numbers"),
        (lambda: Moments.from_rows(np.eye(3), np.ones((3, 1)), [1, 1, -1]), ParameterError, "non-negative"),
        (lambda: Moments.from_rows(np.eye(3), np.ones((3, 1)), [1, 1]), ParameterError, r"shape \(3,\)"),
        (lambda: Moments.from_rows([[0.0], [np.nan]], np.ones((2, 1))), DataError, "Row 1 of the features"),
        (lambda: Moments.from_rows(np.eye(2), [[0.0], [np.inf]]), DataError, "Row 1 of 'y'"),
        (lambda: Moments.stream([(np.eye(2), np.eye(2)), (np.eye(3), np.eye(3))]), ParameterError, r"\(n, 2\)"),
    ],
)
def test_wrong_input_is_one_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_removal_of_strangers_is_refused():
    x, y = rows(12, 20, 3)
    with pytest.raises(ParameterError, match="were never added"):
        Moments.from_rows(x, y) - Moments.from_rows(100 * x[:5], y[:5])


@pytest.mark.parametrize("weighted", [False, True])
def test_rescaled_moments_are_those_of_the_rescaled_rows(weighted):
    x, y = large_mean()
    w = np.random.default_rng(2).uniform(0.1, 3, 400) if weighted else np.ones(400)
    shift, scale = x.mean(axis=0) + 1, np.array([2.0, 1e-3, 7.0])
    found = Moments.from_rows(x, y, w).rescaled(shift, scale)
    wanted = exact_centred((np.asarray(x, np.longdouble) - shift) / scale, y, w)
    for name in NAMES:
        assert_agrees(getattr(found, name), wanted[name], 1e-12)
    assert found.n == 400


def test_rows_and_targets_of_a_short_last_chunk_leave_nothing_of_the_one_before():
    x, y = rows(3, 4096 + 5, 3)
    parts = Moments.from_rows(x[:4096], y[:4096]) + Moments.from_rows(x[4096:], y[4096:])
    same(Moments.from_rows(x, y), parts, 1e-13)


@pytest.mark.parametrize("size", [1, 256, 300, 600])
def test_a_triangle_is_mirrored_block_by_block_and_what_is_below_is_not_read(size):
    """Right value of a memory fault: whole triangles were copied four times."""
    matrix = np.random.default_rng(size).normal(size=(size, size))
    upper = np.triu(matrix)
    for order in "CF":
        assert np.array_equal(symmetric(np.array(matrix, order=order)), upper + np.triu(upper, 1).T)
