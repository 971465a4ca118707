"""What stays the same from the start of a run to its end: how items are encoded, who hears of it, seed and time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from headstart.engine.options import Engine
from headstart.reporting import Reporter

__all__ = ["Clock", "RunContext"]


@dataclass(frozen=True)
class Clock:
    """When a run began, and how long it may take.

    Attributes:
        started: as `time.perf_counter` counts.
        limit: seconds from then on; None for no limit.

    Examples:
        >>> Clock.start().left() is None, Clock.start(limit=0.0).is_over
        (True, True)
    """

    started: float
    limit: float | None = None

    @classmethod
    def start(cls, limit: float | None = None) -> Clock:
        """A clock of a run that begins now."""
        return cls(time.perf_counter(), limit)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def until(self) -> float:
        """When the limit is passed, as `time.perf_counter` counts; infinite without a limit."""
        return math.inf if self.limit is None else self.started + self.limit

    def left(self) -> float | None:
        """The seconds that are left, below 0 where the limit is passed; None without a limit."""
        return None if self.limit is None else self.limit - self.elapsed

    @property
    def is_over(self) -> bool:
        """Whether the limit is passed."""
        left = self.left()
        return left is not None and left <= 0


@dataclass(frozen=True)
class RunContext:
    """What stays the same from the start of a run to its end.

    Attributes:
        reporter: hears what happens.
        engine: how items are encoded.
        seed: of all chance.
        clock: when the run began, and how long it may take.

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
