"""Remove items from the moments of a model, and refuse items that the model cannot have been fitted on.

Moments hold sums, not items. What is left after a removal must still be the moments of some items: no class has fewer
than no items, and the joint scatter of features and targets has no negative eigenvalue. With fewer items than features
hardly any other item passes; with many more, an item that resembles those of the fit does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, ParameterError
from headstart.linear.moments import Moments
from headstart.tasks import is_regression
from headstart.types import Task

__all__ = ["check_one_label_each", "moments_without"]

# Relative to the sum of squares of what is removed. Rows of float32 that were computed twice differ by less.
ROUNDING = 1e-4
# What subtraction may leave of a class without items, as a share of the weight of all.
NO_ITEM = 1e-9

IMPOSSIBLE = (
    "These items with these labels cannot all have been in the fit: no set of items could remain without them; forget "
    "only items of the fit, unchanged and with the labels and the number format that they had there."
)


def check_one_label_each(items: int, labels: int) -> None:
    """Raise unless there are as many labels as items.

    Args:
        items: their number.
        labels: their number.

    Raises:
        DataError: names both numbers.

    Examples:
        >>> check_one_label_each(3, 2)
        Traceback (most recent call last):
        headstart.errors.DataError: The items are 3, but the labels 2; give one label for each item.
    """
    if items != labels:
        raise DataError(f"The items are {items:,}, but the labels {labels:,}; give one label for each item.")


def moments_without(moments: Moments, gone: Moments, task: Task) -> Moments:
    """The moments of a model without those of some of its items.

    Args:
        moments: of the items that the model was fitted on.
        gone: of the items to remove, in the same features and targets.
        task: the label schema.

    Raises:
        ParameterError: if the model cannot have been fitted on these items with these labels, or none would be left.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0], [4.0, 4.0]]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> moments_without(Moments.from_rows(x, y), Moments.from_rows(x[:1], y[:1]), task).n
        2
        >>> moments_without(Moments.from_rows(x, y), Moments.from_rows(x[:1], y[2:]), task)
        Traceback (most recent call last):
        headstart.errors.ParameterError: These items with these labels cannot all have been in the fit: no set of ...
    """
    if gone.n >= moments.n:
        raise ParameterError(
            f"The model was fitted on {moments.n:,} items, and at least one must remain. Got {gone.n:,} to forget; "
            "forget only some of its items."
        )
    if not is_regression(task):
        _check_classes(moments, gone, task)
    try:
        rest = moments - gone
    except ParameterError as error:
        raise ParameterError(IMPOSSIBLE) from error
    if not _is_possible(moments, rest):
        raise ParameterError(IMPOSSIBLE)
    return rest


def _check_classes(moments: Moments, gone: Moments, task: Task) -> None:
    short = np.flatnonzero(moments.wy - gone.wy < -NO_ITEM * moments.w)
    if len(short):
        k = short[0]
        raise ParameterError(
            f"The model was fitted on items of '{task.labels[k]}' of weight {moments.wy[k]:g} in all. Got "
            f"{gone.wy[k]:g} to forget; forget only items of the fit, with the labels that they had there."
        )


def _is_possible(moments: Moments, rest: Moments) -> bool:
    """Whether what is left has no negative eigenvalue, but for rounding."""
    size = np.sqrt(np.concatenate([moments.scatter.diagonal(), moments.target_scatter.diagonal()]))
    size[size == 0] = 1.0
    removed = _joint(moments, size) - _joint(rest, size)
    allowed = ROUNDING * max(float(np.trace(removed)), 0.0)
    try:
        np.linalg.cholesky(_joint(rest, size) + allowed * np.eye(len(size)))
    except np.linalg.LinAlgError:
        return False
    return True


def _joint(moments: Moments, size: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scatter of features and targets together, in units of ``size``."""
    whole = np.block([[moments.scatter, moments.cross], [moments.cross.T, moments.target_scatter]])
    found: NDArray[np.float64] = whole / size / size[:, None]
    return found
