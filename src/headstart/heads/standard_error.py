"""Cluster-robust standard error of a mean: the items of a group count as one observation.

Reference: Liang & Zeger, "Longitudinal Data Analysis Using Generalized Linear Models", Biometrika 1986 (cluster-robust
variance).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.types import group_codes

__all__ = ["mean_and_error"]


def mean_and_error(values: NDArray[np.float64], groups: NDArray[np.int64] | None = None) -> tuple[float, float]:
    """The mean of (m,) values and its standard error, clustered by group.

    Args:
        values: (m,) for example paired differences of losses.
        groups: (m,) codes of groups, or None if every row is its own group.

    Returns:
        The mean and its standard error; the error is infinite for a single group.

    Examples:
        >>> mean_and_error(np.array([1.0, 3.0, 1.0, 3.0]))
        (2.0, 0.5773502691896257)
        >>> mean_and_error(np.array([1.0, 3.0, 1.0, 3.0]), np.array([0, 1, 0, 1]))
        (2.0, 1.0)
    """
    mean = float(values.mean())
    codes = group_codes(groups, len(values))
    # cluster-robust: residuals are summed by group, Var(mean) = G/(G-1) Σ_g (Σ_{i in g} r_i)² / n²
    sums = np.bincount(codes, values - mean)
    count = len(sums)
    if count < 2:
        return mean, float("inf")
    return mean, float(np.sqrt(count / (count - 1) * np.sum(sums**2)) / len(values))
