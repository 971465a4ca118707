"""The registry of search methods, and their contract: a method proposes points and is told their losses.

Budget, seeds, resuming and records are not theirs: `headstart.search.driving.loop` has them. A method must be
deterministic: with the same seed and the same losses it proposes the same points, which is how a search is resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from headstart.heads.problem import Problem
from headstart.registry import Registry
from headstart.search.space import Point, Space

__all__ = ["NO_AIDS", "SEARCH_METHODS", "Aids", "Bench", "HasFindings", "SearchMethod", "Searcher"]


class Remember(Protocol):
    """Gives the value of a name; `headstart.search.driving.journal.Journal.remember` keeps it in a file."""

    def __call__(self, key: str, make: Callable[[], Any], is_valid: Callable[[Any], bool] | None = None) -> Any:
        """The JSON value of a name, computed only if it is not known; refused if a kept one is not valid."""
        ...


def _at_once(key: str, make: Callable[[], Any], is_valid: Callable[[Any], bool] | None = None) -> Any:  # noqa: ARG001
    return make()


@dataclass(frozen=True)
class Aids:
    """What a space brings that is no space of heads on rows.

    Attributes:
        proxy: a score of a point without a training, higher is better; None where there is none.
        population: members of an evolution; fewer where tries are slow.

    Examples:
        >>> Aids().population
        25
    """

    proxy: Callable[[Point], float] | None = None
    population: int = 25


NO_AIDS = Aids()


@dataclass(frozen=True)
class Bench:
    """What a method may use besides the losses.

    Attributes:
        problem: rows and labels of the search; None for a space that is no space of heads.
        remember: gives the JSON value of a name, and computes it only where the journal does not hold it: for work that
            a resumed search must not repeat. Its third argument says whether a value from the journal can be right.
        known: points whose loss is known before the search, such as that of the default; they are no tries.
        left: seconds that are left, infinite without a limit.
        aids: of the space.

    Examples:
        >>> Bench().remember("pilot", lambda: [1, 2])
        [1, 2]
    """

    problem: Problem | None = None
    known: tuple[tuple[Point, float], ...] = ()
    remember: Remember = field(default=_at_once)
    left: Callable[[], float] = field(default=lambda: float("inf"))
    aids: Aids = NO_AIDS


class Searcher(Protocol):
    """A running search.

    Several points may be proposed before the first of them is observed; each is observed in the order of its proposal.
    """

    def propose(self) -> Point | None:
        """The next point to try; it may have been tried before, which costs nothing. None where time is too short."""
        ...

    def observe(self, point: Point, loss: float) -> None:
        """Learn the loss of a proposed point; infinite where it could not be fitted."""
        ...


@runtime_checkable
class HasFindings(Protocol):
    """A running search that has something to say at its end, such as a discretisation gap."""

    def findings(self) -> list[str]:
        """Clauses for the report."""
        ...


class SearchMethod(Protocol):
    """A way to go through a space.

    Attributes:
        name: the name in the registry.
    """

    name: str

    def start(self, space: Space, bench: Bench, seed: int) -> Searcher:
        """A search from its beginning.

        Args:
            space: the points.
            bench: what the method may use besides the losses.
            seed: of its random numbers.
        """
        ...


SEARCH_METHODS: Registry[SearchMethod] = Registry("search method")
SEARCH_METHODS.register("random", "headstart.search.random:RANDOM")
SEARCH_METHODS.register("evolution", "headstart.search.evolution:EVOLUTION")
SEARCH_METHODS.register("zero_cost", "headstart.search.zero_cost:ZERO_COST")
SEARCH_METHODS.register("controller", "headstart.search.controller:CONTROLLER")
SEARCH_METHODS.register("darts", "headstart.search.darts:DARTS")
