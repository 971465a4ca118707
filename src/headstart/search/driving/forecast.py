"""How long a try will take, from its size and from the tries so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headstart.search.space import Point

__all__ = ["Size", "TryForecast"]

NEAREST = 3  # tries of a kind that a forecast is taken from
LEAST = 0.25  # share of an earlier try's seconds below which a smaller one is not forecast: overheads do not shrink
UNKNOWN = 2.0  # factor for a kind that was not tried yet: its operations may be slower than those of other kinds


@dataclass(frozen=True)
class Size:
    """The size of a try.

    Attributes:
        kind: tries of one kind take time in proportion to their work.
        work: number of operations, in any unit that all tries share.

    Examples:
        >>> Size("ridge", 2e9).work
        2000000000.0
    """

    kind: str = ""
    work: float = 1.0


class TryForecast:
    """Forecasts the seconds of a try.

    The three tries of the same kind that are nearest in size count, each scaled to the new size; the slowest of these
    is the forecast, because a machine may be busy. Where no try of the kind was made, those of all kinds count twice.

    Args:
        size_of: the size of a point.
        seen: sizes and seconds of what was timed before the search, such as the default.

    Examples:
        >>> forecast = TryForecast(lambda point: Size("ridge", 100.0 * point[0]), [(Size("default", 200.0), 1.0)])
        >>> forecast((4,))
        4.0
        >>> forecast.learn((2,), 3.0)
        >>> forecast((4,)), forecast((1,))
        (6.0, 1.5)
    """

    def __init__(
        self,
        size_of: Callable[[Point], Size] = lambda point: Size(),  # noqa: ARG005
        seen: Sequence[tuple[Size, float]] = (),
    ) -> None:
        self._size_of, self._seen = size_of, list(seen)

    def seed(self, size: Size, seconds: float) -> None:
        """Add what was timed before the search."""
        self._seen.append((size, seconds))

    def learn(self, point: Point, seconds: float) -> None:
        """Add a try that was made."""
        self._seen.append((self._size_of(point), seconds))

    def __call__(self, point: Point) -> float | None:
        """Expected seconds of a point; None where nothing was timed."""
        size = self._size_of(point)
        own = [one for one in self._seen if one[0].kind == size.kind]
        ratios = [(size.work / max(other.work, 1e-300), seconds) for other, seconds in own or self._seen]
        nearest = sorted(ratios, key=lambda one: max(one[0], 1 / max(one[0], 1e-300)))[:NEAREST]
        factor = 1.0 if own else UNKNOWN
        return max((factor * seconds * max(ratio, LEAST) for ratio, seconds in nearest), default=None)
