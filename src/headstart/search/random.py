"""Random search: points are drawn uniformly, without replacement as far as possible.

Command: headstart search DATA --method random

References: Bergstra & Bengio, "Random search for hyper-parameter optimization", JMLR 2012; Li & Talwalkar, "Random
search and reproducibility for neural architecture search", UAI 2019 (the baseline that a search has to beat).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.search.registry import Bench
from headstart.search.space import Point, Space

__all__ = ["RANDOM", "RandomSearch"]

REDRAWS = 20  # of points that were proposed before


class _Random:
    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._rng = space, np.random.default_rng(seed)
        self._proposed: set[Point] = set()

    def propose(self) -> Point:
        point = self._space.sample(self._rng)
        for _ in range(REDRAWS):
            if point not in self._proposed:
                break
            point = self._space.sample(self._rng)
        self._proposed.add(point)
        return point

    def observe(self, point: Point, loss: float) -> None:
        """Nothing is learnt."""


@dataclass(frozen=True)
class RandomSearch:
    """Uniform draws.

    Attributes:
        name: ``"random"``.

    Examples:
        >>> from headstart.search.space import Gene
        >>> running = RANDOM.start(Space((Gene("a", (1, 2)), Gene("b", (1, 2, 3)))), Bench(), seed=0)
        >>> len({running.propose() for _ in range(6)})
        6
    """

    name: str = "random"

    def start(self, space: Space, bench: Bench, seed: int) -> _Random:  # noqa: ARG002 (one contract)
        """A search from its beginning."""
        return _Random(space, seed)


RANDOM = RandomSearch()
