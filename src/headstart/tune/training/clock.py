"""The clock of a training: how much of its time is over, and whether another step still fits into its limit."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.tune.training.job import Stopped
    from headstart.tune.training.settings import Watch

__all__ = ["TrainingClock"]

MAX = 1e300  # seconds of the quickest step before any step; JSON has no infinity


class TrainingClock:
    """Seconds of a training, over all calls that resumed it, and its limit.

    A step is begun only if it and the validation after it fit into the limit, by the quickest step and by the last
    validation so far.

    Args:
        limit: seconds; None for no limit.
        watch: may end the training before.

    Attributes:
        now: seconds after the last step, the mean over all processes, so that all of them stop at the same step.
        validation: seconds of the last validation.

    Examples:
        >>> clock = TrainingClock(10.0)
        >>> clock.validation = 2.0
        >>> clock.finish_step(3.0)
        >>> clock.finish_step(6.0)
        >>> clock.share, clock.is_over      # 6 of 10 - 2 seconds; the next step ends after 9
        (0.75, True)
        >>> TrainingClock(None).share
        0.0
    """

    def __init__(self, limit: float | None, watch: Watch | None = None) -> None:
        self.limit, self._watch = limit, watch
        self.now = self.validation = self._spent = 0.0
        self._quickest = MAX
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of this process so far."""
        return self._spent + time.perf_counter() - self._began

    def facts(self) -> dict[str, float]:
        """What a resumed training needs to know, as plain JSON values."""
        return {"validation": self.validation, "quickest": min(self._quickest, MAX)}

    def resume(self, spent: float, facts: Mapping[str, float]) -> None:
        """Go on after earlier calls.

        Args:
            spent: their seconds.
            facts: from `facts`; empty if they are not known.
        """
        self._spent = self.now = spent
        self.validation = facts.get("validation", 0.0)
        self._quickest = facts.get("quickest", MAX)

    def finish_step(self, now: float) -> None:
        """Note the end of a step.

        Args:
            now: seconds so far, the mean over all processes.
        """
        self._quickest, self.now = min(self._quickest, now - self.now), now

    @property
    def _allowed(self) -> float:
        return math.inf if self.limit is None else self.limit - self.validation

    @property
    def share(self) -> float:
        """How much of the time for steps is over, from 0; 0 without a limit."""
        return self.now / max(self._allowed, 1e-9)

    @property
    def is_over(self) -> bool:
        """Whether no further step fits into the limit, or none is needed."""
        if self.reason == "decided":
            return True
        ahead = 0.0 if self._quickest == MAX else self._quickest
        return self.now >= self._allowed or self.now + ahead > self._allowed

    @property
    def reason(self) -> Stopped:
        """Why a training ends where the clock is over."""
        return "decided" if self._watch is not None and self._watch.decided else "time"
