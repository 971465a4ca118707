"""Wilson's score interval of a share."""

from __future__ import annotations

import math
from statistics import NormalDist

from headstart.errors import ParameterError
from headstart.params import check_number

__all__ = ["check_level", "wilson"]


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson interval: the score interval of a share of n independent items.

    Args:
        successes: number of successes.
        n: number of trials.
        level: coverage, in (0, 1).

    Returns:
        The lower and the upper bound, within [0, 1]; both nan where n is 0.

    Raises:
        ParameterError: if the level is outside of (0, 1) or ``successes`` outside of [0, n].

    References:
        Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22.

    Examples:
        >>> low, high = wilson(10, 10)
        >>> round(low, 4), high
        (0.7225, 1.0)
    """
    check_level(level, "wilson")
    check_number(n, "n", "wilson", low=0)
    check_number(successes, "successes", "wilson", low=0, high=n)
    if n == 0:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = successes / n
    # roots in π of (p - π)² = z² π (1 - π) / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def check_level(level: float, owner: str) -> None:
    """Raise unless the coverage of an interval is in (0, 1).

    Args:
        level: coverage.
        owner: the function whose parameter it is.

    Raises:
        ParameterError: naming both.

    Examples:
        >>> check_level(1.0, "wilson")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'level' parameter of wilson must be below 1. Got 1.0 instead.
    """
    check_number(level, "level", owner, low=0, high=1, open_low=True)
    if level == 1:
        raise ParameterError(f"The 'level' parameter of {owner} must be below 1. Got {level!r} instead.")
