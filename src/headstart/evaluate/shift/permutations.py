"""Permutation test: whether two samples differ, by reassigning their items to the samples at random.

If both samples come from one distribution, every assignment of the pooled items to the samples is equally likely. The
p-value (1 + #{random assignments with a statistic ≥ the real one}) / (B + 1) is therefore at most 0.05 with probability
at most 0.05 (likewise any other level), for any statistic, any distribution and any sizes. Of several statistics on the
same assignments, the least p-value is itself compared with the least p-values of the random ones; that takes their
correlation into account.

References: Phipson & Smyth, "Permutation P-values Should Never Be Zero", Statistical Applications in Genetics and
Molecular Biology 2010; Westfall & Young, "Resampling-Based Multiple Testing", 1993.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParameterError

__all__ = ["assignments", "permutation_p_values"]

Array = NDArray[np.float64]
DIGITS = 10  # statistics that agree to so many digits are equal: the rest is rounding


def assignments(
    new: NDArray[np.bool_], *, units: NDArray[np.int64] | None = None, count: int = 499, seed: int = 0
) -> Array:
    """The real assignment of n pooled items to two samples, and random ones.

    Args:
        new: (n,) whether an item is of the second sample.
        units: (n,) codes 0 to U-1 of items that are reassigned together, such as those of a patient; each unit lies in
            one sample. None where every item is its own.
        count: number B of random assignments; default 499, so the least p-value is 0.002.
        seed: of the random numbers.

    Returns:
        (n, B + 1) of 0 and 1, where 1 is the second sample; the first column is the real one.

    Raises:
        ParameterError: if a unit lies in both samples.

    Examples:
        >>> found = assignments(np.array([False, False, False, True]), count=2)
        >>> found[:, 0], found.sum(axis=0)
        (array([0., 0., 0., 1.]), array([1., 1., 1.]))
    """
    side = np.asarray(new, bool)
    codes = np.arange(len(side)) if units is None else np.asarray(units)
    of_unit = np.zeros(int(codes.max(initial=-1)) + 1, bool)
    of_unit[codes[side]] = True
    if of_unit[codes[~side]].any():
        raise ParameterError("A unit of assignments must lie in one sample; one lies in both, so give it two codes.")
    rng = np.random.default_rng(seed)
    drawn = np.stack([of_unit, *(rng.permutation(of_unit) for _ in range(count))], axis=1)
    return drawn[codes].astype(np.float64)


def permutation_p_values(statistics: Array) -> tuple[Array, float]:
    """The p-value of each statistic, and that of all of them together.

    Args:
        statistics: (B + 1, k) of the real assignment, first, and of the random ones; larger speaks for a difference.

    Returns:
        The p-value (k,) of each statistic by itself, and one p-value that is corrected for all k.

    Examples:
        >>> p_values, together = permutation_p_values(np.array([[9.0, 0.1], [1, 1], [2, 0], [3, 2]]))
        >>> p_values, together
        (array([0.25, 0.75]), 0.5)
    """
    found = np.array([[float(f"{value:.{DIGITS}g}") for value in row] for row in np.asarray(statistics)])
    each = _upper_ranks(found) / len(found)
    least = each.min(axis=1, keepdims=True)
    return each[0], float(_upper_ranks(-least)[0, 0] / len(found))


def _upper_ranks(values: Array) -> Array:
    """For each value of a column, how many values of it are at least as large."""
    ordered = np.sort(values, axis=0)
    below = [np.searchsorted(column, values[:, k], side="left") for k, column in enumerate(ordered.T)]
    return len(values) - np.stack(below, axis=1).astype(np.float64)
