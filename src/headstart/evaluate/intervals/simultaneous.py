"""Intervals that hold for several models at once, so that also the best of them may be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.evaluate.intervals.bootstrap import resampled
from headstart.evaluate.intervals.wilson import check_level
from headstart.types import group_codes

__all__ = ["Differences", "simultaneous_differences"]

Array = NDArray[np.float64]


class Differences(NamedTuple):
    """Mean differences of several models to a reference, with bounds that hold for all of them at once.

    Attributes:
        values: (k,) mean of the reference minus mean of the model.
        lows: (k,) lower bounds.
        highs: (k,) upper bounds.

    Examples:
        >>> Differences(np.array([0.2]), np.array([0.1]), np.array([0.3])).of(0)
        (0.2, 0.1, 0.3)
    """

    values: Array
    lows: Array
    highs: Array

    def of(self, model: int) -> tuple[float, float, float]:
        """The difference of one model, and its bounds."""
        return float(self.values[model]), float(self.lows[model]), float(self.highs[model])


def simultaneous_differences(
    reference: ArrayLike,
    models: Sequence[ArrayLike],
    *,
    groups: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Differences:
    """Max-statistic bootstrap: a reference against several models on the same items, with bounds for all at once.

    The best of several models is better by chance, if it is judged on the items that chose it. Here the items are
    resampled, and in each resample the largest deviation of any model, in units of its standard error there, is taken.
    Every bound is that quantile of these away from its mean. So all lower bounds hold together with probability
    1 - (1 - level) / 2, whichever model is looked at, and models that agree cost little. The standard error of each
    resample (the bootstrap-t) also serves skewed values, such as losses of which a few are large.

    Args:
        reference: (n,) values of the reference, such as its log-loss on each item.
        models: k sequences (n,), the same values of each model.
        groups: as in `bootstrap`.
        resamples: number of resamples; default 2000.
        seed: as in `bootstrap`.
        level: coverage of both bounds of all models together, in (0, 1); default 0.95.

    Returns:
        Differences and bounds; the bounds are nan where there is a single item or group.

    Raises:
        ParameterError: if there is no model, the lengths differ, or a parameter is outside of its range.

    References:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 12.5 (the bootstrap-t).
        White (2000), A Reality Check for Data Snooping, Econometrica 68.
        Romano & Wolf (2005), Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing, JASA 100.

    Examples:
        >>> noise = np.random.default_rng(0).normal(size=(8, 50))  # 8 models that differ by chance alone
        >>> alone = [simultaneous_differences(np.zeros(50), [one], level=0.6).lows[0] > 0 for one in noise]
        >>> together = simultaneous_differences(np.zeros(50), noise, level=0.6).lows > 0
        >>> any(alone), bool(together.any())
        (True, False)
    """
    check_level(level, "simultaneous_differences")
    base, others = np.asarray(reference, np.float64), [np.asarray(one, np.float64) for one in models]
    if base.ndim != 1 or not others or any(one.shape != base.shape for one in others):
        shapes = ", ".join(str(one.shape) for one in (base, *others))
        raise ParameterError(
            f"Reference and models of simultaneous_differences must be of one length (n,). Got {shapes} instead."
        )
    difference = base[:, None] - np.stack(others, axis=1)
    n, codes = len(base), group_codes(groups, len(base))
    values = difference.mean(axis=0)
    first, sums, sizes = _units(difference, codes)
    if len(first) < 2:
        unknown = np.full_like(values, np.nan)
        return Differences(values, unknown, unknown)

    largest_value = float(np.abs(difference).max())

    def deviations(weights: Array) -> Array:
        drawn = weights[:, first]  # (b, units): all items of a unit have the same weight
        means, errors = _means_and_errors(drawn, sums, sizes)
        change = means - values
        change[np.abs(change) < 1e-12 * largest_value] = 0.0  # what rounding leaves of equal values
        with np.errstate(divide="ignore", invalid="ignore"):  # the error is 0 where one unit alone is drawn
            found = np.where(change == 0, 0.0, change / errors)
        return np.stack([found.max(axis=1), -found.min(axis=1)], axis=1)

    largest, _ = resampled(deviations, n, groups=groups, resamples=resamples, seed=seed)
    below, above = np.quantile(largest, (1 + level) / 2, axis=0, method="inverted_cdf")
    error = _means_and_errors(np.ones((1, len(first))), sums, sizes)[1][0]
    known = error > 0  # else all units agree, and there is nothing to tell from
    reach = [np.where(known, quantile * np.where(known, error, 1.0), 0.0) for quantile in (below, above)]
    return Differences(values, values - reach[0], values + reach[1])


def _units(difference: Array, codes: NDArray[np.intp]) -> tuple[NDArray[np.intp], Array, Array]:
    """The position of an item of each unit, the units' sums (u, k), and their numbers of items (u,)."""
    _, first, sizes = np.unique(codes, return_index=True, return_counts=True)
    sums = np.zeros((len(first), difference.shape[1]))
    np.add.at(sums, codes, difference)
    return first, sums, sizes.astype(np.float64)


def _means_and_errors(drawn: Array, sums: Array, sizes: Array) -> tuple[Array, Array]:
    """Mean over the items of each resample, and its standard error over the units: (b, k) each."""
    items = (drawn @ sizes)[:, None]
    means = drawn @ sums / items
    # Σ (S_u - m n_u)² over the drawn units u, written out
    squares = drawn @ sums**2 - 2 * means * (drawn @ (sums * sizes[:, None])) + means**2 * (drawn @ sizes**2)[:, None]
    squares[squares < 1e-12 * np.max(sums**2, initial=0.0)] = 0.0  # what rounding leaves of equal values
    return means, np.sqrt(squares) / items
