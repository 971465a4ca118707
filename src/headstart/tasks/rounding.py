"""Probabilities with few decimals whose rows still add up to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.tasks.registry import is_multilabel, is_regression
from headstart.types import Task

__all__ = ["rounded"]

DIGITS = 6  # after the decimal point


def rounded(outputs: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    """Largest-remainder rounding: probabilities with six decimals whose rows still add up to 1.

    Args:
        outputs: (n, k) outputs of the model.
        task: its task. Independent probabilities of several labels are rounded one by one; values of a regression are
            not rounded.

    Returns:
        (n, k) outputs.

    Examples:
        >>> rounded(np.full((1, 3), 1 / 3), Task("classification", ("a", "b", "c"))).tolist()
        [[0.333334, 0.333333, 0.333333]]
    """
    if is_regression(task):
        return outputs
    if is_multilabel(task):
        return np.round(outputs, DIGITS)
    scaled = outputs * 10**DIGITS
    floors = np.floor(scaled)
    # each row lacks this many units of 1e-6; they go to its largest remainders, to the first of equal ones
    missing = 10**DIGITS - floors.sum(axis=1).astype(np.int64)
    order = np.argsort(-(scaled - floors), axis=1, kind="stable")
    rank = np.empty_like(order)  # the inverse permutation of each row: rank 0 is the largest remainder
    np.put_along_axis(rank, order, np.arange(outputs.shape[1])[None, :], axis=1)
    return np.asarray((floors + (rank < missing[:, None])) / 10**DIGITS)
