"""Tie set: the candidates whose loss does not differ significantly from the best, and the simplest of them.

References:
    Breiman et al., "Classification and Regression Trees", 1984 (the one-standard-error rule; here with a confidence
    interval of the paired difference).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.heads.contenders.contender import Contender
from headstart.heads.registry import HEADS
from headstart.heads.standard_error import mean_and_error

__all__ = ["simplest_of_the_best", "tie_set"]

TIED = 1e-12  # losses that differ by less, relative to their size, differ by rounding
RIDGE = "ridge"
WIDTH = 1.96  # standard errors of a 95% interval


def tie_set(contenders: Sequence[Contender], groups: NDArray[np.int64] | None = None) -> list[Contender]:
    """The contenders whose paired difference of out-of-fold loss to the best has a 95% interval that includes 0.

    Args:
        contenders: at least one, evaluated on the same rows.
        groups: (m,) groups of these rows, or None.

    Examples:
        >>> tie_set([])
        Traceback (most recent call last):
        ValueError: min() arg is an empty sequence
    """
    best = min(contenders, key=lambda one: one.candidate.loss)

    def tied(one: Contender) -> bool:
        # paired: rows that are hard for both cancel in the difference
        mean, error = mean_and_error(one.evidence.losses - best.evidence.losses, groups)
        return one is best or mean <= WIDTH * error

    return [one for one in contenders if tied(one)]


def simplest_of_the_best(contenders: Sequence[Contender], groups: NDArray[np.int64] | None = None) -> Contender:
    """The head with the lowest loss among the least complex ones of the `tie_set`; if losses are equal, ridge.

    Args:
        contenders: at least one, evaluated on the same rows.
        groups: (m,) groups of these rows, or None.

    Examples:
        >>> simplest_of_the_best([])
        Traceback (most recent call last):
        ValueError: min() arg is an empty sequence
    """
    tied = tie_set(contenders, groups)
    least = min(HEADS[one.candidate.head].complexity for one in tied)
    simple = [one for one in tied if HEADS[one.candidate.head].complexity == least]
    lowest = min(one.candidate.loss for one in simple)
    same = [one for one in simple if one.candidate.loss <= lowest + TIED * abs(lowest)]
    # Rounding must not choose. Ridge comes first, since the scores of LDA grow without bound as the variance within the
    # classes of separable rows falls; then the order of the search.
    return min(same, key=lambda one: one.candidate.head != RIDGE)
