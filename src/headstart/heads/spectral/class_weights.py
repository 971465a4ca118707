"""Class weights: balanced weights that give each class the same total, and the class frequencies that result."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError
from headstart.params import check_choice
from headstart.tasks import is_classification
from headstart.types import Task

__all__ = ["balanced_weights", "class_shares", "row_weights"]


def balanced_weights(y: NDArray[Any], num_classes: int) -> NDArray[np.float64]:
    """Balanced class weights N / (C n_c), (num_classes,): all classes get the same total, and row weights sum to N.

    Args:
        y: (n,) class codes.
        num_classes: of the task; C counts only classes with rows, and a class without rows gets weight 1.

    References:
        King & Zeng, "Logistic Regression in Rare Events Data", Political Analysis 2001.

    Examples:
        >>> balanced_weights(np.array([0, 0, 0, 1]), 3).round(3)
        array([0.667, 2.   , 1.   ])
    """
    counts = np.bincount(np.asarray(y, dtype=np.intp), minlength=num_classes)
    there = counts > 0
    weights = np.ones(num_classes)
    # n_c rows of weight N / (C n_c) sum to N / C for every class
    weights[there] = len(y) / (there.sum() * counts[there])
    return weights


def row_weights(y: NDArray[Any], task: Task, class_weight: str | None) -> NDArray[np.float64] | None:
    """The weight of each row (n,), or None if all weights are equal.

    Args:
        y: labels as in `Dataset`.
        task: the label schema.
        class_weight: ``"balanced"``, or None.

    Raises:
        ParameterError: if ``class_weight`` has another value, or the task is not classification.

    Examples:
        >>> row_weights(np.array([0, 0, 0, 1]), Task("classification", ("a", "b")), "balanced").round(3)
        array([0.667, 0.667, 0.667, 2.   ])
    """
    if class_weight is None:
        return None
    check_choice(class_weight, "class_weight", "a fit", ("balanced",))
    if not is_classification(task):
        raise ParameterError(f"Class weights work with classification only. Got a {task.kind} task; leave them out.")
    return balanced_weights(y, task.num_outputs)[np.asarray(y, dtype=np.intp)]


def class_shares(y: NDArray[Any], num_classes: int, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """The weighted frequency of each class, (num_classes,), which the fit uses as the class priors.

    Args:
        y: (n,) class codes.
        num_classes: of the task.
        weights: (n,) weights of the rows; default: ones.

    Examples:
        >>> class_shares(np.array([0, 0, 0, 1]), 2)
        array([0.75, 0.25])
    """
    summed = np.bincount(np.asarray(y, dtype=np.intp), weights, num_classes)
    return np.asarray(summed / summed.sum(), dtype=np.float64)
