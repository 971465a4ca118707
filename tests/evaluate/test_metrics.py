"""Every metric against scikit-learn, scipy or a plain loop; weights mean repeated items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as reference

from headstart.evaluate import metrics

TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


def on_decisions(score, **settings):
    return lambda y, proba, weights: score(y, proba.argmax(axis=1), sample_weight=weights, **settings)


def on_probabilities(score, **settings):
    return lambda y, proba, weights: score(y, proba, labels=range(proba.shape[1]), sample_weight=weights, **settings)


def average_precision(y, proba, weights):
    return reference.average_precision_score(np.eye(proba.shape[1])[y], proba, average="macro", sample_weight=weights)


PAIRS = {
    "accuracy": on_decisions(reference.accuracy_score),
    "balanced_accuracy": on_decisions(reference.balanced_accuracy_score),
    "macro_precision": on_decisions(reference.precision_score, average="macro", zero_division=0),
    "macro_recall": on_decisions(reference.recall_score, average="macro", zero_division=0),
    "macro_f1": on_decisions(reference.f1_score, average="macro", zero_division=0),
    "log_loss": on_probabilities(reference.log_loss),
    "brier": on_probabilities(reference.brier_score_loss, scale_by_half=False),
    "average_precision": average_precision,
}


def classification(seed, n=60, num_classes=4, ties=True):
    random = np.random.default_rng(seed)
    y = np.concatenate([np.arange(num_classes), random.integers(0, num_classes, n - num_classes)])
    scores = (
        random.integers(1, 6, (n, num_classes)).astype(float) if ties else random.uniform(0.01, 1, (n, num_classes))
    )
    scores[np.arange(n), y] += random.integers(0, 4, n)
    return scores / scores.sum(axis=1, keepdims=True), y, random.uniform(0.1, 3.0, n)


def multilabel(seed, n=50, labels=5):
    random = np.random.default_rng(seed)
    y = (random.uniform(size=(n, labels)) < 0.3).astype(float)
    y[0], y[1] = 0, 1
    proba = np.round(np.clip(0.35 * y + random.uniform(size=(n, labels)) * 0.65, 0.01, 0.99), 2)
    return proba, y, random.uniform(0.1, 3.0, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("name", PAIRS)
def test_classification_agrees_with_scikit_learn(name, num_classes, ties, weighted):
    proba, y, weights = classification(3, num_classes=num_classes, ties=ties)
    weights = weights if weighted else None
    ours = getattr(metrics, name)(proba, y, weights)
    np.testing.assert_allclose(ours, PAIRS[name](y, proba, weights), **TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_roc_auc_agrees_with_scikit_learn(num_classes, weighted):
    proba, y, weights = classification(4, num_classes=num_classes)
    weights = weights if weighted else None
    scores = proba[:, 1] if num_classes == 2 else proba
    expected = reference.roc_auc_score(y, scores, multi_class="ovr", average="macro", sample_weight=weights)
    np.testing.assert_allclose(metrics.roc_auc(proba, y, weights), expected, **TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True])
def test_per_class_values_and_confusion_agree_with_scikit_learn(weighted):
    proba, y, weights = classification(5)
    weights = weights if weighted else None
    expected = reference.precision_recall_fscore_support(y, proba.argmax(axis=1), sample_weight=weights)
    for function, values in zip((metrics.precision, metrics.recall, metrics.f1), expected, strict=False):
        np.testing.assert_allclose(function(proba, y, weights), values, **TOLERANCE)
    assert (metrics.confusion_matrix(proba, y) == reference.confusion_matrix(y, proba.argmax(axis=1))).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_agrees_with_scikit_learn(weighted):
    proba, y, weights = multilabel(0)
    weights = weights if weighted else None
    decided = proba >= 0.5
    shared = {"sample_weight": weights}
    expected = {
        "subset_accuracy": reference.accuracy_score(y, decided, **shared),
        "hamming_loss": reference.hamming_loss(y, decided, **shared),
        "micro_f1": reference.f1_score(y, decided, average="micro", **shared),
        "macro_f1": reference.f1_score(y, decided, average="macro", zero_division=np.nan, **shared),
        "macro_precision": reference.precision_score(y, decided, average="macro", zero_division=0, **shared),
        "macro_recall": reference.recall_score(y, decided, average="macro", zero_division=0, **shared),
        "roc_auc": reference.roc_auc_score(y, proba, average="macro", **shared),
        "average_precision": reference.average_precision_score(y, proba, average="macro", **shared),
        "log_loss": np.mean([reference.log_loss(t, p, **shared) for t, p in zip(y.T, proba.T, strict=True)]),
        "brier": np.mean([reference.brier_score_loss(t, p, **shared) for t, p in zip(y.T, proba.T, strict=True)]),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(metrics, name)(proba, y, weights), value, **TOLERANCE, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_agrees_with_scikit_learn(weighted):
    random = np.random.default_rng(1)
    y = random.normal(size=(40, 3)) * [1, 10, 0.1] + [0, 1000, -5]
    values = y + random.normal(size=y.shape) * [0.5, 3, 0.2]
    weights = random.uniform(0.1, 3, 40) if weighted else None
    pairs = {
        "r2": reference.r2_score,
        "mae": reference.mean_absolute_error,
        "rmse": reference.root_mean_squared_error,
    }
    for name, function in pairs.items():
        for per_target, multioutput in ((False, "uniform_average"), (True, "raw_values")):
            ours = getattr(metrics, name)(values, y, weights, per_target=per_target)
            expected = function(y, values, sample_weight=weights, multioutput=multioutput)
            np.testing.assert_allclose(ours, expected, rtol=1e-12, err_msg=name)


def test_spearman_agrees_with_scipy_also_with_ties_and_repeats():
    random = np.random.default_rng(2)
    y, values = random.integers(0, 6, (2, 30, 2)).astype(float)
    times = random.integers(0, 4, 30)
    for weights, repeats in ((None, np.ones(30, int)), (times, times)):
        chosen = np.repeat(np.arange(30), repeats)
        expected = [spearmanr(y[chosen, t], values[chosen, t]).statistic for t in range(2)]
        np.testing.assert_allclose(metrics.spearman(values, y, weights, per_target=True), expected, **TOLERANCE)
        np.testing.assert_allclose(metrics.spearman(values, y, weights), np.mean(expected), **TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True])
def test_ece_agrees_with_a_plain_loop(weighted):
    proba, y, weights = classification(6, n=200, num_classes=3, ties=False)
    weights = weights if weighted else np.ones(200)
    total = 0.0
    for b in range(15):
        inside = [i for i in range(200) if b / 15 < proba[i].max() <= (b + 1) / 15]
        right = sum(weights[i] * (proba[i].argmax() == y[i]) for i in inside)
        confidence = sum(weights[i] * proba[i].max() for i in inside)
        total += abs(right - confidence)
    np.testing.assert_allclose(metrics.ece(proba, y, weights), total / weights.sum(), **TOLERANCE)


def test_ece_of_extreme_confidences():
    certain = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert metrics.ece(certain, [0, 0]) == 0
    assert metrics.ece(certain, [0, 1]) == 0.5


def test_ece_bins_are_closed_above():
    proba = np.array([[0.5, 0.5], [0.6, 0.4]])  # 0.5 is in (0.25, 0.5], 0.6 in (0.5, 0.75]
    assert metrics.ece(proba, [0, 1], bins=4) == pytest.approx((0.5 + 0.6) / 2)


CLASS_METRICS = [*PAIRS, "roc_auc", "ece"]
LABEL_METRICS = ["subset_accuracy", "hamming_loss", "micro_f1", "macro_f1", "macro_precision", "macro_recall"]
LABEL_METRICS += ["roc_auc", "average_precision", "log_loss", "brier"]
TARGET_METRICS = ["r2", "mae", "rmse", "spearman"]


def cases():
    proba, y, _ = classification(7)
    yield from ((name, proba, y) for name in CLASS_METRICS)
    proba, y, _ = multilabel(7)
    yield from ((name, proba, y) for name in LABEL_METRICS)
    random = np.random.default_rng(7)
    y = random.normal(size=(25, 2)).round(1)
    yield from ((name, y + random.normal(size=y.shape).round(1), y) for name in TARGET_METRICS)


@pytest.mark.parametrize(("name", "outputs", "y"), list(cases()))
def test_whole_weights_are_repeated_items_and_a_stack_is_a_loop(name, outputs, y):
    function = getattr(metrics, name)
    stack = np.random.default_rng(8).integers(0, 3, (2, 3, len(y)))
    together = function(outputs, y, stack)
    assert together.shape == (2, 3)
    for place in np.ndindex(2, 3):
        chosen = np.repeat(np.arange(len(y)), stack[place])
        np.testing.assert_allclose(function(outputs, y, stack[place]), together[place], **TOLERANCE)
        np.testing.assert_allclose(function(outputs[chosen], y[chosen]), together[place], **TOLERANCE)


@pytest.mark.parametrize(("name", "outputs", "y"), list(cases()))
def test_no_weight_at_all_is_nan_without_a_warning(name, outputs, y):
    assert np.isnan(getattr(metrics, name)(outputs, y, np.zeros(len(y))))


def test_auc_and_ap_by_brute_force_with_ties():
    random = np.random.default_rng(9)
    score, positive = random.integers(0, 5, 40).astype(float), random.uniform(size=40) < 0.4
    above = sum((a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive])
    area, precision = metrics.class_rankings(score[:, None], positive[:, None])
    np.testing.assert_allclose(area[0], above / (positive.sum() * (~positive).sum()), **TOLERANCE)
    steps = [positive[score >= s].mean() for s in score[positive]]
    np.testing.assert_allclose(precision[0], np.mean(steps), **TOLERANCE)


@pytest.mark.parametrize("levels", [3, 10_000])
@pytest.mark.parametrize("lift", [0.0, 0.5, 2.0])
def test_rankings_of_a_stack_are_those_of_repeated_items(levels, lift):
    """Whichever run of items is the longest, above, between or below the positives."""
    random = np.random.default_rng(3)
    y = random.integers(0, 3, 60)
    scores = np.round((random.uniform(size=(60, 3)) + lift * np.eye(3)[y]) * levels)
    times = random.integers(0, 3, (5, 60))
    area, precision = metrics.class_ranker(scores, y)(times.astype(float))
    for row, weights in enumerate(times):
        again = np.repeat(np.arange(60), weights)
        one = metrics.class_rankings(scores[again], y[again])
        np.testing.assert_allclose(area[row], one[0], **TOLERANCE)
        np.testing.assert_allclose(precision[row], one[1], **TOLERANCE)


def test_a_class_of_all_the_weight_has_no_area():
    """Its negatives weigh nothing, and not what rounding leaves of a difference."""
    random = np.random.default_rng(4)
    scores, y = random.uniform(size=(50, 2)), np.repeat([0, 1], 25)
    area, precision = metrics.class_rankings(scores, y, random.uniform(size=50) * (y == 0))
    assert np.isnan(area).all()
    np.testing.assert_allclose(precision[0], 1.0, **TOLERANCE)


def test_all_scores_tied_is_chance():
    proba, y = np.full((10, 2), 0.5), np.array([0] * 4 + [1] * 6)
    assert metrics.roc_auc(proba, y) == 0.5
    area, precision = metrics.class_rankings(proba, y)
    assert (area == 0.5).all()
    np.testing.assert_allclose(precision, [0.4, 0.6])


def test_one_class_in_the_evaluated_part():
    proba, y = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]), np.array([0, 0])
    assert np.isnan(metrics.roc_auc(proba, y))  # no class has positives and negatives
    assert metrics.average_precision(proba, y) == 1.0
    assert metrics.balanced_accuracy(proba, y) == 0.5  # class 0 alone occurs
    assert metrics.macro_recall(proba, y) == 0.25  # class 1 is predicted and counts 0, class 2 is left out
    np.testing.assert_array_equal(metrics.recall(proba, y), [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(metrics.precision(proba, y), [1.0, 0.0, np.nan])
    assert metrics.confusion_matrix(proba, y).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_absent_class_is_left_out_of_the_areas():
    proba, y, _ = classification(10, num_classes=3)
    wider = np.column_stack([proba, np.linspace(0, 1, len(y))])
    np.testing.assert_allclose(metrics.roc_auc(wider, y), metrics.roc_auc(proba, y), **TOLERANCE)
    np.testing.assert_allclose(metrics.average_precision(wider, y), metrics.average_precision(proba, y), **TOLERANCE)


def test_certain_and_wrong_has_a_finite_log_loss():
    assert metrics.log_loss(np.array([[1.0, 0.0]]), [1]) == pytest.approx(36.04365338911715)


@pytest.mark.parametrize("constant", [0.1, 1e9 + 0.3, 0.0])
def test_constant_target_is_undefined(constant):
    y = np.column_stack([np.full(7, constant), np.arange(7.0)])
    values = y + 0.1
    np.testing.assert_array_equal(np.isnan(metrics.r2(values, y, per_target=True)), [True, False])
    np.testing.assert_array_equal(np.isnan(metrics.spearman(values, y, per_target=True)), [True, False])
    assert metrics.r2(values, y) == metrics.r2(values[:, 1], y[:, 1])
    one_item = np.zeros(7)
    one_item[3] = 7
    assert np.isnan(metrics.r2(values, y, one_item))
    assert np.isnan(metrics.spearman(values, y, one_item))


def test_constant_under_fractional_weights_is_undefined_not_rounding():
    y = np.repeat([0.3, 0.7, 1.9], 11)
    values = np.random.default_rng(0).uniform(size=33)
    stack = np.random.default_rng(1).uniform(size=(50, 33)) * (y == np.resize([[0.3], [0.7], [1.9]], (50, 1)))
    assert np.isnan(metrics.r2(values, y, stack)).all()
    assert np.isnan(metrics.spearman(values, y, stack)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(6, 40), st.floats(0.01, 100))
def test_metrics_ignore_order_and_the_scale_of_weights(seed, num_classes, n, scale):
    proba, y, weights = classification(seed, n=n, num_classes=num_classes)
    order = np.random.default_rng(seed).permutation(n)
    for name in CLASS_METRICS:
        function = getattr(metrics, name)
        value = function(proba, y, weights)
        np.testing.assert_allclose(function(proba[order], y[order], scale * weights[order]), value, rtol=1e-9)
        assert 0 <= value <= (2 if name == "brier" else np.inf if name == "log_loss" else 1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 40))
def test_areas_see_only_the_order_and_flip_with_it(seed, n):
    random = np.random.default_rng(seed)
    score = random.integers(0, 8, (n, 1)) / 8
    y = np.arange(n)[:, None] % 2
    area, precision = metrics.class_rankings(score, y)
    again = metrics.class_rankings(np.exp(5 * score), y)
    np.testing.assert_allclose((area, precision), again, **TOLERANCE)
    np.testing.assert_allclose(metrics.class_rankings(-score, y)[0], 1 - area, **TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_regression_under_change_of_unit(seed, scale, shift):
    random = np.random.default_rng(seed)
    y = random.normal(size=12)
    values = y + random.normal(size=12)
    moved = (scale * values + shift, scale * y + shift)
    np.testing.assert_allclose(metrics.r2(*moved), metrics.r2(values, y), rtol=1e-6)
    np.testing.assert_allclose(metrics.mae(*moved), scale * metrics.mae(values, y), rtol=1e-9)
    np.testing.assert_allclose(metrics.rmse(*moved), scale * metrics.rmse(values, y), rtol=1e-9)
    assert metrics.rmse(values, y) >= metrics.mae(values, y) - 1e-12
