"""Every registered score: it ranks, it takes what data are like, and it refuses with one sentence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError, UnknownNameError
from headstart.scores import SCORES, Score
from headstart.scores.inputs import draw_rows
from headstart.types import Task

NAMES = sorted(SCORES)
TASK = Task("classification", ("a", "b", "c"))


def made(seed, n=90, d=8, strength=1.5):
    """Features of which the first three carry the class, with the given strength."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 3)
    x = rng.normal(size=(n, d))
    x[:, :3] += strength * np.eye(3)[y]
    return x, y


def test_the_registered_scores():
    wanted = "gbc h_score leave_one_out_accuracy leave_one_out_ridge linear_cka logme n_leep nearest_neighbours parc"
    assert set(wanted.split()) | {"sfda", "transrate"} == set(NAMES)
    for name in NAMES:
        assert isinstance(SCORES[name], Score)
        assert SCORES[name].name == name
    assert [name for name in NAMES if "regression" in SCORES[name].tasks] == ["leave_one_out_ridge", "logme"]
    with pytest.raises(UnknownNameError, match="Did you mean 'logme'"):
        SCORES["logmee"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_informative_features_score_above_weak_ones_and_those_above_noise(name, seed):
    found = [SCORES[name](*made(seed, strength=strength), TASK) for strength in (0.0, 2.0, 6.0)]
    assert found[2] >= found[1] > found[0]
    assert isinstance(found[0], float)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_as_they_are_and_a_score_is_the_same_again(name):
    x, y = made(0)
    kept, labels = x.copy(), y.copy()
    assert SCORES[name](x, y, TASK, seed=1) == SCORES[name](x, y, TASK, seed=1)
    assert (x == kept).all()
    assert (y == labels).all()
    x.flags.writeable = y.flags.writeable = False
    SCORES[name](x, y, TASK)


@pytest.mark.parametrize("name", NAMES)
def test_float32_scores_as_float64_does(name):
    x, y = made(0)
    x = x.astype(np.float32)
    assert SCORES[name](x, y, TASK) == pytest.approx(SCORES[name](x.astype(np.float64), y, TASK), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_without_rows_changes_nothing(name):
    x, y = made(0)
    wider = Task("classification", ("a", "none", "b", "c"))
    assert SCORES[name](x, np.array([0, 2, 3])[y], wider) == SCORES[name](x, y, TASK)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["few rows", "one constant column", "duplicates", "a class of one row"])
def test_awkward_features_have_a_finite_score(name, kind):
    x, y = made(1)
    if kind == "few rows":
        x, y = made(1, n=20, d=50)
    elif kind == "one constant column":
        x = np.hstack([x, np.full((90, 1), 7.0)])
    elif kind == "duplicates":
        x, y = np.repeat(x[:20], 3, axis=0), np.repeat(y[:20], 3)
    else:
        y = np.where(np.arange(90) == 0, 5, y)
    assert np.isfinite(SCORES[name](x, y, Task("classification", tuple("abcdef"))))


@pytest.mark.parametrize("name", NAMES)
def test_features_that_are_all_the_same_score_low_or_are_refused(name):
    _, y = made(1)
    try:
        found = SCORES[name](np.full((90, 4), 0.1, np.float32), y, TASK)
    except DataError as error:
        assert name in {"transrate", "gbc", "parc", "sfda", "n_leep", "linear_cka"}
        assert "var" in str(error) or "differ" in str(error)  # noqa: PT017
    else:
        assert name in {"logme", "h_score", "leave_one_out_ridge", "leave_one_out_accuracy", "nearest_neighbours"}
        assert found < SCORES[name](*made(1), TASK)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_scored_is_refused_in_one_sentence(name):
    x, y = made(2)
    with pytest.raises(DataError, match="two classes or more"):
        SCORES[name](x, np.zeros(90, int), TASK)
    with pytest.raises(DataError, match="Row 3 of the features holds a NaN"):
        SCORES[name](np.where(np.arange(90)[:, None] == 3, np.nan, x), y, TASK)
    with pytest.raises(ParameterError, match=r"must be an array \(n, d\)"):
        SCORES[name](x[:, 0], y, TASK)
    with pytest.raises(ParameterError, match="real numbers"):
        SCORES[name](x.astype(str), y, TASK)
    with pytest.raises(ParameterError, match="one integer class code for each of 90 rows"):
        SCORES[name](x, y[:-1], TASK)
    with pytest.raises(ParameterError, match="one integer class code"):
        SCORES[name](x, y.astype(float), TASK)
    with pytest.raises(DataError, match=r"rows or more"):
        SCORES[name](x[:1], y[:1], TASK)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_that_a_score_does_not_serve_is_refused(name):
    x, _ = made(0)
    values = np.random.default_rng(0).normal(size=(90, 1))
    task = Task("regression", ("v",))
    if "regression" in SCORES[name].tasks:
        assert SCORES[name](np.hstack([x, values]), values, task) > SCORES[name](x, values, task)
    else:
        with pytest.raises(ParameterError, match="'task' parameter of the score"):
            SCORES[name](x, values, task)


@pytest.mark.parametrize("name", ["leave_one_out_ridge", "nearest_neighbours"])
def test_groups_are_left_out_whole(name):
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(30), 3)
    y = rng.permutation(np.arange(30) % 2)[people]
    x = rng.normal(size=(30, 20))[people] + 0.1 * rng.normal(size=(90, 20))
    task = Task("classification", ("a", "b"))
    assert SCORES[name](x, y, task) > SCORES[name](x, y, task, groups=people) + 0.2


@pytest.mark.parametrize("name", ["linear_cka", "nearest_neighbours", "n_leep", "sfda"])
def test_scores_that_hold_all_rows_are_of_a_draw_where_there_are_many(name):
    x, y = made(0, n=300)
    score = replace(SCORES[name], max_rows=100)
    rows = draw_rows(300, 100, seed=2)
    assert score(x, y, TASK, seed=2) == SCORES[name](x[rows], y[rows], TASK, seed=2)
    people = np.repeat(np.arange(60), 5)
    together = draw_rows(300, 100, seed=2, groups=people)
    assert (np.bincount(people[together], minlength=60) % 5 == 0).all()
    assert score(x, y, TASK, groups=people, seed=2) == SCORES[name](
        x[together], y[together], TASK, groups=people[together], seed=2
    )
    with pytest.raises(ParameterError, match="one integer class code for each of 300 rows"):
        score(x, y[:-1], TASK)


def test_the_registry_loads_neither_scipy_nor_sklearn():
    code = "import sys, headstart.scores; print({'scipy', 'sklearn', 'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
