"""The evaluation: values from the metrics, intervals around them, JSON, and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from headstart.errors import DataError
from headstart.evaluate import metrics
from headstart.evaluate.evaluation import Metric, evaluate_predictions
from headstart.evaluate.intervals.analytic import analytic_bounds
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.tasks import TASKS
from headstart.types import Task

MAIN_METRICS = {"classification": "accuracy", "multilabel": "average_precision", "regression": "r2"}

ANIMALS = Task("classification", ("ant", "bee", "cat"))
TAGS = Task("multilabel", ("beach", "dog", "sun", "unseen"))
SIZES = Task("regression", ("length", "weight"))


def make(kind, n=90, seed=0):
    random = np.random.default_rng(seed)
    if kind == "classification":
        y = random.integers(0, 3, n)
        scores = np.exp(2 * np.eye(3)[y] + random.normal(size=(n, 3)))
        return ANIMALS, y, scores / scores.sum(axis=1, keepdims=True)
    if kind == "multilabel":
        y = (random.uniform(size=(n, 4)) < [0.2, 0.5, 0.4, 0.0]).astype(float)
        return TAGS, y, 0.4 * y + 0.6 * random.uniform(size=(n, 4))
    y = random.normal(size=(n, 2))
    return SIZES, y, y + 0.5 * random.normal(size=(n, 2))


@pytest.mark.parametrize("kind", MAIN_METRICS)
@pytest.mark.parametrize("grouped", [False, True])
def test_every_metric_is_its_function_inside_its_interval(kind, grouped):
    task, y, outputs = make(kind)
    groups = np.arange(len(y)) // 3 if grouped else None
    evaluation = evaluate_predictions(task, y, outputs, groups=groups, resamples=200)
    assert evaluation.main == MAIN_METRICS[kind]
    assert (evaluation.task, evaluation.n, evaluation.labels) == (kind, 90, task.labels)
    for name, metric in evaluation.metrics.items():
        assert metric.value == pytest.approx(float(getattr(metrics, name)(outputs, y)), abs=1e-12), name
        assert metric.low <= metric.value <= metric.high, name
        assert metric.low < metric.high, name


def test_the_metrics_of_each_task():
    names = {kind: list(evaluate_predictions(*make(kind), resamples=20).metrics) for kind in MAIN_METRICS}
    assert names["classification"] == [
        *("accuracy", "balanced_accuracy", "macro_precision", "macro_f1"),
        *("log_loss", "brier", "ece", "roc_auc", "average_precision"),
    ]
    assert names["multilabel"] == [
        *("average_precision", "roc_auc", "micro_f1", "macro_f1", "macro_precision", "macro_recall"),
        *("subset_accuracy", "hamming_loss", "log_loss", "brier"),
    ]
    assert names["regression"] == ["r2", "mae", "rmse", "spearman"]


def test_main_metrics_are_the_tasks_own():
    assert {kind: TASKS[kind].main_metric for kind in MAIN_METRICS} == MAIN_METRICS


def test_intervals_hold_the_bootstrap_and_the_analytic_bounds():
    task, y, proba = make("classification")
    groups = np.arange(90) // 4
    evaluation = evaluate_predictions(task, y, proba, groups=groups, seed=5, resamples=300)
    analytic = analytic_bounds("classification", proba, y, groups)
    for name, resamples in (("macro_f1", 300), ("log_loss", 300), ("roc_auc", 200)):
        function = getattr(metrics, name)
        bounds = bootstrap(lambda w, f=function: f(proba, y, w), 90, groups=groups, seed=5, resamples=resamples)
        metric, (low, high) = evaluation.metrics[name], analytic[name]
        expected = min(float(bounds[0]), float(low[0])), max(float(bounds[1]), float(high[0]))
        np.testing.assert_allclose((metric.low, metric.high), expected, rtol=1e-12, err_msg=name)


def test_values_of_regressions_have_the_bootstrap():
    task, y, values = make("regression")
    metric = evaluate_predictions(task, y, values, seed=5, resamples=300).metrics["mae"]
    bounds = bootstrap(lambda w: metrics.mae(values, y, w), 90, seed=5, resamples=300)
    np.testing.assert_allclose((metric.low, metric.high), bounds, rtol=1e-12)


def perfect(kind, n=40):
    y = np.arange(n) % 3
    if kind == "classification":
        return ANIMALS, y, np.eye(3)[y]
    if kind == "multilabel":
        truth = np.column_stack([np.eye(3)[y], np.zeros(n)])
        return TAGS, truth, truth
    return SIZES, np.column_stack([np.arange(n), y]).astype(float), np.column_stack([np.arange(n), y]).astype(float)


@pytest.mark.parametrize("kind", MAIN_METRICS)
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("wrong", [False, True])
def test_no_interval_of_a_perfect_model_is_without_width(kind, grouped, wrong):
    """Kind: an interval of no width (1.000 to 1.000, 0.000 to 0.000) from few items, for any metric."""
    task, y, outputs = perfect(kind)
    outputs = 1 - outputs if wrong and kind == "multilabel" else np.roll(outputs, 1, axis=1) if wrong else outputs
    groups = np.arange(40) // 4 if grouped else None
    evaluation = evaluate_predictions(task, y, outputs, groups=groups, resamples=50)
    rows = [metric for row in evaluation.per_class.values() for metric in row.values() if isinstance(metric, Metric)]
    for metric in (*evaluation.metrics.values(), *rows):
        if not np.isnan(metric.value) and not np.isnan(metric.low):
            assert metric.high - metric.low > 0.01
    assert not np.isnan([metric.low for metric in evaluation.metrics.values()]).any()


def test_what_is_certain_has_no_interval():
    """Equal probabilities cost ln 2 whatever the truth is: there is nothing to estimate."""
    y = np.arange(20) % 2
    found = evaluate_predictions(Task("classification", ("a", "b")), y, np.full((20, 2), 0.5), resamples=20).metrics
    assert found["log_loss"].value == pytest.approx(np.log(2))
    assert np.isnan(found["log_loss"].low)


@pytest.mark.parametrize("sharp", [2.0, 5.0])
def test_intervals_cover_where_the_bootstrap_alone_does_not(sharp):
    """At an accuracy of 0.92 and 0.9998 from 40 items; resamples of a perfect forty never hold the truth."""
    random, task = np.random.default_rng(2), Task("classification", ("a", "b"))

    def draw(n):
        y = random.integers(0, 2, n)
        scores = np.exp(sharp * np.eye(2)[y] + random.normal(size=(n, 2)))
        return y, scores / scores.sum(axis=1, keepdims=True)

    y, proba = draw(50_000)
    names = ("balanced_accuracy", "macro_precision", "macro_f1", "log_loss", "brier", "roc_auc", "average_precision")
    truth = {name: float(getattr(metrics, name)(proba, y)) for name in names}
    held = dict.fromkeys(names, 0)
    for seed in range(60):
        y, proba = draw(40)
        found = evaluate_predictions(task, y, proba, resamples=50, seed=seed).metrics
        for name in names:
            held[name] += found[name].low <= truth[name] <= found[name].high
    assert min(held.values()) >= 53  # 0.95 of 60, less two standard errors


def test_interval_is_widened_to_hold_its_value():
    confidence = np.repeat([0.6, 0.7, 0.8, 0.9], 20)
    y = (np.tile(np.arange(20), 4) / 20 >= confidence).astype(int)  # right as often as said, but not in a resample
    proba = np.column_stack([confidence, 1 - confidence])
    low, _ = bootstrap(lambda w: metrics.ece(proba, y, w), 80, resamples=100)
    metric = evaluate_predictions(Task("classification", ("a", "b")), y, proba, resamples=100).metrics["ece"]
    assert metric.value < 1e-12 < 0.005 < low
    assert metric.low == metric.value < metric.high


@pytest.mark.parametrize("groups", [None, np.arange(90)])
def test_accuracy_of_independent_items_has_wilsons_interval(groups):
    task, y, proba = make("classification")
    accuracy = evaluate_predictions(task, y, proba, groups=groups, resamples=20).metrics["accuracy"]
    interval = binomtest(int((proba.argmax(axis=1) == y).sum()), 90).proportion_ci(method="wilson")
    assert (accuracy.low, accuracy.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_all_right_in_groups_still_has_an_interval():
    y = np.arange(30) % 3
    accuracy = evaluate_predictions(ANIMALS, y, np.eye(3)[y], groups=np.arange(30) // 3, resamples=20).metrics[
        "accuracy"
    ]
    assert (accuracy.value, accuracy.high) == (1.0, 1.0)
    assert accuracy.low == pytest.approx(binomtest(10, 10).proportion_ci(method="wilson").low)


def test_per_class_rows():
    task, y, proba = make("classification")
    evaluation = evaluate_predictions(task, y, proba, resamples=100)
    assert list(evaluation.per_class) == ["ant", "bee", "cat"]
    decided = proba.argmax(axis=1)
    for c, row in enumerate(evaluation.per_class.values()):
        assert list(row) == ["precision", "recall", "f1", "support"]
        assert row["support"] == (y == c).sum()
        assert row["recall"].value == pytest.approx(metrics.recall(proba, y)[c])
        for name, among in (("recall", y == c), ("precision", decided == c)):
            wilson = binomtest(int(((y == c) & (decided == c)).sum()), int(among.sum())).proportion_ci(method="wilson")
            assert (row[name].low, row[name].high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)
    assert (evaluation.confusion == metrics.confusion_matrix(proba, y)).all()


def test_per_target_rows():
    task, y, values = make("regression")
    row = evaluate_predictions(task, y, values, resamples=50).per_class["weight"]
    assert row["rmse"].value == pytest.approx(float(metrics.rmse(values[:, 1], y[:, 1])))
    assert list(row) == ["r2", "mae", "rmse", "spearman"]


def test_unseen_label_is_undefined_not_zero():
    task, y, proba = make("multilabel")
    row = evaluate_predictions(task, y, np.where(np.arange(4) == 3, 0.1, proba), resamples=30).per_class["unseen"]
    assert np.isnan([row["f1"].value, row["f1"].low, row["f1"].high]).all()
    assert row["support"] == 0


@pytest.mark.parametrize("kind", MAIN_METRICS)
def test_to_dict_is_strict_json(kind):
    task, y, outputs = make(kind, n=12)
    evaluation = evaluate_predictions(task, y, outputs, resamples=20)
    plain = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert list(plain["metrics"]) == list(evaluation.metrics)
    assert plain["metrics"][evaluation.main] == evaluation.metrics[evaluation.main].to_dict()
    assert (plain["n"], plain["labels"]) == (12, list(task.labels))


def test_single_item_and_single_class():
    evaluation = evaluate_predictions(ANIMALS, [0], [[0.6, 0.3, 0.1]], resamples=20)
    assert evaluation.metrics["accuracy"].low == pytest.approx(0.2065, abs=1e-4)
    assert np.isnan(evaluation.metrics["roc_auc"].value)
    assert np.isnan(evaluation.metrics["brier"].low)  # one item has no spread
    json.dumps(evaluation.to_dict(), allow_nan=False)
    alone = evaluate_predictions(Task("regression", ("price",)), [1.0], [2.0], resamples=20)
    assert alone.metrics["mae"].value == 1.0
    assert np.isnan(alone.metrics["r2"].value)


def test_one_group_has_no_interval_but_wilsons():
    task, y, proba = make("classification")
    evaluation = evaluate_predictions(task, y, proba, groups=["only"] * 90, resamples=20)
    assert np.isnan([evaluation.metrics[name].low for name in ("accuracy", "macro_f1", "roc_auc")]).all()


def test_same_seed_same_evaluation():
    task, y, proba = make("classification")
    once, again, other = (evaluate_predictions(task, y, proba, seed=s, resamples=50) for s in (0, 0, 1))
    assert once == again != other


@pytest.mark.parametrize(
    ("task", "y", "outputs", "message"),
    [
        (ANIMALS, [0, 1], np.ones((2, 2)) / 2, r"3 outputs .* \(2, 2\)"),
        (ANIMALS, [0, 1, 2], np.ones((2, 3)) / 3, r"\(3,\) and the outputs \(2, 3\)"),
        (ANIMALS, [], np.ones((0, 3)), "at least one item"),
        (ANIMALS, [0, 3], np.ones((2, 3)) / 3, r"0\.\.2\. Got codes 0\.\.3"),
        (ANIMALS, [0, -1], np.ones((2, 3)) / 3, r"codes -1\.\.0"),
        (ANIMALS, [0, 1], np.full((2, 3), np.nan), "finite"),
        (SIZES, [[1, np.inf]], [[1, 1]], "finite"),
        (TAGS, [0, 1], np.ones((2, 4)), r"\(2,\)"),
    ],
)
def test_refusals(task, y, outputs, message):
    with pytest.raises(DataError, match=message):
        evaluate_predictions(task, y, outputs)


def test_metric_is_a_value():
    assert Metric(1.0, 0.5, 2.0) == Metric(1.0, 0.5, 2.0)
    assert Metric(np.nan, np.nan, np.nan).to_dict() == {"value": None, "low": None, "high": None}
