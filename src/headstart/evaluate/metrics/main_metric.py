"""The main metric of a task as a function of weights, for many resamples in one array operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate import metrics
from headstart.tasks import task_methods
from headstart.types import Task

__all__ = ["main_meter"]

Array = NDArray[np.float64]


def main_meter(task: Task, outputs: Array, truth: NDArray[Any]) -> Callable[[Array], Array]:
    """The main metric as a function of weights (..., n); what does not depend on them is computed once.

    Args:
        task: the label schema.
        outputs: (n, k) probabilities or values.
        truth: as `check_outputs` returns it.

    Examples:
        >>> meter = main_meter(Task("classification", ("ant", "bee")), np.eye(2)[[0, 1, 1]], np.array([0, 1, 0]))
        >>> round(float(meter(np.ones(3))), 3)
        0.667
    """
    name = task_methods(task).main_metric
    if name == "average_precision":
        rank = metrics.class_ranker(outputs, truth)
        return lambda weights: metrics.mean_defined(rank(weights)[1])
    own = task_methods(task).metrics
    return partial(own[name] if name in own else getattr(metrics, name), outputs, truth)
