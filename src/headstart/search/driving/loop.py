"""The loop that every search method runs in: tries within a budget, written to a journal, and resumed from it.

A resumed search gives the method the same losses again, in the same order, so that it is in the state in which it was
killed; nothing that was tried is fitted twice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from headstart.errors import UsageError
from headstart.heads.problem import Problem
from headstart.search.driving.journal import Journal
from headstart.search.registry import Bench, HasFindings, Searcher, SearchMethod
from headstart.search.space import Point, Space

__all__ = ["SearchBudget", "SearchResult", "TrialLoss", "Try", "run_search"]

REPEATS = 200  # proposals of known points in a row, after which the method has nothing new
PASSED_OVER = 50  # proposals in a row that would not fit into the time
NEW_KIND = 0.1  # share of the time that must be left for a first try of its kind


@dataclass(frozen=True)
class TrialLoss:
    """The loss of a point.

    Attributes:
        loss: infinite where it could not be fitted.
        note: why, if so; else empty.
    """

    loss: float
    note: str = ""


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
        seconds: of all tries and of the method itself, also before an interruption; None for no limit.
        now: a clock, in seconds.

    Examples:
        >>> SearchBudget(tries=20).seconds is None
        True
    """

    tries: int | None = None
    seconds: float | None = None
    now: Callable[[], float] = field(default=time.monotonic, compare=False)


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
    kind_of: Callable[[Point], str] = lambda point: "",  # noqa: ARG005
    progress: Callable[[Try], None] = lambda trial: None,  # noqa: ARG005
) -> SearchResult:
    """Let a method propose points until the budget is used up, or until it has nothing new to propose.

    Under a time limit, a try begins only if the longest one of its kind so far would still fit.

    Args:
        space: the points.
        method: of `headstart.search.registry.SEARCH_METHODS`.
        measure: the loss of a point.
        budget: number of tries, seconds, or both.
        seed: of the method.
        journal: entries of an earlier process are taken from it, new ones written to it; None for none.
        problem: rows and labels, for methods that train on them.
        known: points whose loss is known already; they are no tries, but a method may begin with them.
        kind_of: points of one kind take about the same time.
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
    running = _RunningSearch(space, measure, budget, journal, kind_of=kind_of, progress=progress)
    return running.run(method, Bench(problem, tuple(known), journal.remember, running.left), seed)


class _RunningSearch:
    def __init__(
        self,
        space: Space,
        measure: Callable[[Point], TrialLoss],
        budget: SearchBudget,
        journal: Journal,
        *,
        kind_of: Callable[[Point], str],
        progress: Callable[[Try], None],
    ) -> None:
        self._space, self._measure, self._budget, self._journal = space, measure, budget, journal
        self._kind_of, self._progress = kind_of, progress
        self._began = budget.now()
        self._before = float(journal.earlier[-1]["elapsed"]) if journal.earlier else 0.0
        self._trials: list[Try] = []
        self._known: dict[Point, float] = {}
        self._longest: dict[str, float] = {}

    def run(self, method: SearchMethod, bench: Bench, seed: int) -> SearchResult:
        self._known = dict(bench.known)
        searcher = method.start(self._space, bench, seed)
        resumed = self._replay(searcher)
        ended = self._continue(searcher)
        findings = searcher.findings() if isinstance(searcher, HasFindings) else ()
        return SearchResult(tuple(self._trials), ended, resumed, self._used(), tuple(findings))

    def _used(self) -> float:
        return self._before + self._budget.now() - self._began

    def left(self) -> float:
        return math.inf if self._budget.seconds is None else self._budget.seconds - self._used()

    def _replay(self, searcher: Searcher) -> int:
        """Propose and observe again what the journal holds; returns the number of trials."""
        for entry in self._journal.earlier:
            point, repeats = searcher.propose(), 0
            while point in self._known and repeats < REPEATS:
                searcher.observe(point, self._known[point])
                point, repeats = searcher.propose(), repeats + 1
            if list(point) != entry["point"]:
                raise UsageError(
                    "The journal of this search does not fit what its method proposes, so that it cannot be resumed: "
                    "it may be of another version; remove it to begin anew."
                )
            if "passed over" not in entry:
                loss = math.inf if entry["loss"] is None else float(entry["loss"])
                self._observe(searcher, Try(len(self._trials) + 1, point, loss, float(entry["seconds"]), entry["note"]))
        return len(self._trials)

    def _observe(self, searcher: Searcher, trial: Try) -> None:
        self._trials.append(trial)
        self._known[trial.point] = trial.loss
        kind = self._kind_of(trial.point)
        self._longest[kind] = max(self._longest.get(kind, 0.0), trial.seconds)
        searcher.observe(trial.point, trial.loss)

    def _continue(self, searcher: Searcher) -> str:
        repeats = passed = 0
        slowest = 0.0  # proposal
        while self._budget.tries is None or len(self._trials) < self._budget.tries:
            if self.left() <= slowest:
                return "the time was used up"
            began = self._budget.now()
            point = searcher.propose()
            slowest = max(slowest, self._budget.now() - began)
            if point in self._known:
                repeats += 1
                if repeats >= REPEATS:
                    return "the method had nothing new to propose"
                searcher.observe(point, self._known[point])
                continue
            repeats = 0
            if not self._fits(point):
                passed += 1
                if passed >= PASSED_OVER:
                    return "the time was used up"
                self._journal.append({"point": list(point), "passed over": True, "elapsed": self._used()})
                continue
            passed = 0
            self._try(searcher, point)
        return f"all {self._budget.tries} tries were made"

    def _fits(self, point: Point) -> bool:
        limit, kind = self._budget.seconds, self._kind_of(point)
        if limit is None:
            return True
        if kind not in self._longest:
            return self.left() >= min(NEW_KIND * limit, limit) or not self._trials
        return self._longest[kind] <= self.left()

    def _try(self, searcher: Searcher, point: Point) -> None:
        began = self._budget.now()
        found = self._measure(point)
        trial = Try(len(self._trials) + 1, point, found.loss, self._budget.now() - began, found.note)
        loss = trial.loss if math.isfinite(trial.loss) else None
        self._journal.append(
            {"point": list(point), "loss": loss, "seconds": trial.seconds, "note": trial.note, "elapsed": self._used()}
        )
        self._observe(searcher, trial)
        self._progress(trial)
