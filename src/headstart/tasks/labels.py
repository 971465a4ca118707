"""Labels as users write them, as the codes, matrices and values that fits and metrics read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import label_name
from headstart.data.naming.label_names import is_missing
from headstart.errors import DataError
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
    check_labels(labels, task)
    if task.kind == "regression":
        return np.asarray(labels, dtype=np.float64).reshape(len(labels), task.num_outputs)
    code = {label: i for i, label in enumerate(task.labels)}
    try:
        if task.kind == "classification":
            return np.array([code[label_name(label)] for label in labels], dtype=np.int64)
        y = np.zeros((len(labels), task.num_outputs))
        for row, names in enumerate(labels):
            y[row, [code[label_name(name)] for name in names]] = 1.0
        return y
    except KeyError as error:
        known = ", ".join(task.labels[:10]) + (", ..." if len(task.labels) > 10 else "")
        raise DataError(f"The label {error} is unknown to this model, which knows: {known}.") from None


def check_labels(labels: Sequence[Any] | NDArray[Any], task: Task) -> None:
    """Raise unless the labels have the shape that the task wants.

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
    if task.kind == "regression":
        _check_values(labels, task)
        return
    for label in labels:
        listed = isinstance(label, list | tuple | set | frozenset | np.ndarray)
        if task.kind == "multilabel" and not listed:
            raise DataError(f"A multilabel label must be a list of labels. Got {label!r:.80} instead.")
        if task.kind == "classification" and (listed or is_missing(label)):
            raise DataError(f"A classification label must be one name or number. Got {label!r:.80} instead.")


def _check_values(labels: Sequence[Any] | NDArray[Any], task: Task) -> None:
    try:
        values = np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"The values of a regression must be numbers. Got {labels!r:.80} instead.") from None
    if values.size != len(labels) * task.num_outputs or not np.isfinite(values).all():
        raise DataError(
            f"A regression with {task.num_outputs} targets needs that many finite numbers for each of "
            f"{len(labels)} items. Got an array of shape {values.shape} instead."
        )
