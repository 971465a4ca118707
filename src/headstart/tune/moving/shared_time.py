"""A time limit shared by several trainings, each of which is judged before the next one begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from headstart.tune.training.settings import Budget

__all__ = ["SharedTime"]


class SharedTime:
    """The budgets of several trainings, one after the other, within the limit of all.

    What is left is shared in proportion to the numbers of items, when a training begins. So time that one of them
    spent on its set-up, or after its end on judging, is not spent twice. Judging each of those to come is expected to
    take as long as the slowest so far, and that is kept for it.

    Args:
        budget: of all together.
        sizes: training items of each.
        clock: returns seconds; default: `time.perf_counter`.

    Examples:
        >>> now = iter([0.0, 0.0, 40.0, 60.0])
        >>> shares = SharedTime(Budget(seconds=100), [10, 10], clock=lambda: next(now))
        >>> shares.next().seconds       # half of 100 s
        50.0
        >>> shares.trained()            # after 40 s; then 20 s of judging
        >>> shares.next().seconds       # 40 s are left, less 20 s of judging
        20.0
    """

    def __init__(self, budget: Budget, sizes: Sequence[int], clock: Callable[[], float] | None = None) -> None:
        self._budget, self._sizes, self._clock = budget, sizes, clock or time.perf_counter
        self._number, self._judging = -1, 0.0
        self._ended: float | None = None
        self._began = self._clock()

    def next(self) -> Budget:
        """The budget of the next training."""
        now = self._clock()
        if self._ended is not None:
            self._judging = max(self._judging, now - self._ended)
        self._number += 1
        rest, seconds = self._sizes[self._number :], None
        if self._budget.seconds is not None:
            left = self._budget.seconds - (now - self._began) - self._judging * len(rest)
            seconds = max(left, 0.0) * rest[0] / sum(rest)
        return replace(self._budget, seconds=seconds, progress=self._progress(self._number))

    def trained(self) -> None:
        """Note that the training has ended, and its judging begins."""
        self._ended = self._clock()

    def _progress(self, number: int) -> Callable[..., None]:
        report, count = self._budget.progress, len(self._sizes)

        def progress(done: int, total: int, detail: str = "") -> None:
            if report is not None:
                report(number * total + done, count * total, f"training {number + 1} of {count}, {detail}")

        return progress
