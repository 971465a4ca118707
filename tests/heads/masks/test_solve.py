"""Choices are made on pictures that the fit has not seen, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads.annotating.time_limit import TimeLimit
from headstart.heads.masks.solve import _Candidate, _Fit, most_parts, solve_masks
from headstart.heads.masks.toy import toy_masks
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import STATISTICS, MapSource, maps_of


@pytest.fixture(scope="module")
def maps() -> MapSource:
    return maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))


@pytest.mark.parametrize("groups", [None, ["a", "b", "b", "c", "a", "c"]])
def test_left_out_scores_are_those_of_a_refit_without_the_group(maps: MapSource, groups: list[str] | None) -> None:
    data = toy_masks(6)
    data = data if groups is None else replace(data, groups=np.array(groups))
    fit = _Fit(data, maps, Engine(), 0, TimeLimit())
    total = fit.sums(range(6))
    candidate = _Candidate((STATISTICS,), 0.5, "lda", 1e-3)
    seen = []
    for part, rest in fit.each_left_out(total, fit.left_out_parts(48), None):
        (cells, *_), out = part, [each.index for each in part]
        assert not groups or {data.groups[k] for k in out} == {data.groups[cells.index]}
        others = [k for k in range(6) if k not in out]
        refit = _Fit(data.take(others), maps, Engine(), 0, TimeLimit())
        one, other = fit.linear(rest, candidate), refit.linear(refit.sums(range(len(others))), candidate)
        np.testing.assert_allclose(cells.rows @ one.weight, cells.rows @ other.weight, atol=1e-8)
        np.testing.assert_allclose(one.weight, other.weight, rtol=1e-7, atol=1e-8)
        seen += out
    assert sorted(seen) == list(range(6))


def test_only_some_pictures_are_left_out_of_many(maps: MapSource) -> None:
    solved = solve_masks(toy_masks(6), maps, most=3)
    assert solved.count == 3
    assert solved.moments.counts.sum() == pytest.approx(6 * 144)


def test_without_objects_pixels_alone_decide(maps: MapSource) -> None:
    solved = solve_masks(toy_masks(4, objects=False), maps)
    assert set(solved.left_out) == {"miou"}
    assert solved.left_out["miou"] > 0.9
    assert not solved.head.decoder.boundary


def test_many_groups_are_left_out_in_few_parts_that_split_no_group(maps: MapSource) -> None:
    data = replace(toy_masks(40), groups=np.array([f"slide {k // 2}" for k in range(40)]))
    fit = _Fit(data, maps, Engine(), 0, TimeLimit())
    parts = fit.left_out_parts(12)
    assert len(parts) == 8
    assert sorted(len(part) for part in parts) == [2] * 4 + [4] * 4
    assert all(k + 1 in part for part in parts for k in part if k % 2 == 0)


def test_blocks_are_chosen_among_nested_subsets() -> None:
    maps = maps_of(open_source("headstart:image"), MapSettings(stride=8, window=(64, 64)))
    fit = _Fit(toy_masks(2, side=64), maps, Engine(), 0, TimeLimit())
    assert [len(blocks) for blocks in fit.subsets] == [4, 5, 6]
    assert all(blocks[-1] == STATISTICS for blocks in fit.subsets)
    assert len(fit.columns(fit.subsets[0])) == 32 + 48 + 96 + 9


def test_one_picture_or_one_class_is_refused(maps: MapSource) -> None:
    with pytest.raises(DataError, match="at least two pictures"):
        solve_masks(toy_masks(1), maps)
    empty = toy_masks(2, objects=False)
    for mask in empty.y:
        mask.values[:] = 0
    with pytest.raises(DataError, match="have one class"):
        solve_masks(empty, maps)


def test_ignored_pixels_count_nowhere(maps: MapSource) -> None:
    data = toy_masks(3, objects=False)
    for mask in data.y:
        mask.values[:8] = -1
    solved = solve_masks(data, maps)
    assert solved.moments.counts.sum() == pytest.approx(3 * 12 * 8)


def test_many_classes_of_wide_rows_are_left_out_in_fewer_parts_or_refused() -> None:
    assert most_parts(3, 9) == 8
    assert 2 <= most_parts(100, 1000) < 8
    with pytest.raises(DataError, match="merge classes"):
        most_parts(200, 2000)


def test_after_the_time_limit_the_penalties_alone_are_compared(maps: MapSource) -> None:
    limit = TimeLimit(lambda: True)
    solved = solve_masks(toy_masks(4), maps, limit=limit)
    assert {each["beta"] for each in solved.candidates} == {0.5}
    assert len({each["lambda"] for each in solved.candidates}) > 2
    assert limit.was_reached
    assert solved.left_out["instance_f1"] == 1
