"""Permutation tests against enumeration and binomial sums, and Holm's correction against its definition."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.evaluate.intervals.paired_tests import holm, sign_flip, swap_test


def enumerated(units):
    """The share of all patterns of signs whose sum is as far from zero."""
    sums = [abs(np.dot(signs, units)) for signs in product((1, -1), repeat=len(units))]
    return np.mean([one >= abs(sum(units)) - 1e-9 for one in sums])


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 0), (6, 0), (14, 4), (9, 9), (40, 84)])
def test_accuracy_without_groups_is_mcnemars_exact_test(wins, losses):
    count = wins + losses
    tail = sum(comb(count, k) for k in range(min(wins, losses) + 1)) / 2**count
    found = sign_flip([1] * wins + [-1] * losses + [0] * 7)
    assert found == pytest.approx(min(1.0, 2 * tail), abs=1e-12)


def test_groups_have_the_exact_distribution_of_their_sums():
    random = np.random.default_rng(0)
    values, groups = random.integers(-1, 2, size=60), np.repeat(np.arange(15), 4)
    sums = np.bincount(groups, values)
    assert len(np.unique(np.abs(sums[sums != 0]))) > 1  # not all of one size, so no binomial test
    assert sign_flip(values, groups) == pytest.approx(enumerated(sums[sums != 0]), abs=1e-12)


def test_few_real_differences_are_enumerated_and_many_are_drawn():
    few = np.random.default_rng(1).normal(0.3, 1.0, 10)
    assert sign_flip(few) == pytest.approx(enumerated(few), abs=1e-12)
    more = np.random.default_rng(2).normal(0.5, 1.0, 14)
    assert sign_flip(more, resamples=20_000) == pytest.approx(enumerated(more), abs=0.01)


def test_exchanging_outputs_of_a_mean_gives_the_test_of_its_differences():
    random = np.random.default_rng(3)
    first, second = random.normal(size=14), random.normal(0.6, size=14)
    both = np.concatenate([first, second])
    found = swap_test(lambda weights: weights @ both / 14, 14, resamples=20_000)
    assert found == pytest.approx(enumerated(second - first), abs=0.01)


def test_exchanged_groups_move_as_a_whole():
    both = np.array([0.0] * 6 + [1.0] * 6)  # two groups: two of four patterns are as extreme
    found = swap_test(lambda weights: weights @ both / 6, 6, ["a"] * 3 + ["b"] * 3, resamples=4000)
    assert found == pytest.approx(0.5, abs=0.03)


def test_an_undefined_metric_has_no_p_value():
    assert np.isnan(swap_test(lambda weights: np.full(len(weights), np.nan), 4))


def test_holm_is_the_step_down_procedure():
    p = np.random.default_rng(4).uniform(0, 0.2, 9)
    order = np.argsort(p)
    expected, largest = np.empty(9), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (9 - rank) * p[place]))
        expected[place] = largest
    assert holm(p) == pytest.approx(expected)
    assert holm([0.02]) == pytest.approx([0.02])
    assert np.isnan(holm([0.01, np.nan])).tolist() == [False, True]
    assert holm([0.01, np.nan])[0] == 0.01
    with pytest.raises(ParameterError, match="shape"):
        holm([[0.1]])
