"""The loop that every search method runs in: tries within a budget, written to a journal, and resumed from it.

A method proposes a generation of points, is then told their losses, and proposes the next one. The size of a generation
does not depend on how many of its points are measured at once, and losses are told in the order of the proposals, so
that workers change nothing but the time. A resumed search gives the method the same losses again, in the same order, so
that it is in the state in which it was killed; nothing that was tried is fitted twice.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from headstart.errors import UsageError
from headstart.heads.problem import Problem
from headstart.search.driving.forecast import TryForecast
from headstart.search.driving.journal import Journal
from headstart.search.registry import NO_AIDS, Aids, Bench, HasFindings, Searcher, SearchMethod
from headstart.search.space import Point, Space

__all__ = ["SearchBudget", "SearchResult", "Spread", "TrialLoss", "Try", "run_search"]

REPEATS = 200  # proposals of known points in a row, after which the method has nothing new
PASSED_OVER = 50  # proposals in a row that would not fit into the time
TIME_IS_UP = "the time was used up"


@dataclass(frozen=True)
class TrialLoss:
    """The loss of a point.

    Attributes:
        loss: infinite where it could not be fitted.
        note: why, if so; else empty.
        seconds: that it took, if that was measured elsewhere; None for the time of the call.
        details: further figures.
    """

    loss: float
    note: str = ""
    seconds: float | None = None
    details: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Spread(Protocol):
    """A measure that works on several points at once.

    Attributes:
        lanes: how many at once.
    """

    lanes: int

    def begin(self, points: Sequence[Point], generation: Sequence[Point]) -> None:
        """Begin to measure the new points of a generation, in this order; each is asked for later."""
        ...


@dataclass(frozen=True)
class Try:
    """A point that was tried.

    Attributes:
        number: 1 for the first.
        point: what was tried.
        loss: infinite where it could not be fitted.
        seconds: that it took.
        note: why it could not be fitted; else empty.
    """

    number: int
    point: Point
    loss: float
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class SearchBudget:
    """When a search ends.

    Attributes:
        tries: number of points to try; None for no limit.
        seconds: of all tries and of the method itself, also before an interruption, and of what follows the search;
            None for no limit.
        now: a clock, in seconds.
        generation: how many new points are proposed before their losses are told.
        afterwards: seconds of what follows the search, by the seconds and the point of the try that wins; the point is
            None where no try was made.

    Examples:
        >>> SearchBudget(tries=20).seconds is None
        True
    """

    tries: int | None = None
    seconds: float | None = None
    now: Callable[[], float] = field(default=time.monotonic, compare=False)
    generation: int = 1
    afterwards: Callable[[float, Point | None], float] = field(
        default=lambda seconds, point: 0.0,  # noqa: ARG005
        compare=False,
    )


@dataclass(frozen=True)
class SearchResult:
    """What a search tried.

    Attributes:
        trials: in order.
        ended: why it ended, in a few words.
        resumed: how many of the trials an earlier process made.
        seconds: of all of it, also before an interruption.
        findings: of the method, such as a discretisation gap.

    Examples:
        >>> found = SearchResult((Try(1, (0,), 0.5, 0.1), Try(2, (1,), 0.4, 0.1)), "all tries made", 0, 0.2)
        >>> found.best.number
        2
    """

    trials: tuple[Try, ...]
    ended: str
    resumed: int
    seconds: float
    findings: tuple[str, ...] = ()

    @property
    def best(self) -> Try | None:
        """The trial of lowest loss, the earliest of equals; None where none could be fitted."""
        fitted = [trial for trial in self.trials if math.isfinite(trial.loss)]
        return min(fitted, key=lambda trial: (trial.loss, trial.number)) if fitted else None


def run_search(
    space: Space,
    method: SearchMethod,
    measure: Callable[[Point], TrialLoss],
    budget: SearchBudget,
    *,
    seed: int = 0,
    journal: Journal | None = None,
    problem: Problem | None = None,
    known: Sequence[tuple[Point, float]] = (),
    aids: Aids = NO_AIDS,
    forecast: TryForecast | None = None,
    progress: Callable[[Try], None] = lambda trial: None,  # noqa: ARG005
) -> SearchResult:
    """Let a method propose points until the budget is used up, or until it has nothing new to propose.

    Under a time limit, a try begins only if its forecast fits, with what would follow the search if it won.

    Args:
        space: the points.
        method: of `headstart.search.registry.SEARCH_METHODS`.
        measure: the loss of a point; a `Spread` measures the points of a generation at once.
        budget: number of tries, seconds, or both; the size of a generation.
        seed: of the method.
        journal: entries of an earlier process are taken from it, new ones written to it; None for none.
        problem: rows and labels, for methods that train on them.
        known: points whose loss is known already; they are no tries, but a method may begin with them.
        aids: what a method needs besides in a space that is no space of heads.
        forecast: of the seconds of a try; None for one that expects a try to take as long as the last ones.
        progress: told of each new trial.

    Raises:
        UsageError: if the budget has no end, or the journal does not fit the method.

    Examples:
        >>> from headstart.search.registry import SEARCH_METHODS
        >>> from headstart.search.space import Gene
        >>> space = Space((Gene("a", tuple(range(10))), Gene("b", tuple(range(10)))))
        >>> far = lambda point: TrialLoss(abs(point[0] - 7) + abs(point[1] - 2))
        >>> found = run_search(space, SEARCH_METHODS["evolution"], far, SearchBudget(tries=90), seed=1)
        >>> found.best.point, found.best.loss, found.ended
        ((7, 2), 0, 'all 90 tries were made')
    """
    if budget.tries is None and budget.seconds is None:
        raise UsageError("A search needs an end: give a number of tries, a time limit, or both.")
    journal = journal or Journal(None, {})
    running = _RunningSearch(space, measure, budget, journal, forecast=forecast or TryForecast(), progress=progress)
    return running.run(method, Bench(problem, tuple(known), journal.remember, running.left, aids), seed)


class _RunningSearch:
    def __init__(
        self,
        space: Space,
        measure: Callable[[Point], TrialLoss],
        budget: SearchBudget,
        journal: Journal,
        *,
        forecast: TryForecast,
        progress: Callable[[Try], None],
    ) -> None:
        self._space, self._measure, self._budget, self._journal = space, measure, budget, journal
        self._forecast, self._progress = forecast, progress
        self._began = budget.now()
        self._before = float(journal.earlier[-1]["elapsed"]) if journal.earlier else 0.0
        self._earlier = deque(journal.earlier)
        self._trials: list[Try] = []
        self._known: dict[Point, float] = {}
        self._slowest = 0.0  # proposal
        self._passed = 0  # proposals in a row that did not fit
        self._winning: tuple[float, Point | None] = (0.0, None)  # seconds and point of the best try

    def run(self, method: SearchMethod, bench: Bench, seed: int) -> SearchResult:
        self._known = dict(bench.known)
        searcher, resumed = method.start(self._space, bench, seed), 0
        while self._earlier or not self._all_made():
            if not self._earlier and self.left() <= self._slowest:
                ended = TIME_IS_UP
                break
            points, ended = self._generation(searcher)
            if not points:
                break
            resumed += self._measured(searcher, points)
            if self._passed >= PASSED_OVER:
                ended = "no further try fits into the time that is left"
            if ended:
                break
        else:
            ended = f"all {self._budget.tries} tries were made"
        if self._earlier:
            raise _no_fit()
        findings = searcher.findings() if isinstance(searcher, HasFindings) else ()
        return SearchResult(tuple(self._trials), ended, resumed, self._used(), tuple(findings))

    def _all_made(self) -> bool:
        return self._budget.tries is not None and len(self._trials) >= self._budget.tries

    def _used(self) -> float:
        return self._before + self._budget.now() - self._began

    def left(self) -> float:
        """Seconds for tries and proposals, without those of what follows if the best try so far wins."""
        return self._left_if(*self._winning)

    def _left_if(self, seconds: float, point: Point | None) -> float:
        limit = self._budget.seconds
        return math.inf if limit is None else limit - self._used() - self._budget.afterwards(seconds, point)

    def _generation(self, searcher: Searcher) -> tuple[list[Point], str]:
        """The next proposals in order, and why there are no more of them; known points are no part of them."""
        points: list[Point] = []
        new = repeats = 0
        wanted = self._budget.generation
        if not self._earlier and self._budget.tries is not None:
            wanted = min(wanted, self._budget.tries - len(self._trials))
        while new < wanted:
            if points and not self._earlier and self.left() <= self._slowest:
                return points, TIME_IS_UP
            began = self._budget.now()
            point = searcher.propose()
            if point is None:
                return points, TIME_IS_UP
            self._slowest = max(self._slowest, self._budget.now() - began)
            if point in self._known:
                searcher.observe(point, self._known[point])
            elif point in points:
                points.append(point)
            else:
                points.append(point)
                new, repeats = new + 1, 0
                continue
            repeats += 1
            if repeats >= REPEATS:
                return points, "the method had nothing new to propose"
        return points, ""

    def _measured(self, searcher: Searcher, points: Sequence[Point]) -> int:
        """Take the points of a generation from the journal, or try them, and tell their losses in order.

        Returns how many tries the journal held.
        """
        new, resumed = list(dict.fromkeys(points)), 0
        begun = self._begun(new, len(self._earlier))
        for point in new:
            if self._earlier:
                resumed += self._taken(point)
            elif self._all_made():
                break
            elif point in begun if begun is not None else self._fits(point):
                self._passed = 0
                self._try(point)
            else:
                self._passed += 1
                if self._passed >= PASSED_OVER:
                    break
                self._journal.append({"point": list(point), "passed over": True, "elapsed": self._used()})
        for point in points:
            if point in self._known:
                searcher.observe(point, self._known[point])
        return resumed

    def _begun(self, generation: Sequence[Point], earlier: int) -> set[Point] | None:
        """The points that are measured at once, because they fit; None where points are measured in turn."""
        if not isinstance(self._measure, Spread):
            return None
        room = math.inf if self._budget.tries is None else self._budget.tries - len(self._trials)
        fitting: list[Point] = []
        for point in generation[earlier:]:
            if len(fitting) < room and self._fits(point, rounds=1 + len(fitting) // self._measure.lanes):
                fitting.append(point)
        if fitting:
            self._measure.begin(fitting, [*generation[:earlier], *fitting])
        return set(fitting)

    def _taken(self, point: Point) -> int:
        entry = self._earlier.popleft()
        if list(point) != entry["point"]:
            raise _no_fit()
        if "passed over" in entry:
            return 0
        loss = math.inf if entry["loss"] is None else float(entry["loss"])
        self._add(Try(len(self._trials) + 1, point, loss, float(entry["seconds"]), entry["note"]))
        return 1

    def _fits(self, point: Point, *, rounds: int = 1) -> bool:
        if self._budget.seconds is None:
            return True
        seconds = self._forecast(point)
        if seconds is None:
            return not self._trials and self.left() > 0
        return rounds * seconds <= min(self._left_if(seconds, point), self.left())

    def _try(self, point: Point) -> None:
        began = self._budget.now()
        found = self._measure(point)
        seconds = self._budget.now() - began if found.seconds is None else found.seconds
        trial = Try(len(self._trials) + 1, point, found.loss, seconds, found.note)
        loss = trial.loss if math.isfinite(trial.loss) else None
        self._journal.append(
            {"point": list(point), "loss": loss, "seconds": trial.seconds, "note": trial.note, "elapsed": self._used()}
        )
        self._add(trial)
        self._progress(trial)

    def _add(self, trial: Try) -> None:
        if math.isfinite(trial.loss) and trial.loss < min((one.loss for one in self._trials), default=math.inf):
            self._winning = (trial.seconds, trial.point)
        self._trials.append(trial)
        self._known[trial.point] = trial.loss
        self._forecast.learn(trial.point, trial.seconds)


def _no_fit() -> UsageError:
    return UsageError(
        "The journal of this search does not fit what its method proposes, so that it cannot be resumed: it may be of "
        "another version; remove it to begin anew."
    )
