"""Labels as users write them, encoded as the codes, matrices or values of a `Dataset`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from headstart.tasks.registry import task_methods
from headstart.types import Task

__all__ = ["check_labels", "encode_labels"]


def encode_labels(labels: Sequence[Any] | NDArray[Any], task: Task) -> NDArray[Any]:
    """Labels as a user writes them, as the ``y`` of a `Dataset`.

    Args:
        labels: n labels, lists of labels, or values.
        task: the label schema.

    Returns:
        Codes (n,), a 0/1 matrix (n, labels) or values (n, targets).

    Raises:
        DataError: if a label is missing, unknown to the task, or of another shape than the task's.

    Examples:
        >>> encode_labels(["bee", "ant"], Task("classification", ("ant", "bee")))
        array([1, 0])
    """
    return task_methods(task).encode(labels, task)


def check_labels(labels: Sequence[Any] | NDArray[Any], task: Task) -> None:
    """Raise unless the labels have the shape that the task requires.

    Args:
        labels: n labels, lists of labels, or values.
        task: the label schema.

    Raises:
        DataError: naming the first label that does not fit.

    Examples:
        >>> check_labels(["ab"], Task("multilabel", ("a", "b")))
        Traceback (most recent call last):
        headstart.errors.DataError: A multilabel label must be a list of labels. Got 'ab' instead.
    """
    task_methods(task).check(labels, task)
