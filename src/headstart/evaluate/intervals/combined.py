"""Bounds of the difference of two metrics from those of each (the method of variance estimates recovery, MOVER)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.evaluate.intervals.analytic import analytic_bounds
from headstart.evaluate.metrics.main_metric import main_meter
from headstart.tasks import base_kind, task_methods
from headstart.types import Task

__all__ = ["combined_bounds"]

Array = NDArray[np.float64]


def combined_bounds(
    task: Task, truth: NDArray[Any], sides: tuple[Array, Array], groups: ArrayLike | None
) -> tuple[float, float]:
    """Bounds of the difference from those of both sides (MOVER, Zou & Donner 2008); nan where these are nan.

    Args:
        task: the label schema; the metric is the main one of its kind.
        truth: as `check_outputs` returns it.
        sides: (n, k) outputs of both sides.
        groups: as in `transfer_gain`.

    Examples:
        >>> task, y = Task("regression", ("price",)), np.arange(40.0)[:, None]
        >>> low, high = combined_bounds(task, y, (y, y), None)
        >>> low < 0 < high
        True
    """
    name = task_methods(task).main_metric
    if name in task_methods(task).metrics:  # the task's own metric has no analytic bounds
        return math.nan, math.nan
    values = [float(main_meter(task, outputs, truth)(np.ones(len(truth)))) for outputs in sides]
    own = [analytic_bounds(base_kind(task), outputs, truth, groups)[name] for outputs in sides]
    below = [value - float(np.fmin(low[0], value)) for value, (low, _) in zip(values, own, strict=True)]
    above = [float(np.fmax(high[0], value)) - value for value, (_, high) in zip(values, own, strict=True)]
    # L = a - b - √((a - l_a)² + (u_b - b)²), U = a - b + √((u_a - a)² + (b - l_b)²)
    low, high = math.hypot(below[0], above[1]), math.hypot(above[0], below[1])
    difference = values[0] - values[1]
    return (difference - low, difference + high) if low + high > 0 else (math.nan, math.nan)
