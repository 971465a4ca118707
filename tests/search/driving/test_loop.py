"""The loop of a search: budget, resuming, repetitions."""

from __future__ import annotations

import math

import pytest

from headstart.errors import UsageError
from headstart.search.driving.forecast import Size, TryForecast
from headstart.search.driving.journal import Journal
from headstart.search.driving.loop import TIME_IS_UP, SearchBudget, TrialLoss, run_search
from headstart.search.registry import SEARCH_METHODS
from headstart.search.space import Gene, Space

SPACE = Space(tuple(Gene(str(k), tuple(range(6))) for k in range(4)))
METHODS = ["random", "evolution", "controller"]


def far(point):
    return TrialLoss(float(sum((k - 3) ** 2 for k in point)))


class Killed(BaseException):
    """Stands for a process that ends between two tries."""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("after", [1, 17])
def test_a_killed_search_ends_as_an_undisturbed_one(tmp_path, method, after):
    whole = run_search(SPACE, SEARCH_METHODS[method], far, SearchBudget(60), seed=5)
    path, seen = tmp_path / "journal.jsonl", []

    def fatal(point):
        if len(seen) == after:
            raise Killed
        seen.append(point)
        return far(point)

    with pytest.raises(Killed):
        run_search(SPACE, SEARCH_METHODS[method], fatal, SearchBudget(60), seed=5, journal=Journal(path, {}))
    with path.open("a") as file:
        file.write('{"point": [1, ')  # a line that was not finished
    again = run_search(SPACE, SEARCH_METHODS[method], far, SearchBudget(60), seed=5, journal=Journal(path, {}))
    assert again.resumed == after
    assert [(one.point, one.loss) for one in again.trials] == [(one.point, one.loss) for one in whole.trials]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("longest", [0.4, 2.0])
def test_a_time_limit_is_kept_within_10_percent(method, longest):
    clock = {"now": 100.0}

    def slow(point):
        clock["now"] += longest * (1 + point[0]) / 6
        return far(point)

    budget = SearchBudget(None, 30.0, now=lambda: clock["now"])
    found = run_search(SPACE, SEARCH_METHODS[method], slow, budget, forecast=TryForecast(lambda p: Size(str(p[0]))))
    assert found.ended in (TIME_IS_UP, "no further try fits into the time that is left")
    assert 27.0 <= clock["now"] - 100.0 <= 33.0


def test_time_before_an_interruption_counts(tmp_path):
    clock, path = {"now": 0.0}, tmp_path / "journal.jsonl"

    def slow(point):
        clock["now"] += 1.0
        return far(point)

    def run(tries):
        budget = SearchBudget(tries, 20.0, now=lambda: clock["now"])
        return run_search(SPACE, SEARCH_METHODS["random"], slow, budget, journal=Journal(path, {}))

    run(12)
    clock["now"] = 1000.0
    assert len(run(None).trials) == 20


def test_points_that_are_known_cost_no_try():
    space = Space((Gene("a", (0, 1, 2)),))
    found = run_search(space, SEARCH_METHODS["random"], lambda p: TrialLoss(float(p[0])), SearchBudget(50))
    assert (len(found.trials), found.ended) == (3, "the method had nothing new to propose")
    known = [((0,), 0.0)]
    found = run_search(space, SEARCH_METHODS["random"], lambda p: TrialLoss(float(p[0])), SearchBudget(50), known=known)
    assert sorted(one.point for one in found.trials) == [(1,), (2,)]


def test_a_point_that_cannot_be_fitted_is_no_winner():
    def losses(point):
        return TrialLoss(math.inf, "too few rows") if point[0] < 3 else far(point)

    found = run_search(SPACE, SEARCH_METHODS["evolution"], losses, SearchBudget(40))
    assert found.best.point[0] >= 3
    assert any(one.note == "too few rows" for one in found.trials)


def test_a_search_without_an_end_is_refused():
    with pytest.raises(UsageError, match="A search needs an end"):
        run_search(SPACE, SEARCH_METHODS["random"], far, SearchBudget())


def test_a_journal_of_other_proposals_is_refused(tmp_path):
    path = tmp_path / "journal.jsonl"
    run_search(SPACE, SEARCH_METHODS["random"], far, SearchBudget(3), seed=0, journal=Journal(path, {}))
    with pytest.raises(UsageError, match="does not fit what its method proposes"):
        run_search(SPACE, SEARCH_METHODS["random"], far, SearchBudget(5), seed=1, journal=Journal(path, {}))


class AtOnce:
    """A measure of several points at once; it counts how many it was given."""

    def __init__(self, lanes):
        self.lanes, self.begun = lanes, []

    def begin(self, points, generation):
        self.begun.append((len(points), len(generation)))

    def __call__(self, point):
        return far(point)


@pytest.mark.parametrize("method", METHODS)
def test_lanes_change_nothing_but_the_time(tmp_path, method):
    budget = SearchBudget(21, generation=8)
    alone = run_search(SPACE, SEARCH_METHODS[method], far, budget, seed=2)
    many = [run_search(SPACE, SEARCH_METHODS[method], AtOnce(lanes), budget, seed=2) for lanes in (1, 3)]
    assert [[one.point for one in found.trials] for found in many] == [[one.point for one in alone.trials]] * 2
    path = tmp_path / "journal.jsonl"
    for tries in (11, 21):  # the first ends within a generation
        again = run_search(
            SPACE, SEARCH_METHODS[method], far, SearchBudget(tries, generation=8), seed=2, journal=Journal(path, {})
        )
    assert [one.point for one in again.trials] == [one.point for one in alone.trials]


def test_the_time_of_judging_a_winner_is_kept_free():
    clock = {"now": 0.0}

    def slow(point):
        clock["now"] += 1.0
        return far(point)

    budget = SearchBudget(None, 20.0, now=lambda: clock["now"], afterwards=lambda seconds, _: 3.0 + 4 * seconds)
    run_search(SPACE, SEARCH_METHODS["random"], slow, budget)
    assert clock["now"] == 13.0
