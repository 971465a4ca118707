"""Points of a space: canonical, mutated, crossed, and complete."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.search.space import Gene, Space

SPACE = Space(
    (
        Gene("head", ("ridge", "cell")),
        Gene("nodes", (1, 2), lambda values: values["head"] == "cell"),
        Gene("op", ("a", "b", "c"), lambda values: values["head"] == "cell" and values["nodes"] == 2),
    )
)


def test_every_draw_is_one_of_the_points_of_the_space():
    rng, points = np.random.default_rng(0), set(SPACE)
    assert points == {(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 1, 2)}
    drawn = [SPACE.sample(rng) for _ in range(200)]
    assert set(drawn) == points
    changed = [SPACE.mutate(point, rng) for point in drawn]
    assert set(changed) <= points
    assert all(a != b for a, b in zip(drawn, changed, strict=True))
    assert {SPACE.crossover(a, b, rng) for a, b in zip(drawn, changed, strict=True)} <= points


def test_neighbours_differ_in_one_choice():
    assert set(SPACE.neighbours((1, 1, 0))) == {(0, 0, 0), (1, 0, 0), (1, 1, 1), (1, 1, 2)}
    assert SPACE.neighbours((0, 0, 0)) == [(1, 0, 0)]


def test_a_gene_that_hangs_on_an_inactive_one_has_no_effect():
    assert SPACE.canonical((0, 1, 2)) == (0, 0, 0)
    assert SPACE.active((1, 0, 0)) == (0, 1)


@pytest.mark.parametrize("point", [(0, 0), (2, 0, 0), (0, -1, 0)])
def test_a_point_of_another_space_is_refused(point):
    with pytest.raises(ParameterError, match="A point of this space has 3 positions"):
        SPACE.values(point)


def test_unknown_genes_and_values_are_refused():
    with pytest.raises(ParameterError, match="no gene 'depth'"):
        SPACE.point({"depth": 1})
    with pytest.raises(ParameterError, match="'head' is one of"):
        SPACE.point({"head": "svm"})


@pytest.mark.parametrize("value", [None, "abc", (1, 1), (1, 1, True), (0, 1, 0), (1, 1, 3), (1, 1, -1), [1.0, 1, 2]])
def test_what_is_no_point(value):
    assert not SPACE.is_point(value)
    assert SPACE.is_point([1, 1, 2])
