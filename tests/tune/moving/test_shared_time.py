"""Several trainings and what is between them keep one time limit, by a clock that the test moves."""

from __future__ import annotations

import pytest

from headstart.tune.moving.shared_time import SharedTime
from headstart.tune.training.settings import Budget


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("setup", "judging"), [(0, 0), (3, 10), (1, 25), (20, 1)])
@pytest.mark.parametrize("overrun", [1.0, 1.05])
def test_six_trainings_end_within_a_tenth_of_the_limit(setup, judging, overrun):
    """A kind of fault: each had a fixed share of the limit, and set-up and judging came on top."""
    clock, sizes = Clock(), [80, 80, 80, 80, 80, 100]
    shares = SharedTime(Budget(seconds=900), sizes, clock)
    for _ in sizes:
        seconds = shares.next().seconds
        clock.now += max(setup, seconds * overrun)  # a training counts its set-up, and may end a little late
        shares.trained()
        clock.now += judging
    assert 0.9 * 900 <= clock.now <= 1.1 * 900


def test_a_limit_that_is_over_leaves_nothing():
    clock = Clock()
    shares = SharedTime(Budget(seconds=10), [5, 5], clock)
    clock.now = 50
    assert shares.next().seconds == 0
    assert SharedTime(Budget(), [5, 5], clock).next().seconds is None


def test_progress_is_that_of_all():
    seen = []
    shares = SharedTime(Budget(progress=lambda *told: seen.append(told)), [5, 5], Clock())
    shares.next()
    shares.next().progress(1, 4, "loss 2")
    assert seen == [(5, 8, "training 2 of 2, loss 2")]
