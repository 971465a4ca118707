"""Comparisons of models from their outputs: against brute force, at the edges, and how often they err."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.evaluate.comparison import compare_outputs
from headstart.evaluate.intervals.shares import paired_shares
from headstart.evaluate.pairs.sentences import verdict_sentences
from headstart.types import Task

TASK = Task("classification", ("ant", "bee", "wasp"))
LABELS = Task("multilabel", ("a", "b", "c"))
VALUE = Task("regression", ("price",))


def answers(y, wrong):
    """Probabilities that are right but for the items in ``wrong``."""
    shown = y.copy()
    shown[wrong] = (shown[wrong] + 1) % 3
    outputs = np.full((len(y), 3), 0.1)
    outputs[np.arange(len(y)), shown] = 0.8
    return outputs


@pytest.fixture
def y():
    return np.arange(120) % 3


def sentences(found):
    return verdict_sentences(found.pairs, found.names, (found.metric, found.loss_name, found.n), found.best, found.tied)


def test_two_classifiers_have_newcombes_interval_and_mcnemars_test(y):
    first, second = answers(y, np.arange(20)), answers(y, np.arange(17, 21))
    found = compare_outputs(TASK, y, [first, second], ["A", "B"])
    pair = found.pairs[0]
    hits = [(one.argmax(axis=1) == y).astype(float) for one in (second, first)]
    assert (pair.main.low, pair.main.high) == pytest.approx(paired_shares(*hits))
    assert pair.main.value == pytest.approx(16 / 120)
    assert (pair.only_first, pair.only_second, pair.decided_by) == (1, 17, 16)
    assert pair.main.p == pytest.approx(2 * (1 + 18) / 2**18)
    assert (found.test, found.best, found.tied, pair.better) == ("McNemar's exact test", 1, (1,), 1)
    assert sentences(found)[0].startswith("B is better than A: accuracy +13.3 points [")
    assert sentences(found)[0].endswith("18 items decide it: B alone is right on 17, A alone on 1.")
    swapped = compare_outputs(TASK, y, [second, first], ["B", "A"])
    assert sentences(swapped)[0].startswith("A is worse than B: accuracy -13.3 points [")
    assert sentences(swapped)[0].endswith("18 items decide it: A alone is right on 1, B alone on 17.")
    assert swapped.pairs[0].main.low == pytest.approx(-pair.main.high)


def test_classes_have_their_own_differences(y):
    first, second = answers(y, np.flatnonzero(y == 1)[:15]), answers(y, np.flatnonzero(y == 2)[:3])
    classes = {one.label: one for one in compare_outputs(TASK, y, [first, second], ["A", "B"]).pairs[0].classes}
    assert [(one.items, round(one.value, 3)) for one in classes.values()] == [(40, 0.0), (40, 0.375), (40, -0.075)]
    assert classes["bee"].is_clear
    assert not classes["wasp"].is_clear
    assert classes["bee"].p_holm == pytest.approx(3 * classes["bee"].p)


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_the_same_outputs_differ_by_exactly_zero(kind, y):
    random = np.random.default_rng(0)
    given = {
        "classification": (TASK, y, answers(y, np.arange(9))),
        "multilabel": (LABELS, (random.random((40, 3)) < 0.4).astype(float), random.random((40, 3))),
        "regression": (VALUE, random.normal(size=(40, 1)), random.normal(size=(40, 1))),
    }
    task, truth, outputs = given[kind]
    found = compare_outputs(task, truth, [outputs, outputs.copy()], ["A", "B"])
    pair = found.pairs[0]
    assert (pair.main.value, pair.main.low, pair.main.high, pair.main.p, pair.loss.value) == (0, 0, 0, 1, 0)
    assert pair.same_outputs
    assert pair.equivalent
    assert found.tied == (0, 1)
    assert "the difference is exactly zero" in sentences(found)[0]


def test_a_regression_compares_r2_and_the_mean_absolute_error():
    random = np.random.default_rng(0)
    truth = random.normal(size=(80, 1))
    first, second = truth + random.normal(0, 0.6, (80, 1)), truth + random.normal(0, 0.3, (80, 1))
    pair = compare_outputs(VALUE, truth, [first, second], ["A", "B"]).pairs[0]
    squares = [((one - truth) ** 2).sum() for one in (first, second)]
    spread = ((truth - truth.mean()) ** 2).sum()
    assert pair.main.value == pytest.approx((squares[0] - squares[1]) / spread)
    assert pair.loss.value == pytest.approx(np.abs(second - truth).mean() - np.abs(first - truth).mean())
    assert pair.better == 1
    # without the items that speak most for it, the difference is gone; with one of them less, it is not
    gains = np.sort(((first - truth) ** 2 - (second - truth) ** 2)[:, 0])[::-1]
    assert gains[pair.decided_by :].sum() <= 0 < gains[pair.decided_by - 1 :].sum()


def test_several_labels_exchange_outputs_and_compare_each_label():
    random = np.random.default_rng(0)
    truth = (random.random((60, 3)) < 0.4).astype(float)
    weak, strong = (np.clip(truth * s + random.random((60, 3)) * (1 - s), 0, 1) for s in (0.1, 0.6))
    found = compare_outputs(LABELS, truth, [weak, strong], ["A", "B"])
    pair = found.pairs[0]
    assert found.metric == "average_precision"
    assert "exchanges the outputs" in found.test
    assert (pair.better, pair.decided_by, len(pair.classes)) == (1, None, 3)


def test_groups_are_one_unit(y):
    """Ten copies of twelve items are no evidence of 120."""
    groups = np.repeat(np.arange(12), 10)
    truth = np.repeat(np.arange(12) % 3, 10)
    first, second = answers(truth, np.flatnonzero(groups < 4)), answers(truth, np.arange(0))
    alone = compare_outputs(TASK, truth, [first, second], ["A", "B"])
    together = compare_outputs(TASK, truth, [first, second], ["A", "B"], groups=groups)
    assert (together.units, alone.units) == (12, 120)
    assert alone.pairs[0].main.p < 1e-9
    assert together.pairs[0].main.p == pytest.approx(0.125)  # four groups of one sign: 2 / 2^4
    assert together.pairs[0].better is None
    widths = [one.pairs[0].main.high - one.pairs[0].main.low for one in (alone, together)]
    assert widths[1] > 2 * widths[0]


def test_three_models_are_corrected_for_three_pairs(y):
    outputs = [answers(y, np.arange(50)), answers(y, np.arange(12)), answers(y, np.arange(2, 13))]
    found = compare_outputs(TASK, y, outputs, ["A", "B", "C"])
    assert [(one.first, one.second) for one in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert (found.best, found.tied) == (2, (1, 2))
    for pair in found.pairs:
        assert pair.main.p <= pair.main.p_holm <= min(1.0, 3 * pair.main.p)
        assert pair.simultaneous[0] < pair.main.low < pair.main.high < pair.simultaneous[1]
    first, second = sentences(found)
    assert first == "C has the best accuracy on 120 items, and is better than A (corrected for all 3 pairs)."
    assert second == "B and C cannot be told apart on 120 items."
    json.dumps(found.to_dict(), allow_nan=False)


def test_two_nearly_equal_models_are_equivalent_within_the_margin():
    truth = np.arange(6000) % 3
    outputs = [answers(truth, np.arange(30)), answers(truth, np.arange(2, 32))]
    narrow = compare_outputs(TASK, truth, outputs, ["A", "B"])
    assert narrow.pairs[0].equivalent
    assert sentences(narrow)[0].startswith("B is equivalent to A: accuracy +0.0 points")
    few = compare_outputs(TASK, truth[:90], [one[:90] for one in outputs], ["A", "B"])
    assert not few.pairs[0].equivalent
    assert compare_outputs(TASK, truth[:90], [one[:90] for one in outputs], ["A", "B"], margin=0.5).pairs[0].equivalent


def test_a_difference_on_five_items_is_not_significant(y):
    """The interval alone would call it one: McNemar's p-value of 5 items of one sign is 0.0625."""
    pair = compare_outputs(TASK, y, [answers(y, np.arange(5)), answers(y, np.arange(0))], ["A", "B"]).pairs[0]
    assert pair.main.p == pytest.approx(0.0625)
    assert pair.better is None


def test_a_single_item_has_no_interval():
    found = compare_outputs(TASK, [0], [answers(np.array([0]), [0]), answers(np.array([0]), [])], ["A", "B"])
    assert math.isnan(found.pairs[0].main.low)
    assert "cannot be told apart" in sentences(found)[0]
    assert found.to_dict()["pairs"][0]["main"]["low"] is None


def test_what_cannot_be_compared_is_refused(y):
    right = answers(y, [])
    with pytest.raises(ParameterError, match="two or more models"):
        compare_outputs(TASK, y, [right], ["A"])
    with pytest.raises(ParameterError, match="margin"):
        compare_outputs(TASK, y, [right, right], ["A", "B"], margin=0)
    with pytest.raises(DataError):
        compare_outputs(TASK, y, [right, right[:-1]], ["A", "B"])


@pytest.mark.slow
def test_equal_models_are_told_apart_in_at_most_five_percent_of_the_draws():
    """Four models of one accuracy: the chance that any pair is told apart is below 0.05; of single tests it is not."""
    random, draws, any_pair, any_single = np.random.default_rng(0), 200, 0, 0
    for _ in range(draws):
        truth = random.integers(0, 3, 150)
        outputs = [answers(truth, np.flatnonzero(random.random(150) < 0.3)) for _ in range(4)]
        pairs = compare_outputs(TASK, truth, outputs, list("ABCD")).pairs
        any_pair += any(one.better is not None for one in pairs)
        any_single += any(one.main.p <= 0.05 for one in pairs)
    assert any_pair / draws <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / draws)
    assert any_single > any_pair


def test_a_one_sided_bound_beside_a_two_sided_interval_says_which_is_which():
    truth = np.arange(90) % 3
    found = compare_outputs(TASK, truth, [answers(truth, range(20)), answers(truth, range(5, 26))], ["A", "B"])
    assert found.pairs[0].at_most < max(abs(found.pairs[0].main.low), abs(found.pairs[0].main.high))
    assert sentences(found)[0].count("apart (one-sided; the interval is two-sided)") == 1
