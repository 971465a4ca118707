"""Exact and sampled permutation tests of two models on the same items, and Holm's correction for several tests.

If two models were equally good on every item, it would be a matter of chance which of them has which result. The tests
exchange the results of both, item by item or group by group, and count how often the difference becomes as large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.types import group_codes

__all__ = ["holm", "sign_flip", "swap_test"]

Array = NDArray[np.float64]

FLIPS, SWAPS = 10_000, 2_000
EXACT_UNITS = 12  # 2^12 = 4,096 patterns of signs are enumerated
EXACT_OPERATIONS = 10**8  # of the convolution for whole numbers
ROUNDING = 1e-9
_BLOCK_VALUES = 4_000_000


def sign_flip(
    differences: ArrayLike, groups: ArrayLike | None = None, *, seed: int = 0, resamples: int = FLIPS
) -> float:
    """Two-sided p-value of the paired permutation test: the signs of the differences are exchanged.

    For differences of 0/1 values without groups it is McNemar's exact test: a binomial test of the items on which one
    side alone is right. Whole numbers, as sums of these over groups, have their exact distribution by convolution;
    up to 12 units all patterns of signs are enumerated; otherwise signs are drawn.

    Args:
        differences: (n,) value of one side minus that of the other for each item.
        groups: (n,) names or codes of items whose signs are exchanged together, or None.
        seed: seed of the draws; default 0.
        resamples: number of draws; default 10,000, so the least p-value that draws can give is 0.0001.

    Returns:
        The p-value; 1 where no unit differs.

    References:
        McNemar (1947), Note on the Sampling Error of the Difference between Correlated Proportions or Percentages,
        Psychometrika 12; Fisher (1935), The Design of Experiments, section 21.
        Phipson & Smyth (2010), Permutation P-values Should Never Be Zero, Statistical Applications in Genetics 9.

    Examples:
        >>> sign_flip([1, 1, 1, 1, 1, 1, 0, 0]), round(sign_flip([1] * 14 + [-1] * 4), 4)
        (0.03125, 0.0309)
        >>> sign_flip([0.2, 0.1, 0.4]), sign_flip([1, 1, 1, 1], ["ann", "ann", "bob", "bob"])
        (0.25, 0.5)
    """
    values = np.asarray(differences, np.float64)
    units = np.bincount(group_codes(groups, len(values)), values)
    units = units[np.abs(units) > ROUNDING * max(1.0, float(np.abs(units).max(initial=0.0)))]
    sizes, observed = np.abs(units), abs(float(units.sum()))
    if not len(units):
        return 1.0
    if np.array_equal(sizes, np.round(sizes)):
        if (sizes == sizes[0]).all():
            return _binomial(int((units > 0).sum()), len(units))
        if len(units) * sizes.sum() <= EXACT_OPERATIONS:
            return _convolved(sizes.astype(np.intp), observed)
    slack = ROUNDING * float(sizes.sum())
    if len(units) <= EXACT_UNITS:
        patterns = 1.0 - 2.0 * ((np.arange(2 ** len(units))[:, None] >> np.arange(len(units))) & 1)
        return float((np.abs(patterns @ sizes) >= observed - slack).mean())
    reached = sum(
        int((np.abs(signs @ sizes) >= observed - slack).sum()) for signs in _signs(len(units), resamples, seed)
    )
    return (1 + reached) / (1 + resamples)


def swap_test(
    statistic: Callable[[Array], Array],
    n: int,
    groups: ArrayLike | None = None,
    *,
    seed: int = 0,
    resamples: int = SWAPS,
) -> float:
    """Two-sided p-value of the paired permutation test for a metric that is no mean over items.

    Args:
        statistic: the metric as a function of weights (..., 2n) of the outputs of both sides, one after the other. A
            side that has exchanged an item has weight 0 for its own output and 1 for that of the other side.
        n: number of items.
        groups: (n,) names or codes of items that are exchanged together, or None.
        seed: seed of the draws; default 0.
        resamples: number of draws; default 2,000.

    Returns:
        The p-value; nan where the metric is undefined.

    References:
        Smucker, Allan & Carterette (2007), A Comparison of Statistical Significance Tests for Information Retrieval
        Evaluation, CIKM.

    Examples:
        >>> right = np.array([1.0] * 8 + [0.0] * 8)      # of 8 items each: one side is always right, the other never
        >>> swap_test(lambda weights: weights @ right / weights.sum(axis=-1), 8, resamples=4000) < 0.02
        True
    """
    codes = group_codes(groups, n)

    def difference(swapped: Array) -> Array:
        own = np.concatenate([1.0 - swapped, swapped], axis=-1)
        return np.asarray(statistic(own) - statistic(1.0 - own))

    observed = abs(float(difference(np.zeros((1, n)))[0]))
    if np.isnan(observed):
        return float("nan")
    slack = ROUNDING * max(1.0, observed)
    reached = drawn = 0
    for signs in _signs(int(codes.max()) + 1, resamples, seed, 2 * n):
        values = difference((signs[:, codes] < 0).astype(np.float64))
        values = values[~np.isnan(values)]
        reached, drawn = reached + int((np.abs(values) >= observed - slack).sum()), drawn + len(values)
    return (1 + reached) / (1 + drawn)


def holm(p_values: ArrayLike) -> Array:
    """P-values corrected for several tests: where those below 5% are rejected, any is rejected wrongly in at most 5%.

    Args:
        p_values: (m,) p-values of the tests; nan where a test is undefined.

    References:
        Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6.

    Examples:
        >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, np.float64)
    if given.ndim != 1:
        raise ParameterError(f"The p-values must be of the shape (m,). Got {given.shape} instead.")
    defined = np.flatnonzero(~np.isnan(given))
    order = defined[np.argsort(given[defined], kind="stable")]
    # the k-th least of m p-values is multiplied by m - k + 1, and is no less than those before it
    steps = given[order] * np.arange(len(order), 0, -1)
    found = np.full(len(given), np.nan)
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return found


def _binomial(wins: int, count: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(wins, count).pvalue)


def _convolved(sizes: NDArray[np.intp], observed: float) -> float:
    """P(|Σ ± size| ≥ observed), from the distribution of the sum of the sizes with a positive sign."""
    total = int(sizes.sum())
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    for size in sizes.tolist():
        moved = np.zeros_like(chance)
        moved[size:] = chance[: total + 1 - size]
        chance = (chance + moved) / 2
    return float(min(1.0, chance[np.abs(2 * np.arange(total + 1) - total) >= observed - 0.5].sum()))


def _signs(units: int, resamples: int, seed: int, width: int = 0) -> Iterator[Array]:
    """Blocks (b, units) of random signs, bounded in memory."""
    random = np.random.default_rng(seed)
    size = max(1, _BLOCK_VALUES // max(units, width))
    for start in range(0, resamples, size):
        yield np.asarray(1.0 - 2.0 * random.integers(0, 2, size=(min(size, resamples - start), units)), np.float64)
