"""Metrics that a ranking shows: leave-one-out accuracy (or R²) and loss, each with its 95% interval."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate import metrics
from headstart.evaluate.evaluation import Metric
from headstart.evaluate.intervals.bootstrap import bootstrap
from headstart.evaluate.intervals.shares import share_bounds
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["METRIC_NAMES", "main_metric", "main_metric_with_interval", "mean_with_interval"]

RESAMPLES = 1000
METRIC_NAMES = {"classification": "accuracy", "multilabel": "label accuracy", "regression": "R²"}
"""Name of the main metric for each kind of task; larger is better. In files its key is ``merit``."""

Array = NDArray[np.float64]


def main_metric(task: Task, outputs: Array, truth: NDArray[Any]) -> float:
    """Accuracy, share of correct labels (multi-label), or R².

    Args:
        task: the label schema.
        outputs: (m, k) leave-one-out probabilities or values.
        truth: labels of these m items as in `Dataset`.

    Examples:
        >>> main_metric(Task("classification", ("a", "b")), np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        0.5
    """
    if is_regression(task):
        return float(metrics.r2(outputs, truth))
    return float(_right(task, outputs, truth).mean())


def main_metric_with_interval(
    task: Task, outputs: Array, truth: NDArray[Any], groups: NDArray[np.int64] | None, seed: int
) -> Metric:
    """`main_metric` with its 95% interval: Wilson's for shares, the bootstrap for R².

    Items of a group, and the labels of an item, are correlated, so Wilson's interval uses their effective number.

    Args:
        task: the label schema.
        outputs: (m, k) leave-one-out probabilities or values.
        truth: labels of these m items as in `Dataset`.
        groups: (m,) codes of items that are resampled together, or None.
        seed: of the 1,000 resamples.

    Examples:
        >>> right = np.tile([[0.9, 0.1]], (20, 1))
        >>> main_metric_with_interval(Task("classification", ("a", "b")), right, np.zeros(20, int), None, 0).high
        1.0
    """
    if not is_regression(task):
        cells = _right(task, outputs, truth)
        together: NDArray[np.intp] | NDArray[np.int64] | None = groups
        if cells.ndim == 2:  # the k labels of an item stand together, in the order of cells.ravel()
            together = np.repeat(np.arange(len(cells)) if groups is None else groups, cells.shape[1])
        return Metric(float(cells.mean()), *share_bounds(cells.ravel(), together))
    value = main_metric(task, outputs, truth)
    low, high = bootstrap(
        lambda weights: metrics.r2(outputs, truth, weights), len(truth), groups=groups, resamples=RESAMPLES, seed=seed
    )
    return _metric(value, low, high)


def mean_with_interval(values: Array, groups: NDArray[np.int64] | None, seed: int) -> Metric:
    """A mean over items with its 95% interval, by the bootstrap over items or groups.

    Args:
        values: (m,) one value per item, such as its loss.
        groups: (m,) codes of items that are resampled together, or None.
        seed: of the 1,000 resamples.

    Examples:
        >>> found = mean_with_interval(np.arange(10.0), None, 0)
        >>> found.value, found.low < 4.5 < found.high
        (4.5, True)
    """
    low, high = bootstrap(
        lambda weights: (weights @ values) / weights.sum(axis=-1),
        len(values), groups=groups, resamples=RESAMPLES, seed=seed,
    )  # fmt: skip
    return _metric(float(values.mean()), low, high)


def _metric(value: float, low: SupportsFloat, high: SupportsFloat) -> Metric:
    found = Metric(value, min(float(low), value), max(float(high), value))
    return found if found.high > found.low else Metric(value, math.nan, math.nan)  # no width is no interval


def _right(task: Task, outputs: Array, truth: NDArray[Any]) -> Array:
    """1.0 for each correct item (m,), or for each correct label of each item (m, k)."""
    if is_classification(task):
        return np.asarray(outputs.argmax(axis=1) == truth, dtype=np.float64)
    return np.asarray((outputs >= 0.5) == (truth > 0), dtype=np.float64)
