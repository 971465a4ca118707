"""The context of a run, constant from start to end: engine, reporter, seed and clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from headstart.engine.options import Engine
from headstart.reporting import Reporter

__all__ = ["Clock", "RunContext"]


@dataclass(frozen=True)
class Clock:
    """Start time and time limit of a run.

    Attributes:
        started: in seconds of `time.perf_counter`.
        limit: seconds from the start; None for no limit.

    Examples:
        >>> Clock.start().left() is None, Clock.start(limit=0.0).is_over
        (True, True)
    """

    started: float
    limit: float | None = None

    @classmethod
    def start(cls, limit: float | None = None, began: float | None = None) -> Clock:
        """A clock for a run that starts now, or that began earlier.

        Args:
            limit: seconds; None for no limit.
            began: value of `time.perf_counter` from which the limit counts; None for now.
        """
        return cls(time.perf_counter() if began is None else began, limit)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def until(self) -> float:
        """When the limit is reached, in seconds of `time.perf_counter`; infinite without a limit."""
        return math.inf if self.limit is None else self.started + self.limit

    def left(self) -> float | None:
        """Remaining seconds, negative after the limit; None without a limit."""
        return None if self.limit is None else self.limit - self.elapsed

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached."""
        left = self.left()
        return left is not None and left <= 0


@dataclass(frozen=True)
class RunContext:
    """The context of a run, constant from start to end.

    Attributes:
        reporter: receives progress, results and warnings.
        engine: how items are encoded.
        seed: random seed.
        clock: start time and time limit.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> context = RunContext(SilentReporter())
        >>> context.engine.backend, context.seed, context.clock.limit
        ('auto', 0, None)
    """

    reporter: Reporter
    engine: Engine = Engine()
    seed: int = 0
    clock: Clock = field(default_factory=Clock.start)
