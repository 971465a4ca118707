"""`heads=("auto",)`: the simplest head that the data cannot tell from the best."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from headstart.checks import toy_task
from headstart.errors import ParameterError, UnknownNameError
from headstart.heads import HEADS, HeadSearch, select_head
from headstart.heads.registry import check_head_names, heads_for
from headstart.heads.standard_error import mean_and_error
from headstart.types import Task

AUTO = HeadSearch(("auto",))
TWO = Task("classification", ("in", "out"))


def rings(n, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    turn, radius = rng.uniform(0, 2 * np.pi, n), 1 + 2 * y + 0.2 * rng.normal(size=n)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn)]), y


@pytest.fixture(scope="module")
def on_rings():
    x, y = rings(120)
    return select_head(x, y, TWO, search=AUTO)


def test_where_linear_heads_fail_it_takes_another(on_rings):
    new, truth = rings(200, seed=1)
    assert not on_rings.linear
    assert (on_rings.scores(new).argmax(axis=1) == truth).mean() > 0.95
    losses = {one.head: one.loss for one in on_rings.candidates if one.head in ("ridge", "lda")}
    assert min(losses.values()) > 0.6


def test_every_head_that_serves_is_accounted_for(on_rings):
    assert {one.head for one in on_rings.candidates} == {head.name for head in heads_for(TWO, ("auto",))} - {
        "late_fusion"
    }
    for one in on_rings.candidates:
        assert np.isfinite(one.loss) != bool(one.note)
    notes = {one.head: one.note for one in on_rings.candidates if one.note}
    assert notes["ordinal"] == "left out: the labels are not numbers"
    assert "by name" in notes["stacking"]


def test_on_linear_data_a_solved_head_stays():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 6))
    y = (x @ rng.normal(size=6) + 0.5 * rng.normal(size=90) > 0).astype(int)
    head = select_head(x, y, TWO, search=AUTO)
    assert head.head in ("ridge", "lda")
    assert head.linear


def test_without_names_the_choice_is_the_least_loss_as_ever():
    x, y, task = toy_task("classification", n=50)
    x += 3 * np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    for search in (HeadSearch(), HeadSearch(("solved",)), HeadSearch(("ridge", "lda"))):
        head = select_head(x, y, task, search=search)
        assert head.loss == min(one.loss for one in head.candidates)


def test_names_are_checked():
    x, y, task = toy_task("regression", n=20)
    with pytest.raises(ParameterError, match=r"must be one of .*'forest'"):
        select_head(x, y, task, search=HeadSearch(("logistic",)))
    with pytest.raises(UnknownNameError, match="Did you mean 'forest'"):
        check_head_names(("forrest",))
    check_head_names(("auto", "solved", *HEADS))


def test_rows_of_a_group_count_as_one_draw():
    values = np.repeat(np.random.default_rng(0).normal(size=50), 4)
    alone, together = mean_and_error(values)[1], mean_and_error(values, np.repeat(np.arange(50), 4))[1]
    assert together == pytest.approx(2 * alone, rel=0.05)


@pytest.mark.parametrize(
    "line", ["import headstart.heads", "from headstart.cli.parser import build_parser; build_parser()"]
)
def test_the_solved_heads_do_without_sklearn(line):
    code = f"""{line}
import sys, numpy as np
from headstart.heads import select_head
from headstart.types import Task
select_head(np.arange(12.0)[:, None], np.arange(12) // 6, Task("classification", ("a", "b")))
assert not [name for name in sys.modules if name in ("sklearn", "skops")]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_further_head_is_tried_when_the_time_is_over():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)).astype(np.float32), np.arange(60) % 2
    x[:, 0] += 2 * y
    head = select_head(x, y, Task("classification", ("a", "b")), search=HeadSearch(("auto",), until=0.0))
    assert {candidate.head for candidate in head.candidates if np.isfinite(candidate.loss)} <= {"ridge", "lda"}
    assert any("not tried, because the time limit is over" in note and "forest" in note for note in head.notes)
