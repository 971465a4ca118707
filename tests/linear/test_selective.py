"""Selective prediction: bounds against scipy, the sequence of tests against brute force, and the promise itself."""

import math

import numpy as np
import pytest
from scipy.stats import beta, binom

from headstart.errors import ParameterError
from headstart.linear.selective import error_bound, least_answers, promised_selection


@pytest.mark.parametrize(("mistakes", "answers"), [(0, 1), (0, 59), (3, 100), (17, 20), (999, 1000)])
def test_the_bound_is_clopper_pearson(mistakes: int, answers: int) -> None:
    bound = error_bound(mistakes, answers)
    assert bound == pytest.approx(beta.ppf(0.95, mistakes + 1, answers - mistakes), abs=1e-10)
    assert binom.cdf(mistakes, answers, bound) == pytest.approx(0.05, abs=1e-10)


def test_the_least_answers_without_a_mistake_just_suffice() -> None:
    for error in (0.005, 0.01, 0.02, 0.05, 0.1, 0.3):
        least = least_answers(error)
        assert error_bound(0, least) <= error < error_bound(0, least - 1)


def brute(sure: np.ndarray, wrong: np.ndarray, error: float) -> float:
    """The share that is answered: every threshold in the documented order of tests, by a plain loop."""
    cuts = sorted(set(sure.tolist()), reverse=True)
    counts = [(int((sure >= cut).sum()), int(wrong[sure >= cut].sum())) for cut in cuts]
    answered, wanted = 0, float(least_answers(error))
    for place, (many, mistakes) in enumerate(counts):
        if many < wanted and not (place == len(counts) - 1 and many >= least_answers(error)):
            continue
        if binom.cdf(mistakes, many, error) > 0.05:
            break
        answered, wanted = many, max(1.1 * wanted, many + 1)
    return answered / len(sure)


@pytest.mark.parametrize("seed", range(20))
def test_the_selection_is_that_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sure = np.round(rng.beta(5, 1, 400), 2 + seed % 2)  # with many ties
    wrong = rng.random(400) > sure
    for error in (0.02, 0.05, 0.1, 0.2, 0.6):
        found = promised_selection(sure, wrong, error)
        assert found.answered == brute(sure, wrong, error)
        chosen = sure > found.threshold
        assert chosen.mean() == found.answered
        if found.promises:
            assert (found.units, found.mistakes) == (chosen.sum(), wrong[chosen].sum())
            assert found.bound <= error


def test_a_promise_is_broken_in_at_most_a_twentieth_of_draws() -> None:
    """The guarantee: true error above the promise with probability of at most 5%, here 1,000 draws."""
    rng, broken, given = np.random.default_rng(0), 0, 0
    for _ in range(1000):
        sure = rng.beta(3, 0.5, 300)
        found = promised_selection(sure, rng.random(300) > sure, 0.05)
        given += found.promises
        # a calibrated confidence: the error above t is E[1 - s | s > t]
        broken += found.promises and _error_above(found.threshold) > 0.05
    assert given > 200
    assert broken <= binom.ppf(0.999, 1000, 0.05)


def _error_above(t: float) -> float:
    t = max(t, 0.0)
    above = beta.sf(t, 3, 0.5)
    return 1 - (3 / 3.5) * beta.sf(t, 4, 0.5) / above


def test_a_group_counts_once_and_as_a_mistake_if_any_answer_is_one() -> None:
    sure = np.linspace(1, 0.9, 180)
    groups = np.repeat(np.arange(60), 3)
    wrong = np.zeros(180, bool)
    found = promised_selection(sure, wrong, 0.05, groups=groups)
    assert (found.units, found.mistakes, found.promises) == (60, 0, True)
    wrong[1] = True
    assert not promised_selection(sure, wrong, 0.05, groups=groups).promises
    late = np.arange(180) >= 120
    assert promised_selection(sure, late, 0.05).units > 100 > promised_selection(sure, late, 0.05, groups=groups).units


def test_groups_of_one_are_independent_answers() -> None:
    rng = np.random.default_rng(1)
    sure = rng.beta(5, 0.5, 500)
    wrong = rng.random(500) > sure
    assert promised_selection(sure, wrong, 0.05, groups=np.arange(500)) == promised_selection(sure, wrong, 0.05)


def test_too_little_evidence_promises_nothing() -> None:
    found = promised_selection(np.full(58, 0.9), np.zeros(58, bool), 0.05)
    assert (found.promises, found.units, found.least, found.threshold) == (False, 58, 59, math.inf)
    assert not promised_selection([], [], 0.05).promises


def test_equal_confidences_are_answered_together() -> None:
    sure = np.array([0.9] * 100 + [0.8] * 100)
    wrong = np.arange(200) >= 150
    found = promised_selection(sure, wrong, 0.05)
    assert (found.threshold, found.units) == (0.8, 100)


@pytest.mark.parametrize("error", [0, 1, -0.1, 2, True, "0.02", math.nan])
def test_an_error_outside_of_0_and_1_is_refused(error: object) -> None:
    with pytest.raises(ParameterError, match="must lie between 0 and 1"):
        promised_selection([0.5], [False], error)


def test_a_nan_is_refused() -> None:
    with pytest.raises(ParameterError, match="NaN"):
        promised_selection([math.nan], [False], 0.1)


@pytest.mark.parametrize("error", [5e-324, 1e-300, 1e-17])
def test_an_error_next_to_zero_needs_more_answers_than_there_are(error):
    """Kind: an OverflowError for a number that a client may send."""
    assert least_answers(error) == 2**53
