"""Heads that the data cannot tell from the best, and the simplest of them.

References:
    The rule of one standard error of Breiman et al., "Classification and Regression Trees", 1984, with the interval of
    the paired difference in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender
from headstart.heads.registry import HEADS
from headstart.heads.standard_error import mean_and_error

__all__ = ["simplest_of_the_best", "tie_set"]

WIDTH = 1.96  # standard errors of a 95% interval


def tie_set(contenders: Sequence[Contender], groups: NDArray[np.int64] | None = None) -> list[Contender]:
    """The contenders whose paired difference of left-out loss to the best is within its 95% interval.

    Args:
        contenders: at least one, judged on the same rows.
        groups: (m,) groups of these rows, or None.

    Examples:
        >>> tie_set([])
        Traceback (most recent call last):
        ValueError: min() arg is an empty sequence
    """
    best = min(contenders, key=lambda one: one.candidate.loss)

    def tied(one: Contender) -> bool:
        # paired on the same rows: what is hard for both cancels
        mean, error = mean_and_error(one.evidence.losses - best.evidence.losses, groups)
        return one is best or mean <= WIDTH * error

    return [one for one in contenders if tied(one)]


def simplest_of_the_best(contenders: Sequence[Contender], groups: NDArray[np.int64] | None = None) -> Contender:
    """Of the `tie_set`, the least loss among the heads of least complexity.

    Args:
        contenders: at least one, judged on the same rows.
        groups: (m,) groups of these rows, or None.

    Examples:
        >>> simplest_of_the_best([])
        Traceback (most recent call last):
        ValueError: min() arg is an empty sequence
    """
    tied = tie_set(contenders, groups)
    return min(tied, key=lambda one: (HEADS[one.candidate.head].complexity, one.candidate.loss))
