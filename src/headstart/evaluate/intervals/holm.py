"""Holm's step-down correction of the p-values of several tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError

__all__ = ["holm"]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm correction: p-values of several tests that may all be compared with one level.

    A false rejection at a level then has at most the probability of that level. The i-th smallest of k p-values is
    multiplied by k - i + 1, and none becomes smaller than one before it. The tests may depend on each other in any way.

    Args:
        p_values: (k,) of single tests.

    Returns:
        (k,) corrected p-values, at most 1.

    Raises:
        ParameterError: if one does not lie between 0 and 1.

    References:
        Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6.

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ParameterError(f"The p-values of holm must lie between 0 and 1. Got {values.tolist()!r:.80} instead.")
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    found = np.empty_like(values)
    found[order] = np.minimum(raised, 1.0)
    return found
