"""The time limit of a comparison of candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["TimeLimit"]


@dataclass
class TimeLimit:
    """Says when no further candidate is to be compared, and remembers that it said so.

    Attributes:
        is_over: whether the time is over; default: never.
        was_reached: whether candidates were left out for it.

    Examples:
        >>> limit, compared = TimeLimit(lambda: len(compared) == 2), []
        >>> for candidate in ("a", "b", "c"):
        ...     if not limit.stops():
        ...         compared.append(candidate)
        >>> compared, limit.was_reached
        (['a', 'b'], True)
    """

    is_over: Callable[[], bool] = lambda: False
    was_reached: bool = False

    def stops(self) -> bool:
        """Whether to leave out the next candidates."""
        self.was_reached = self.was_reached or self.is_over()
        return self.was_reached

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        said = "The time limit was reached before all candidates were compared, and the best of those that were is kept"
        return (said,) if self.was_reached else ()
