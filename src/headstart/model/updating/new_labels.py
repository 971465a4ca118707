"""Labels that a model does not have yet: new classes, or further labels of a multi-label model, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import label_name
from headstart.errors import DataError
from headstart.heads import FittedHead
from headstart.linear.moments import Moments
from headstart.model.certainty import Certainty
from headstart.tasks import check_labels, is_multilabel, is_regression, task_methods
from headstart.types import Task

__all__ = ["check_calibrated", "padded_calibration", "with_calibrated_labels", "with_labels"]


def with_labels(task: Task, labels: Sequence[Any]) -> Task:
    """The label schema with the labels that it does not have yet, sorted, behind its own; a regression gets none.

    Args:
        task: the label schema.
        labels: n labels, lists of labels or values, as a user writes them.

    Raises:
        DataError: if a label has another shape than the task's.

    Examples:
        >>> with_labels(Task("multilabel", ("a", "b")), [["a"], ["c", "b"], []]).labels
        ('a', 'b', 'c')
    """
    if is_regression(task):
        return task
    check_labels(labels, task)
    given = chain.from_iterable(labels) if is_multilabel(task) else labels
    new = sorted({label_name(label) for label in given} - set(task.labels))
    return replace(task, labels=task.labels + tuple(new))


def check_calibrated(before: Task, after: Task, certainty: Certainty | None) -> None:
    """Raise where a multi-label model gets labels that nothing can calibrate.

    Args:
        before: its label schema.
        after: with the new labels.
        certainty: the items of the fit with their rows, or their left-out scores; None where they are not at hand.

    Raises:
        DataError: naming the labels.

    Examples:
        >>> check_calibrated(Task("multilabel", ("a",)), Task("multilabel", ("a", "b")), None)
        Traceback (most recent call last):
        headstart.errors.DataError: The label 'b' is new, and its probabilities cannot be calibrated: ...
    """
    new = after.labels[before.num_outputs :]
    if is_multilabel(after) and new and certainty is None:
        named = ", ".join(map(repr, new[:5]))
        raise DataError(
            f"The label{'' if len(new) == 1 else 's'} {named} {'is' if len(new) == 1 else 'are'} new, and "
            f"{'its' if len(new) == 1 else 'their'} probabilities cannot be calibrated: the rows of the training items "
            "are not at hand; fit again on all items, or leave the new labels out."
        )


def padded_calibration(calibration: dict[str, NDArray[Any]], task: Task, moments: Moments) -> dict[str, NDArray[Any]]:
    """Platt's parameters with those of new labels, which answer with their base rate until they are calibrated.

    Args:
        calibration: of the labels so far.
        task: with the new labels.
        moments: of all rows.

    Examples:
        >>> known = {"slope": np.ones(1), "intercept": np.zeros(1)}
        >>> moments = Moments.from_rows(np.eye(2), np.eye(2))
        >>> padded_calibration(known, Task("multilabel", ("a", "b")), moments)["intercept"]
        array([0., 0.])
    """
    known = len(calibration.get("slope", ()))
    if not is_multilabel(task) or not known or known == task.num_outputs:
        return calibration
    count = moments.target_mean[known:] * moments.w
    rate = (np.clip(count, 0, moments.w) + 1) / (moments.w + 2)  # Laplace's rule
    slope = np.append(calibration["slope"], np.zeros(len(rate)))
    return calibration | {"slope": slope, "intercept": np.append(calibration["intercept"], np.log(rate / (1 - rate)))}


def with_calibrated_labels(head: FittedHead, before: Task, task: Task, certainty: Certainty | None) -> FittedHead:
    """The head with its new labels calibrated on left-out scores; the others keep their calibration.

    Args:
        head: solved with the new labels.
        before: the label schema without them.
        task: the label schema.
        certainty: left-out scores of the items under this fit; None where there are none.

    Raises:
        DataError: if there are new labels and no scores.

    Examples:
        >>> from headstart.heads import FeatureMap
        >>> head = FittedHead(FeatureMap("x", ((0, 1),), "none"), "knn", 1.0, np.ones((1, 2)), np.zeros(2), {}, 0.5, ())
        >>> with_calibrated_labels(head, Task("multilabel", ("a", "b")), Task("multilabel", ("a", "b")), None) is head
        True
    """
    known = before.num_outputs
    if not is_multilabel(task) or known == task.num_outputs:
        return head
    check_calibrated(before, task, certainty)
    assert certainty is not None  # noqa: S101 (`check_calibrated` raised otherwise)
    methods = task_methods(task)
    found = methods.calibrate(certainty.scores[:, known:], certainty.labels[:, known:], certainty.weights)
    calibration = {
        name: np.append(values[:known], found[name]) if name in found else values
        for name, values in head.calibration.items()
    }
    return replace(head, calibration=calibration)
