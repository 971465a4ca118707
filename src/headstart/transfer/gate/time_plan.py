"""Seconds of a training and of what follows it, and whether they fit into the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.transfer.gate.pilot import Pilot

__all__ = ["FINISHING", "Countdown", "TimePlan"]

FINISHING = 3.0  # seconds for intervals, record and report
CANDIDATES = 0.8  # share of the judging that the candidates take; the evaluated items take the rest
HALF = 0.8 / 0.5  # items of the complete training, of which a fifth validates, relative to those of a pilot


class Countdown:
    """Remaining seconds of a limit.

    Args:
        seconds: the limit; None for none.
        clock: returns seconds; default: `time.perf_counter`.

    Examples:
        >>> now = iter([0.0, 30.0])
        >>> Countdown(50.0, lambda: next(now)).left()
        20.0
        >>> Countdown(None).left() is None
        True
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.perf_counter
        self._seconds, self._began = seconds, self._clock()

    def left(self) -> float | None:
        """Seconds until the limit, negative after it; None without one."""
        return None if self._seconds is None else self._seconds - (self._clock() - self._began)


@dataclass(frozen=True)
class TimePlan:
    """What a training takes.

    Attributes:
        training: seconds of the complete training.
        judging: seconds of what follows it: judging the candidates, and encoding the evaluated items.
        epochs: of the training.
        runs: how often it trains; 1 but for a soup.

    Examples:
        >>> plan = TimePlan(training=100.0, judging=20.0, epochs=5)
        >>> plan.least, plan.fits(70.0), plan.fits(80.0), plan.fits(None)
        (73.0, False, True, True)
    """

    training: float
    judging: float
    epochs: int
    runs: int = 1

    @property
    def least(self) -> float:
        """Seconds of half of the training and all that follows: its schedule ends by the clock, so half is complete."""
        return self.training / 2 + self.judging + FINISHING

    @property
    def whole(self) -> float:
        """Seconds of the complete training and all that follows."""
        return self.training + self.judging + FINISHING

    def fits(self, left: float | None) -> bool:
        """Whether half of the training and all that follows fit into this many seconds; None for no limit."""
        return left is None or self.least <= left

    def allows_epoch(self, left: float | None) -> bool:
        """Whether at least one epoch and all that follows fit: a strategy that was named needs no more.

        Examples:
            >>> TimePlan(100.0, 20.0, 5).allows_epoch(44.0), TimePlan(100.0, 20.0, 5).allows_epoch(42.0)
            (True, False)
        """
        return left is None or self.training / self.epochs + self.judging + FINISHING <= left

    def budget(self, left: float | None) -> tuple[float | None, float | None]:
        """Seconds of the training and of judging its candidates, out of those that are left.

        Examples:
            >>> TimePlan(100.0, 20.0, 5).budget(83.0), TimePlan(100.0, 20.0, 5).budget(None)
            ((60.0, 16.0), (None, None))
        """
        if left is None:
            return None, None
        return max(left - self.judging - FINISHING, 1.0), CANDIDATES * self.judging

    def after(self, pilot: Pilot) -> TimePlan:
        """The plan by what a pilot took, which was measured on this machine with the load that it has now.

        A pilot judges fewer items than the complete training. So the seconds of judging change in proportion to those
        of the training, and are at least what the pilot took beside its own.

        Examples:
            >>> from headstart.transfer.gate.pilot import Pilot
            >>> slow = Pilot(50, 0.1, 0.05, 0.2, seconds=70.0, training=40.0, epochs=2.0)
            >>> TimePlan(100.0, 20.0, 5).after(slow)
            TimePlan(training=160.0, judging=32.0, epochs=5, runs=1)
        """
        training, judging = self.training, max(self.judging, pilot.seconds - pilot.training)
        if pilot.epochs > 0:
            training = self.runs * HALF * self.epochs * pilot.training / pilot.epochs
            judging = max(judging, self.judging * training / max(self.training, 1e-9))
        return replace(self, training=training, judging=judging)
