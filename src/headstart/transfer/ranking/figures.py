"""The figures that a source is shown with: left-out accuracy (or R²) and loss, each with its interval."""

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

__all__ = ["MERITS", "mean_with_interval", "merit_of", "merit_with_interval"]

RESAMPLES = 1000
MERITS = {"classification": "accuracy", "multilabel": "label accuracy", "regression": "R²"}
"""What the merit of a source is called for each kind of task; larger is better."""

Array = NDArray[np.float64]


def merit_of(task: Task, outputs: Array, truth: NDArray[Any]) -> float:
    """Accuracy, share of right labels, or R² of left-out outputs.

    Args:
        task: the label schema.
        outputs: (m, k) probabilities or values.
        truth: labels of these m items as in `Dataset`.

    Examples:
        >>> merit_of(Task("classification", ("a", "b")), np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        0.5
    """
    if is_regression(task):
        return float(metrics.r2(outputs, truth))
    return float(_right(task, outputs, truth).mean())


def merit_with_interval(
    task: Task, outputs: Array, truth: NDArray[Any], groups: NDArray[np.int64] | None, seed: int
) -> Metric:
    """`merit_of` with its 95% interval: Wilson's for shares, the bootstrap for R².

    Items of a group, and the labels of an item, count by their effective number.

    Args:
        task: the label schema.
        outputs: (m, k) probabilities or values.
        truth: labels of these m items as in `Dataset`.
        groups: (m,) codes of what is resampled together, or None.
        seed: of the resamples.

    Examples:
        >>> right = np.tile([[0.9, 0.1]], (20, 1))
        >>> merit_with_interval(Task("classification", ("a", "b")), right, np.zeros(20, int), None, 0).high
        1.0
    """
    if not is_regression(task):
        cells = _right(task, outputs, truth)
        together: NDArray[np.intp] | NDArray[np.int64] | None = groups
        if cells.ndim == 2:
            together = np.repeat(np.arange(len(cells)) if groups is None else groups, cells.shape[1])
        return Metric(float(cells.mean()), *share_bounds(cells.ravel(), together))
    value = merit_of(task, outputs, truth)
    low, high = bootstrap(
        lambda weights: metrics.r2(outputs, truth, weights), len(truth), groups=groups, resamples=RESAMPLES, seed=seed
    )
    return _metric(value, low, high)


def mean_with_interval(values: Array, groups: NDArray[np.int64] | None, seed: int) -> Metric:
    """A mean over items with its 95% interval by the bootstrap over items or whole groups.

    Args:
        values: (m,) a value an item, such as its loss.
        groups: (m,) codes of what is resampled together, or None.
        seed: of the resamples.

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
    """Whether each item (m,), or each label of it (m, k), is right."""
    if is_classification(task):
        return np.asarray(outputs.argmax(axis=1) == truth, dtype=np.float64)
    return np.asarray((outputs >= 0.5) == (truth > 0), dtype=np.float64)
