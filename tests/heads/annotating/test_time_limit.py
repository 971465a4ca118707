"""A comparison that was stopped once stays stopped, and only then is it said."""

from __future__ import annotations

from headstart.heads.annotating.time_limit import TimeLimit


def test_nothing_is_said_without_a_limit():
    limit = TimeLimit()
    assert not limit.stops()
    assert limit.notes == ()


def test_what_was_stopped_stays_stopped():
    answers = iter([False, True, False])
    limit = TimeLimit(lambda: next(answers))
    assert [limit.stops() for _ in range(4)] == [False, True, True, True]
    assert len(limit.notes) == 1
