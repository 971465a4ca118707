"""Checks of the labels that callers of scikit-learn's interface give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from headstart.data import label_name
from headstart.data.naming.label_names import is_missing
from headstart.errors import DataError
from headstart.tasks.labels import encode_labels
from headstart.types import Task

__all__ = ["checked_labels", "checked_values", "class_names"]

VECTOR = "vector"
MANY = "more than one label; give a matrix of 0 and 1, as scikit-learn's MultiLabelBinarizer makes of lists."


def checked_labels(estimator: BaseEstimator, X: Any, y: ArrayLike) -> tuple[Any, NDArray[Any]]:  # noqa: N803 (scikit-learn's name)
    """The items, and labels (n,) or a 0/1 matrix (n, labels) as an array.

    Args:
        estimator: its ``source`` decides whether X is an array of numbers, which scikit-learn checks.
        X: n items.
        y: n labels, or a matrix of 0 and 1.

    Raises:
        DataError: for a missing label, for a collection of labels, and for labels of mixed types.

    Examples:
        >>> from headstart import TransferClassifier
        >>> checked_labels(TransferClassifier("toy"), ["good", "bad"], ["+", None])
        Traceback (most recent call last):
        headstart.errors.DataError: Label 1 of y is missing (None); leave its item out, or give it a label.
    """
    if isinstance(estimator.source, str) and estimator.source == VECTOR:
        _check_each(y)
        items, labels = validate_data(estimator, X, y, dtype=np.float64, multi_output=True)
    else:
        _check_each(y)
        items, labels = X, np.asarray(y)
    check_classification_targets(labels)
    return items, labels


def _check_each(y: ArrayLike) -> None:
    """Raise for labels for which numpy or scikit-learn would raise an error without saying which label is wrong."""
    labels = np.asarray(y, dtype=object)
    if labels.ndim == 2 and labels.shape[1] > 1 and any(isinstance(value, str) for value in labels.ravel()):
        raise DataError(f"Label 0 of y is {labels[0].tolist()!r:.80}, {MANY}")
    if labels.ndim != 1:
        return  # scikit-learn checks these itself
    values = labels.tolist()
    for place, value in enumerate(values):
        if isinstance(value, list | tuple | set | frozenset | np.ndarray):
            raise DataError(f"Label {place} of y is {value!r:.80}, {MANY}")
        if is_missing(value):
            raise DataError(f"Label {place} of y is missing ({value!r:.80}); leave its item out, or give it a label.")
    odd = next((k for k, value in enumerate(values) if isinstance(value, str) != isinstance(values[0], str)), None)
    if odd is not None:
        raise DataError(
            f"The labels are texts and numbers, such as {values[0]!r:.40} and {values[odd]!r:.40}; make them all texts."
        )


def class_names(classes: NDArray[Any]) -> tuple[str, ...]:
    """The names of the classes in a model, the same as for a table with these labels.

    Args:
        classes: (k,) distinct labels.

    Raises:
        DataError: if two of them have the same name.

    Examples:
        >>> class_names(np.array([0.0, 1.0]))
        ('0', '1')
    """
    names = tuple(label_name(value) for value in classes.tolist())
    for place, name in enumerate(names):
        first = names.index(name)
        if first < place:
            raise DataError(
                f"The labels {classes[first]!r} and {classes[place]!r} are both '{name}'; give them one spelling."
            )
    return names


def checked_values(estimator: BaseEstimator, X: Any, y: Any) -> tuple[Any, NDArray[np.float64]]:  # noqa: N803 (scikit-learn's name)
    """The items, and values (n,) or (n, targets) as numbers.

    Args:
        estimator: its ``source`` decides whether X is an array of numbers, which scikit-learn checks.
        X: n items.
        y: n values, or a matrix of them.

    Raises:
        DataError: for a value that is not a finite number.

    Examples:
        >>> from headstart import TransferRegressor
        >>> checked_values(TransferRegressor("toy"), ["good", "bad"], ["1", "x"])
        Traceback (most recent call last):
        headstart.errors.DataError: The values of a regression must be numbers. Got ['1', 'x'] instead.
    """
    if isinstance(estimator.source, str) and estimator.source == VECTOR:
        items, values = validate_data(estimator, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        return items, np.asarray(values, dtype=np.float64)
    shape = np.asarray(y, dtype=object).shape
    count = shape[1] if len(shape) == 2 else 1
    values = encode_labels(y, Task("regression", tuple(f"target {i}" for i in range(count))))
    return X, values[:, 0] if len(shape) == 1 else values
