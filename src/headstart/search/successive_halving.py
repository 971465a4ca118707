"""Successive halving: entrants are measured with growing budgets, and those that are clearly worse stop early.

What a budget is (items, epochs, seconds), and what is clearly worse, belongs to the caller.

Command: headstart rank DATA

References: Karnin, Koren & Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013; Jamieson &
Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from headstart.params import check_number

__all__ = ["successive_halving"]

T = TypeVar("T")


def successive_halving(
    entrants: Sequence[T],
    rungs: int,
    *,
    measure: Callable[[Sequence[T], int], None],
    stop_worse: Callable[[Sequence[T], int], None],
    is_going: Callable[[T], bool],
) -> list[T]:
    """Measure entrants on one rung after the other, each time only those that are still going.

    A single entrant has nobody to be compared with, so it goes from its first rung to the last at once.

    Args:
        entrants: what is compared.
        rungs: number of budgets, smallest first.
        measure: measures some entrants on a rung (0 is the smallest); it may stop those that fail.
        stop_worse: stops those of the measured entrants that are clearly worse; not called after the last rung.
        is_going: whether an entrant has not stopped.

    Returns:
        The entrants that were not stopped.

    Examples:
        >>> stopped, measured = set(), []
        >>> successive_halving(
        ...     [5, 1, 4, 2], 3,
        ...     measure=lambda some, rung: measured.append(len(some)),
        ...     stop_worse=lambda some, rung: stopped.update(sorted(some)[len(some) // 2 :]),
        ...     is_going=lambda one: one not in stopped,
        ... ), measured
        ([1], [4, 2, 1])
    """
    check_number(rungs, "rungs", "successive_halving", low=0, integer=True)
    for rung in range(rungs):
        last, going = rung == rungs - 1, [one for one in entrants if is_going(one)]
        if not last and len(going) < 2:
            continue
        measure(going, rung)
        if not last:
            stop_worse([one for one in going if is_going(one)], rung)
    return [one for one in entrants if is_going(one)]
