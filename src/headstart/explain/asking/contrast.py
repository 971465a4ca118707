"""The quantity that is explained: a linear function of the head's scores, for one label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError, UnknownNameError
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["Contrast", "contrast_of"]


@dataclass(frozen=True, eq=False)
class Contrast:
    """What is explained about an answer.

    Of a classifier it is the score of a label above the mean score of the other labels, or above that of one other
    label: under a softmax only differences of scores mean anything. With two labels this is the log-odds before
    calibration. Of other tasks it is the score of the label, or the value of the target.

    Attributes:
        target: the position of the label.
        label: its name.
        against: the label that it is compared with; empty for the mean of the others.
        weights: (k,) the weights of the scores.
        quantity: in words.
        unit: of the quantity: ``"score"``, or the name of a regression's target.

    Examples:
        >>> contrast_of(Task("classification", ("a", "b", "c")), "b").weights
        array([-0.5,  1. , -0.5])
    """

    target: int
    label: str
    against: str
    weights: NDArray[np.float64]
    quantity: str
    unit: str

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The quantity (n,) of scores (n, k)."""
        found: NDArray[np.float64] = np.asarray(scores, np.float64) @ self.weights
        return found


def contrast_of(task: Task, label: str, against: str | None = None) -> Contrast:
    """The quantity for a label.

    Args:
        task: the label schema.
        label: the label or target to explain.
        against: for classification, another label; None for the mean of all others.

    Raises:
        UnknownNameError: for a label that the task does not have.
        ParameterError: for ``against`` without a classification, or the same label twice.

    Examples:
        >>> contrast_of(Task("classification", ("ant", "bee")), "bee").quantity
        "the score of 'bee' minus that of 'ant'"
        >>> contrast_of(Task("classification", ("ant", "bee")), "wasp")
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: Unknown label 'wasp'. Known: ant, bee.
    """
    if against and not is_classification(task):
        raise ParameterError(f"'against' compares two classes. Got a {task.kind} task; leave it out.")
    for name in filter(None, (label, against)):
        if name not in task.labels:
            raise UnknownNameError("label", name, task.labels)
    target, k = task.labels.index(label), task.num_outputs
    weights = np.zeros(k)
    weights[target] = 1.0
    if not is_classification(task):
        if is_regression(task):
            return Contrast(target, label, "", weights, f"the value of '{label}'", f"{label}")
        return Contrast(target, label, "", weights, f"the score of '{label}'", "score")
    if against == label:
        raise ParameterError(f"'against' must be another label than '{label}'; name another one, or leave it out.")
    other = against or (task.labels[1 - target] if k == 2 else "")
    if other:
        weights[task.labels.index(other)] = -1.0
        return Contrast(target, label, other, weights, f"the score of '{label}' minus that of '{other}'", "score")
    weights[np.arange(k) != target] = -1.0 / max(k - 1, 1)
    quantity = f"the score of '{label}' minus the mean of the other {k - 1} labels"
    return Contrast(target, label, "", weights, quantity, "score")
