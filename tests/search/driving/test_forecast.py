"""Forecasts of the seconds of a try."""

from __future__ import annotations

from headstart.search.driving.forecast import Size, TryForecast

BY_FIRST = {0: Size("ridge", 100.0), 1: Size("ridge", 1000.0), 2: Size("cell", 50.0)}


def size_of(point):
    return BY_FIRST[point[0]]


def test_an_unknown_kind_is_expected_to_be_slower_than_those_that_were_timed():
    forecast = TryForecast(size_of)
    assert forecast((0,)) is None
    forecast.learn((0,), 2.0)
    assert forecast((2,)) == 2 * 2.0 * 0.5
    forecast.learn((2,), 9.0)
    assert forecast((2,)) == 9.0


def test_a_try_is_scaled_by_its_size_and_the_slowest_of_the_nearest_counts():
    forecast = TryForecast(size_of)
    forecast.learn((0,), 1.0)
    forecast.learn((0,), 3.0)  # the machine was busy
    assert forecast((1,)) == 30.0
    forecast.learn((1,), 12.0)
    assert forecast((0,)) == 3.0
