"""Metrics of continual learning."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import DataError
from headstart.evaluate.continual.accuracy_matrix import (
    AccuracyMatrix,
    average_accuracy,
    backward_transfer,
    forgetting_of_tasks,
)


def test_three_tasks_by_hand():
    matrix = np.array([[0.9, np.nan, np.nan], [0.6, 0.8, np.nan], [0.7, 0.5, 0.6]])
    assert average_accuracy(matrix) == pytest.approx((0.7 + 0.5 + 0.6) / 3)
    assert backward_transfer(matrix) == pytest.approx(((0.7 - 0.9) + (0.5 - 0.8)) / 2)
    assert forgetting_of_tasks(matrix) == pytest.approx([0.9 - 0.7, 0.8 - 0.5])


def test_forgetting_is_from_the_best_step_and_not_the_first():
    matrix = np.array([[0.5, np.nan, np.nan], [0.9, 0.8, np.nan], [0.7, 0.9, 0.6]])
    assert forgetting_of_tasks(matrix) == pytest.approx([0.2, -0.1])
    assert backward_transfer(matrix) == pytest.approx((0.2 + 0.1) / 2)


def test_a_single_task_has_no_past():
    found = AccuracyMatrix(("a",), [[np.array([1, 1, 0])]])
    metrics = found.metrics()
    assert metrics["average_accuracy"].value == pytest.approx(2 / 3)
    assert np.isnan(metrics["backward_transfer"].value)
    assert np.isnan(metrics["forgetting"].value)
    assert set(found.per_task()["a"]) == {"learnt", "last"}


def test_intervals_are_those_of_resamples_one_by_one():
    rng = np.random.default_rng(0)
    sizes = (30, 20, 25)
    hits = [[(rng.random(n) < 0.7).astype(float) for n in sizes[: t + 1]] for t in range(3)]
    found = AccuracyMatrix(("a", "b", "c"), hits)
    metrics = found.metrics(resamples=2000)
    draws = []
    bounds = np.cumsum((0, *sizes))
    for _ in range(2000):
        drawn = rng.integers(0, 75, 75)
        parts = [drawn[(drawn >= bounds[i]) & (drawn < bounds[i + 1])] - bounds[i] for i in range(3)]
        r = [[hits[t][i][parts[i]].mean() for i in range(t + 1)] for t in range(3)]
        draws.append(
            (
                np.mean(r[2]),
                np.mean([r[2][0] - r[0][0], r[2][1] - r[1][1]]),
                np.mean([max(r[0][0], r[1][0]) - r[2][0], r[1][1] - r[2][1]]),
            )
        )
    for metric, values in zip(metrics.values(), np.array(draws).T, strict=True):
        low, high = np.quantile(values, (0.025, 0.975))
        assert metric.low == pytest.approx(low, abs=0.025)
        assert metric.high == pytest.approx(high, abs=0.025)
        assert metric.low <= metric.value <= metric.high


def test_answers_that_are_missing_are_said():
    with pytest.raises(DataError, match="give every task test items"):
        AccuracyMatrix(("a", "b"), [[np.ones(2)], [np.ones(3), np.ones(2)]])
    with pytest.raises(DataError, match="give every task test items"):
        AccuracyMatrix(("a",), [[np.ones(0)]])
