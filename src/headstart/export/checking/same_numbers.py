"""Whether a folder of another library computes the same numbers as the model, where both read the same input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParityError
from headstart.tasks import is_multilabel, is_regression
from headstart.types import Task

__all__ = ["MOST_SAME", "SAME", "same_numbers"]

SAME = 1e-4  # of the logarithm of a probability, which is a logit less a constant of the item
MOST_SAME = 100
LEAST = 1e-7  # probabilities nearer to 0 or 1 than this say nothing about a logit of 32 bits
Array = NDArray[np.float64]


def same_numbers(reference: Array, found: Array, task: Task) -> dict[str, Any]:
    """The largest difference of a log-probability (a logit of one label, a value), for `parity.json`.

    Args:
        reference: (n, k) outputs.
        found: (n, k) outputs for the same input.
        task: of the model.

    Raises:
        ParityError: if it is above `SAME`, in units of the largest number where that is above 1.

    Examples:
        >>> task = Task("classification", ("ant", "bee"))
        >>> same_numbers(np.array([[0.6, 0.4]]), np.array([[0.6, 0.4]]), task)["same_input"]["largest"]
        0.0
        >>> same_numbers(np.array([[0.6, 0.4]]), np.array([[0.61, 0.39]]), task)
        Traceback (most recent call last):
        headstart.errors.ParityError: The exported model computes other numbers than the model from the same input: ...
    """
    a, b = _numbers(reference, task), _numbers(found, task)
    allowed = SAME * max(1.0, float(np.abs(a).max())) if is_regression(task) else SAME
    largest = float(np.abs(a - b).max())
    if not largest <= allowed:
        raise ParityError(
            "The exported model computes other numbers than the model from the same input: they differ by up to "
            f"{largest:.2g} ({allowed:.2g} is allowed), so nothing was written."
        )
    what = "value" if is_regression(task) else "logit" if is_multilabel(task) else "log-probability"
    return {"same_input": {"items": len(reference), "number": what, "largest": largest, "allowed": allowed}}


def _numbers(outputs: Array, task: Task) -> Array:
    if is_regression(task):
        return outputs
    bounded = np.clip(outputs, LEAST, 1 - LEAST)
    return np.asarray(np.log(bounded) - np.log1p(-bounded) if is_multilabel(task) else np.log(bounded))
